package tokenstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/zalando/go-keyring"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// keyringLock is the name of the lock file between the processes that write to the keyring.
	keyringLock = "keyring.lock"

	// reserveUser begins the names of the items that prove that there is room for what will be
	// written.
	reserveUser = "reserved"
)

// keyringStore keeps one record a subject in a keyring, and beside it, in the state folder, an
// index of what is there.
type keyringStore struct {
	dir         string
	backend     Backend
	calls       deadline
	quick       deadline // for its state, which asks no person anything
	interactive bool
	index       index

	sem   semaphore
	ready bool            // the keyring was seen to be there
	seen  map[Key]*Record // what was read or written; nil for what is not there
}

func newKeyring(o Options) *keyringStore {
	k := &keyringStore{
		dir: o.Dir, backend: o.Backend, interactive: o.Interactive, index: newIndex(o.Dir),
		sem: newSemaphore(), seen: map[Key]*Record{},
	}
	if k.backend == nil {
		k.backend = newSystem(o.Getenv)
	}
	k.calls.limit = limitWithoutPerson
	if o.Interactive {
		k.calls.limit = limitWithPerson
	}
	return k
}

func (k *keyringStore) Kind() string { return KindKeyring }

// Check writes to the keyring as much as a pair takes, and to the folder of the index.
func (k *keyringStore) Check(ctx context.Context) error {
	release, err := k.Reserve(ctx, Key{}, PairSize)
	if err != nil {
		return err
	}
	release()
	return nil
}

// Reserve writes an item as long as what will be written, or several where the keyring takes none
// that long, and removes them: a keyring replaces its whole file at each write, so that room in it
// cannot be held, only be proved.
func (k *keyringStore) Reserve(ctx context.Context, _ Key, size int) (release func(), err error) {
	if size == 0 {
		size = PairSize
	}
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	defer k.sem.release()
	unlock, err := lock(ctx, k.dir, keyringLock, lockLimit)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := k.index.makeRoom(); err != nil {
		return nil, unwritable(k.dir, err)
	}
	return func() {}, k.proveRoom(ctx, size+recordOverhead)
}

// proveRoom writes items as long as size in all, and removes them.
func (k *keyringStore) proveRoom(ctx context.Context, size int) error {
	items := 0
	var failed error
	for size > 0 && failed == nil {
		user := reserveUser + "." + strconv.Itoa(items)
		length := size
		if limit := k.backend.Limit(service, user); limit > 0 {
			length = min(length, limit)
		}
		failed = k.store(ctx, user, strings.Repeat("-", length))
		size -= length
		items++
	}
	for ; items > 0; items-- {
		if _, err := k.remove(ctx, reserveUser+"."+strconv.Itoa(items-1)); failed == nil {
			failed = err
		}
	}
	return failed
}

func (k *keyringStore) Get(ctx context.Context, key Key) (Record, error) {
	if err := k.begin(ctx); err != nil {
		return Record{}, err
	}
	defer k.sem.release()
	if r, known := k.seen[key]; known {
		return found(key, r)
	}
	return k.read(ctx, key)
}

func (k *keyringStore) Fresh(ctx context.Context, key Key) (Record, error) {
	if err := k.begin(ctx); err != nil {
		return Record{}, err
	}
	defer k.sem.release()
	return k.read(ctx, key)
}

func (k *keyringStore) Put(ctx context.Context, items ...Item) error {
	if len(items) == 0 {
		return nil
	}
	keys := make([]Key, len(items))
	for i, item := range items {
		keys[i] = item.Key
	}
	return k.change(ctx, keys, func(note func(Key, *Record)) error {
		for _, item := range items {
			r := toJSON(item.Record).record()
			if err := k.save(ctx, item.Key, r); err != nil {
				delete(k.seen, item.Key) // the old one or the new: to be read, not believed
				return err
			}
			note(item.Key, &r)
		}
		return nil
	})
}

func (k *keyringStore) Delete(ctx context.Context, keys ...Key) error {
	if len(keys) == 0 {
		return nil
	}
	return k.change(ctx, keys, func(note func(Key, *Record)) error {
		for _, key := range keys {
			if err := k.erase(ctx, key); err != nil {
				delete(k.seen, key)
				return err
			}
			note(key, nil)
		}
		return nil
	})
}

// begin acquires the semaphore and makes sure, once, that the keyring is there. Without an error
// the caller releases it.
func (k *keyringStore) begin(ctx context.Context) error {
	if err := k.sem.acquire(ctx); err != nil {
		return err
	}
	if k.ready {
		return nil
	}
	err := k.state(ctx)
	if errors.Is(err, ErrLocked) && k.interactive {
		err = nil // the call that follows asks the person
	}
	if err != nil {
		err = k.unusable(ctx, err) // it asks the keyring too, one call at a time
		k.sem.release()
		return err
	}
	k.ready = true
	return nil
}

