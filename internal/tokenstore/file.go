package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// fileLockLimit is how long a write waits for other processes', each of which takes some milliseconds: a pair that is not written is lost.
const fileLockLimit = 30 * time.Second

// codec turns a table into a file's content and back.
type codec interface {
	// prepare gets whatever a write will need, before the lock is taken: a person may be asked for it.
	prepare(ctx context.Context) error
	open(ctx context.Context, data []byte) (table, error)
	seal(ctx context.Context, t table) ([]byte, error)
}

// fileStore keeps all records in one file, which is replaced at each write. Reading needs no lock, as the file at
// the path is always a whole one; a write reads it again under the lock, so that no other process's is lost.
type fileStore struct {
	path  string
	codec codec
	turn  turn

	loaded bool
	data   []byte // the file as last read or written; nil where there was none
	all    table  // what is in data; never changed in place
}

func newFile(o Options) *fileStore {
	s := &fileStore{turn: newTurn()}
	if o.Plain {
		s.path, s.codec = filepath.Join(o.Dir, "tokens.json"), plain{path: filepath.Join(o.Dir, "tokens.json")}
		return s
	}
	s.path = filepath.Join(o.Dir, "tokens.age")
	s.codec = &sealed{path: s.path, work: workFactor, ask: func(ctx context.Context) (secret.String, error) {
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

// Check opens the file with the passphrase and tries the folder.
func (s *fileStore) Check(ctx context.Context) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.give()
	if err := s.unlock(ctx); err != nil {
		return err
	}
	return checkFolder(filepath.Dir(s.path))
}

func (s *fileStore) Get(ctx context.Context, key Key) (Record, error) { return s.read(ctx, key, false) }

func (s *fileStore) Fresh(ctx context.Context, key Key) (Record, error) {
	return s.read(ctx, key, true)
}

func (s *fileStore) read(ctx context.Context, key Key, again bool) (Record, error) {
	if err := s.turn.take(ctx); err != nil {
		return Record{}, err
	}
	defer s.turn.give()
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
	return s.change(ctx, func(t table) bool {
		for _, item := range items {
			t[item.Key] = toWire(item.Record).record()
		}
		return true
	})
}

func (s *fileStore) Delete(ctx context.Context, keys ...Key) error {
	if len(keys) == 0 || !s.exists() {
		return nil
	}
	return s.change(ctx, func(t table) bool {
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

// List reads the file anew where it has changed: it is what a person is shown.
func (s *fileStore) List(ctx context.Context, profile string) ([]Entry, error) {
	if err := s.turn.take(ctx); err != nil {
		return nil, err
	}
	defer s.turn.give()
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

// load fills s.all from the file: once, or anew with again. A file whose content is the one last seen is not opened anew.
func (s *fileStore) load(ctx context.Context, again bool) error {
	if s.loaded && !again {
		return nil
	}
	data, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.loaded, s.data, s.all = true, nil, table{}
		return nil
	case err != nil:
		return unusable(ErrUnavailable, err, "the token file cannot be read: "+err.Error(), "make it readable for you, and for nobody else")
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

// change applies a change to what is in the file at that moment and writes it back where alter says that something has changed.
func (s *fileStore) change(ctx context.Context, alter func(table) bool) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.give()
	if err := s.unlock(ctx); err != nil {
		return err
	}
	release, err := lock(ctx, filepath.Dir(s.path), filepath.Base(s.path)+".lock", fileLockLimit)
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
	if err := atomicfile.WriteFile(s.path, data, 0o600); err != nil {
		s.loaded, s.data = false, nil // what is there now is to be read, not believed
		return unusable(ErrUnavailable, err, "the token file cannot be written: "+err.Error(), "make room in and for "+filepath.Dir(s.path))
	}
	s.loaded, s.data, s.all = true, data, next
	return nil
}

// damagedFile makes the error for a token file that is not what was written. Nothing of ours changes such a file.
func damagedFile(path, why string) error {
	return unusable(ErrDamaged, nil, "the token file "+path+" is damaged: "+why,
		"put a copy of it back, or move it away and sign in again; it was left as it is")
}

// plain is the codec of the file that is not sealed.
type plain struct{ path string }

func (plain) prepare(context.Context) error { return nil }

func (p plain) open(_ context.Context, data []byte) (table, error) {
	t, err := decodeTable(data)
	if err != nil {
		return nil, damagedFile(p.path, err.Error())
	}
	return t, nil
}

func (plain) seal(_ context.Context, t table) ([]byte, error) { return t.encode() }
