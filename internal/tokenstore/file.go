package tokenstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// The files in the state folder.
const (
	encryptedName = "tokens.age"
	plainName     = "tokens.plain"
)

// codec turns records into a file's content and back.
type codec interface {
	// prepare gets whatever a write will need, before the lock is taken: a person may be asked for
	// it.
	prepare(ctx context.Context) error
	open(ctx context.Context, data []byte) (records, error)
	seal(ctx context.Context, t records) ([]byte, error)
}

// fileStore keeps all records in one file, which is replaced at each write. Reading needs no lock,
// as the file at the path is always a whole one; a write reads it again under the lock, so that no
// other process's is lost.
type fileStore struct {
	path  string
	codec codec
	sem   semaphore

	loaded bool
	data   []byte  // the file as last read or written; nil where there was none
	all    records // what is in data; never changed in place

	spare    *atomicfile.Output // room on the disk for the next write; nil where nothing is reserved
	reserved []int              // the sizes of the reservations that were not released
}

func newFile(o Options) *fileStore {
	s := &fileStore{sem: newSemaphore()}
	if o.Plain {
		s.path = filepath.Join(o.Dir, plainName)
		s.codec = plainCodec{path: s.path}
		return s
	}
	s.path = filepath.Join(o.Dir, encryptedName)
	s.codec = &encryptedCodec{path: s.path, work: cmp.Or(o.WorkFactor, workFactor), tries: max(o.PassphraseTries, 1),
		ask: func(ctx context.Context) (secret.String, error) {
			switch {
			case o.NewPassphrase != nil && !s.exists():
				return o.NewPassphrase(ctx)
			case o.Passphrase != nil:
				return o.Passphrase(ctx)
			}
			return secret.String{}, nil
		}}
	return s
}

func (s *fileStore) Kind() string { return KindFile }

// Check opens the file with the passphrase, and reserves room for a pair.
func (s *fileStore) Check(ctx context.Context) error {
	release, err := s.Reserve(ctx, Key{}, PairSize)
	if err != nil {
		return err
	}
	release()
	return nil
}

// fileOverhead is more than the parts of a file take that are neither records nor secrets: the
// first two lines, and the header of the records; recordOverhead is what a record's times, host and
// names take.
const (
	fileOverhead   = 4 << 10
	recordOverhead = 1 << 10
)

