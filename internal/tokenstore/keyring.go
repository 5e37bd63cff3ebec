package tokenstore

import (
	"context"
	"errors"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// keyringLock is the name of the lock file between the processes that write to the keyring.
	keyringLock = "keyring.lock"

	// keyringLockLimit is how long a write waits for other processes', with a person or without: each of theirs takes several calls of the
	// keyring, and a pair that is not written is lost.
	keyringLockLimit = 30 * time.Second
)

// keyringStore keeps one record a subject in a keyring, and beside it, in the state folder, an index of what is there.
type keyringStore struct {
	dir         string
	backend     Backend
	guard       guard
	quick       guard // for its state, which asks no person anything
	interactive bool
	elsewhere   string // the hint for who cannot use the keyring
	index       index

	turn  turn
	ready bool            // the keyring was seen to be there
	seen  map[Key]*Record // what was read or written; nil for what is not there
}

func newKeyring(o Options) *keyringStore {
	k := &keyringStore{
		dir: o.Dir, backend: o.Backend, interactive: o.Interactive, elsewhere: elsewhere(o), index: newIndex(o.Dir),
		turn: newTurn(), seen: map[Key]*Record{},
	}
	if k.backend == nil {
		k.backend = newSystem(o.Getenv)
	}
	k.guard.limit = limitWithoutPerson
	if o.Interactive {
		k.guard.limit = limitWithPerson
	}
	return k
}

func (k *keyringStore) Kind() string { return KindKeyring }

// Check asks the keyring for something that is not there, and tries the folder of the index.
func (k *keyringStore) Check(ctx context.Context) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.turn.give()
	if _, _, err := k.fetch(ctx, "check"); err != nil {
		return err
	}
	return checkFolder(k.dir)
}

func (k *keyringStore) Get(ctx context.Context, key Key) (Record, error) {
	if err := k.begin(ctx); err != nil {
		return Record{}, err
	}
	defer k.turn.give()
	if r, known := k.seen[key]; known {
		return found(key, r)
	}
	return k.read(ctx, key)
}

func (k *keyringStore) Fresh(ctx context.Context, key Key) (Record, error) {
	if err := k.begin(ctx); err != nil {
		return Record{}, err
	}
	defer k.turn.give()
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
			r := toWire(item.Record).record()
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

// begin takes the turn and makes sure, once, that the keyring is there. Without an error the caller gives the turn back.
func (k *keyringStore) begin(ctx context.Context) error {
	if err := k.turn.take(ctx); err != nil {
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
		k.turn.give()
		return k.unusable(ctx, err)
	}
	k.ready = true
	return nil
}

// change writes to the keyring and the index under the lock between processes. The records of which work has told note are
// entered into the index even where a later one failed.
func (k *keyringStore) change(ctx context.Context, keys []Key, work func(note func(Key, *Record)) error) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.turn.give()
	release, err := lock(ctx, k.dir, keyringLock, keyringLockLimit)
	if err != nil {
		return err
	}
	defer release()
	// The records are in the keyring, which is what counts: an index that could not be written is mended by who meets it next.
	marked := k.loadIndex(ctx) == nil && k.index.mark(keys) == nil
	changed := map[Key]*Record{}
	err = work(func(key Key, r *Record) { changed[key], k.seen[key] = r, r })
	if marked || k.loadIndex(ctx) == nil {
		_ = k.index.update(changed)
	}
	return err
}

// read reads a record anew and mends the index where it says otherwise.
func (k *keyringStore) read(ctx context.Context, key Key) (Record, error) {
	r, err := k.load(ctx, key)
	if err != nil {
		return Record{}, err
	}
	if !k.index.agrees(key, r) {
		if r, err = k.mend(ctx, key, r); err != nil {
			return Record{}, err
		}
	}
	k.seen[key] = r
	return found(key, r)
}

// mend enters a record into the index, read again under the lock, as another process may be writing it just now.
func (k *keyringStore) mend(ctx context.Context, key Key, seen *Record) (*Record, error) {
	release, err := lock(ctx, k.dir, keyringLock, k.guard.limit)
	if err != nil {
		return seen, nil // the record was read all the same; the next Get mends the index
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

// fetch reads one item of the keyring, and tells whether it is there.
func (k *keyringStore) fetch(ctx context.Context, user string) (secret string, there bool, err error) {
	secret, err = guarded(ctx, &k.guard, func(context.Context) (string, error) { return k.backend.Get(service, user) })
	switch {
	case err == nil:
		return secret, true, nil
	case isMissing(err):
		return "", false, nil
	default:
		return "", false, k.unusable(ctx, err)
	}
}

// isMissing tells whether a keyring has answered that nothing is there.
func isMissing(err error) bool {
	return errors.Is(err, keyring.ErrNotFound) || errors.Is(err, ErrNotFound)
}

// store writes one item of the keyring.
func (k *keyringStore) store(ctx context.Context, user, secret string) error {
	_, err := guarded(ctx, &k.guard, func(context.Context) (none, error) { return none{}, k.backend.Set(service, user, secret) })
	return k.unusable(ctx, err)
}

// remove removes one item of the keyring, and tells whether it was there.
func (k *keyringStore) remove(ctx context.Context, user string) (there bool, err error) {
	_, err = guarded(ctx, &k.guard, func(context.Context) (none, error) { return none{}, k.backend.Delete(service, user) })
	if isMissing(err) {
		return false, nil
	}
	return err == nil, k.unusable(ctx, err)
}

// state asks the keyring whether it can be used. A bus that does not answer at once does not answer: neither is asked again.
func (k *keyringStore) state(ctx context.Context) error {
	k.quick.limit = min(k.guard.limit, stateLimit)
	_, err := guarded(ctx, &k.quick, func(ctx context.Context) (none, error) { return none{}, k.backend.State(ctx) })
	if errors.Is(err, errNoAnswer) {
		k.guard.limit = k.quick.limit // what it was given, for the message
		k.guard.hung.Store(true)
	}
	return err
}

// none is the value of a call that has only an error.
type none struct{}

// unusable makes our error of a keyring's: locked or unavailable. A keyring's error does not say which, so it is
// asked for its state. The end of the context stays what it is; nil stays nil.
func (k *keyringStore) unusable(ctx context.Context, err error) error {
	limit := k.guard.limit
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure.From(ctx.Err())
	case errors.Is(err, ErrLocked), errors.Is(k.state(ctx), ErrLocked): // one that is locked waits for a person, and does not answer
		return unusable(ErrLocked, err, "the keyring is locked", "unlock it (signing in to the desktop does), or "+k.elsewhere)
	case errors.Is(err, errNoAnswer):
		return unusable(ErrUnavailable, err, "the keyring cannot be used: it has not answered within "+limit.String(), k.elsewhere)
	default:
		return unusable(ErrUnavailable, err, "the keyring cannot be used: "+err.Error(), k.elsewhere)
	}
}