// change writes to the keyring and the index under the lock between processes. The records of which
// work has told note are entered into the index even where a later one failed.
func (k *keyringStore) change(ctx context.Context, keys []Key, work func(note func(Key, *Record)) error) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.sem.release()
	release, err := lock(ctx, k.dir, keyringLock, lockLimit)
	if err != nil {
		return err
	}
	defer release()
	// The records are in the keyring, which is what counts: an index that could not be written is
	// repaired by whoever meets it next.
	marked := k.loadIndex(ctx) == nil && k.index.mark(keys) == nil
	changed := map[Key]*Record{}
	err = work(func(key Key, r *Record) { changed[key], k.seen[key] = r, r })
	if marked || k.loadIndex(ctx) == nil {
		_ = k.index.update(changed)
	}
	return err
}

// read reads a record again and repairs the index where it differs.
func (k *keyringStore) read(ctx context.Context, key Key) (Record, error) {
	r, err := k.load(ctx, key)
	if err != nil {
		return Record{}, err
	}
	if !k.index.agrees(key, r) {
		if r, err = k.repairIndex(ctx, key, r); err != nil {
			return Record{}, err
		}
	}
	k.seen[key] = r
	return found(key, r)
}

// repairIndex enters a record into the index, read again under the lock, as another process may be
// writing it just now.
func (k *keyringStore) repairIndex(ctx context.Context, key Key, seen *Record) (*Record, error) {
	release, err := lock(ctx, k.dir, keyringLock, k.calls.limit)
	if err != nil {
		return seen, nil // the record was read anyway; the next Get repairs the index
	}
	defer release()
	r, err := k.load(ctx, key)
	if err != nil {
		return nil, err
	}
	if k.loadIndex(ctx) == nil {
		_ = k.index.update(map[Key]*Record{key: r}) // as above
	}
	return r, nil
}

func found(key Key, r *Record) (Record, error) {
	if r == nil {
		return Record{}, notFound(key)
	}
	return *r, nil
}

// fetch reads one item of the keyring, and reports whether it is there.
func (k *keyringStore) fetch(ctx context.Context, user string) (secret string, there bool, err error) {
	secret, err = withDeadline(ctx, &k.calls, func(context.Context) (string, error) {
		return k.backend.Get(service, user)
	})
	switch {
	case err == nil:
		return secret, true, nil
	case isMissing(err):
		return "", false, nil
	default:
		return "", false, k.unusable(ctx, err)
	}
}

// isMissing reports whether a keyring has answered that nothing is there.
func isMissing(err error) bool {
	return errors.Is(err, keyring.ErrNotFound) || errors.Is(err, ErrNotFound)
}

// store writes one item of the keyring.
func (k *keyringStore) store(ctx context.Context, user, secret string) error {
	_, err := withDeadline(ctx, &k.calls, func(context.Context) (struct{}, error) {
		return struct{}{}, k.backend.Set(service, user, secret)
	})
	return k.unusable(ctx, err)
}

// remove removes one item of the keyring, and reports whether it was there.
func (k *keyringStore) remove(ctx context.Context, user string) (there bool, err error) {
	_, err = withDeadline(ctx, &k.calls, func(context.Context) (struct{}, error) {
		return struct{}{}, k.backend.Delete(service, user)
	})
	if isMissing(err) {
		return false, nil
	}
	return err == nil, k.unusable(ctx, err)
}

// state asks the keyring whether it can be used. A bus that does not answer at once does not
// answer: neither is asked again.
func (k *keyringStore) state(ctx context.Context) error {
	k.quick.limit = min(k.calls.limit, stateLimit)
	_, err := withDeadline(ctx, &k.quick, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, k.backend.State(ctx)
	})
	if errors.Is(err, errNoAnswer) {
		k.calls.limit = k.quick.limit // what it was given, for the message
		k.calls.hung.Store(true)
	}
	return err
}

// unusable makes our error of a keyring's: locked or unavailable. A keyring's error does not say
// which, so it is asked for its state. The end of the context stays what it is; nil stays nil.
func (k *keyringStore) unusable(ctx context.Context, err error) error {
	limit := k.calls.limit
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure.From(ctx.Err())
	case errors.Is(err, ErrLocked), errors.Is(k.state(ctx), ErrLocked):
		// one that is locked waits for a person, and does not answer
		return unusable(ErrLocked, err, "the keyring is locked", ReasonKeyringLocked, "")
	case errors.Is(err, errNoAnswer):
		return unusable(ErrUnavailable, err, "the keyring cannot be used: it has not answered within "+limit.String(),
			ReasonNoKeyring, "")
	default:
		return unusable(ErrUnavailable, err, "the keyring cannot be used: "+err.Error(), ReasonNoKeyring, "")
	}
}