// Reserve writes and syncs a file as long as the next one will be, which the next Put fills.
func (s *fileStore) Reserve(ctx context.Context, _ Key, size int) (release func(), err error) {
	if size == 0 {
		size = PairSize
	}
	if err := s.sem.acquire(ctx); err != nil {
		return nil, err
	}
	defer s.sem.release()
	if err := s.unlock(ctx); err != nil {
		return nil, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.load(ctx, true); err != nil {
		return nil, err
	}
	s.reserved = append(s.reserved, size+recordOverhead)
	if err := s.makeRoom(); err != nil {
		s.drop(size + recordOverhead)
		return nil, notWritten("the token file "+s.path+" cannot be written", s.path, err)
	}
	return sync.OnceFunc(func() {
		s.sem <- struct{}{}
		defer s.sem.release()
		s.drop(size + recordOverhead)
	}), nil
}

// makeRoom makes the spare file long enough for the records and for all that is reserved.
func (s *fileStore) makeRoom() error {
	need := len(s.data) + fileOverhead
	for _, size := range s.reserved {
		need += size
	}
	if s.spare == nil {
		out, err := atomicfile.Create(s.path, 0o600)
		if err != nil {
			return err
		}
		s.spare = out
	}
	return s.spare.Reserve(int64(need))
}

// drop ends a reservation.
func (s *fileStore) drop(size int) {
	for i, r := range s.reserved {
		if r == size {
			s.reserved = append(s.reserved[:i], s.reserved[i+1:]...)
			break
		}
	}
	if len(s.reserved) == 0 && s.spare != nil {
		s.spare.Discard()
		s.spare = nil
	}
}

func (s *fileStore) Get(ctx context.Context, key Key) (Record, error) { return s.read(ctx, key, false) }

func (s *fileStore) Fresh(ctx context.Context, key Key) (Record, error) {
	return s.read(ctx, key, true)
}

func (s *fileStore) read(ctx context.Context, key Key, again bool) (Record, error) {
	if err := s.sem.acquire(ctx); err != nil {
		return Record{}, err
	}
	defer s.sem.release()
	if err := s.load(ctx, again); err != nil {
		return Record{}, err
	}
	r, found := s.all[key]
	if !found {
		return Record{}, notFound(key)
	}
	return r, nil
}

func (s *fileStore) Put(ctx context.Context, items ...Item) error {
	if len(items) == 0 {
		return nil
	}
	return s.change(ctx, func(t records) bool {
		for _, item := range items {
			t[item.Key] = toJSON(item.Record).record()
		}
		return true
	})
}

func (s *fileStore) Delete(ctx context.Context, keys ...Key) error {
	if len(keys) == 0 || !s.exists() {
		return nil
	}
	return s.change(ctx, func(t records) bool {
		before := len(t)
		for _, key := range keys {
			delete(t, key)
		}
		return len(t) != before
	})
}

func (s *fileStore) exists() bool {
	_, err := os.Lstat(s.path)
	return !errors.Is(err, fs.ErrNotExist)
}

// List reads the file again where it has changed: it is what a person is shown.
func (s *fileStore) List(ctx context.Context, profile string) ([]Entry, error) {
	if err := s.sem.acquire(ctx); err != nil {
		return nil, err
	}
	defer s.sem.release()
	if err := s.load(ctx, true); err != nil {
		return nil, err
	}
	return s.all.list(profile), nil
}

// unlock gets what a write needs and opens the file, before the lock is taken: both may take long.
func (s *fileStore) unlock(ctx context.Context) error {
	if err := s.codec.prepare(ctx); err != nil {
		return err
	}
	return s.load(ctx, false)
}

func (s *fileStore) lock(ctx context.Context) (release func(), err error) {
	return lock(ctx, filepath.Dir(s.path), filepath.Base(s.path)+".lock", lockLimit)
}

// load fills s.all from the file: once, or again with again. A file whose content is the one last
// seen is not opened again.
func (s *fileStore) load(ctx context.Context, again bool) error {
	if s.loaded && !again {
		return nil
	}
	data, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.loaded, s.data, s.all = true, nil, records{}
		return nil
	case err != nil:
		return unreadable("the token file "+s.path+" cannot be read", s.path, err)
	case s.data != nil && bytes.Equal(data, s.data):
		return nil
	}
	all, err := s.codec.open(ctx, data)
	if err != nil {
		return err
	}
	s.loaded, s.data, s.all = true, data, all
	return nil
}

// change applies a change to what is in the file at that moment and writes it back where alter
// reports one.
func (s *fileStore) change(ctx context.Context, alter func(records) bool) error {
	if err := s.sem.acquire(ctx); err != nil {
		return err
	}
	defer s.sem.release()
	if err := s.unlock(ctx); err != nil {
		return err
	}
	release, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.load(ctx, true); err != nil {
		return err
	}
	next := maps.Clone(s.all)
	if !alter(next) {
		return nil
	}
	data, err := s.codec.seal(ctx, next)
	if err != nil {
		return failure.From(err)
	}
	if err := s.write(data); err != nil {
		s.loaded, s.data = false, nil // what is there now is to be read, not believed
		return notWritten("the token file "+s.path+" cannot be written", s.path, err)
	}
	s.loaded, s.data, s.all = true, data, next
	if len(s.reserved) > 1 {
		_ = s.makeRoom() // the other reservations'; at the least, they have the room of the file that was replaced
	}
	return nil
}

// write replaces the file, in the room that was reserved for it if there is any.
func (s *fileStore) write(data []byte) error {
	if s.spare == nil {
		return atomicfile.WriteFile(s.path, data, 0o600)
	}
	out := s.spare
	s.spare = nil
	if _, err := out.Write(data); err != nil {
		out.Discard()
		return err
	}
	return out.Commit()
}

// recordsVersion is the version of the format of both files.
const recordsVersion = 1

// plainCodec is the codec of the file that is not encrypted: a frame of the kind "tokens" around
// the records as JSON.
type plainCodec struct{ path string }

func (plainCodec) prepare(context.Context) error { return nil }

func (p plainCodec) open(_ context.Context, data []byte) (records, error) {
	text, err := atomicfile.Unframe("tokens", recordsVersion, data)
	if err != nil {
		return nil, unframed(p.path, err)
	}
	t, err := decodeRecords(text)
	if err != nil {
		return nil, damagedFile(p.path, err.Error())
	}
	return t, nil
}

func (plainCodec) seal(_ context.Context, t records) ([]byte, error) {
	text, err := t.encode()
	if err != nil {
		return nil, err
	}
	return atomicfile.Frame("tokens", recordsVersion, text), nil
}
