// Package store keeps the sandbox's data in memory, and in a file where it has a folder:
// a log of changes, which processes share by a lock that each holds for the time of a
// request.
//
// A change is in the file before it is acknowledged, so that it survives the end of the
// process (not that of the machine). Each process reads what the others have appended
// before it answers.
package store

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	dataFile = "sandbox.db"
	lockFile = "sandbox.lock"
	// lockPoll is how often a lock that another process holds is tried.
	lockPoll = 2 * time.Millisecond
	// compactFrom is from how many changes on a file is compacted when it is read, if
	// most of them are superseded.
	compactFrom = 20000
)

// ReasonNewer is that of a file that a newer version wrote: it is left as it is.
const ReasonNewer failure.Reason = "sandbox-newer"

// ReasonDamaged is that of a file that cannot be used: it is damaged, or another version's.
const ReasonDamaged failure.Reason = "sandbox-damaged"

// Options say where a store keeps its data.
type Options struct {
	Dir  string          // "" is memory alone
	Init func() []Change // what an empty store begins with
}

// Store keeps a State. It is safe for use by many goroutines, and a folder for use by
// many processes.
type Store struct {
	options Options
	turn    chan struct{} // the one request in the folder at a time, where it is not held
	lock    *flock.Flock

	mu     sync.RWMutex // over all below
	held   bool         // the lock is this process's until the end
	closed bool
	state  *State
	file   *os.File
	info   os.FileInfo // of file
	offset int64       // how much of file is in state
}

// Open makes a store. It touches no file: that happens at the first use.
func Open(o Options) *Store {
	s := &Store{options: o, turn: make(chan struct{}, 1)}
	if o.Dir == "" {
		s.state = newState()
		s.applyAll(o.Init())
	} else {
		s.lock = flock.New(filepath.Join(o.Dir, lockFile), flock.SetPermissions(0o600))
	}
	return s
}

func (s *Store) applyAll(changes []Change) {
	for i := range changes {
		s.state.apply(&changes[i])
	}
	s.state.pages = nil
}

// alone reports whether no other process can change the data now.
func (s *Store) alone() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.options.Dir == "" || s.held
}

// View calls fn with the state, which does not change meanwhile.
func (s *Store) View(ctx context.Context, fn func(*State)) error {
	if !s.alone() {
		return s.Update(ctx, func(st *State) []Change {
			fn(st)
			return nil
		})
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	fn(s.state)
	return nil
}

// Update calls fn with the state, makes the changes that it returns, all or none, and keeps them.
func (s *Store) Update(ctx context.Context, fn func(*State) []Change) error {
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.unusable(s.catchUp()); err != nil {
		return err
	}
	changes := fn(s.state)
	if len(changes) == 0 {
		return nil
	}
	if err := s.append(changes); err != nil {
		return s.unusable(err)
	}
	s.applyAll(changes)
	return nil
}

// acquire takes the store, and the folder's lock with it unless it is held. It waits for other
// processes as long as the context allows; it is ErrServed where one holds the folder and serves
// it.
func (s *Store) acquire(ctx context.Context) (release func(), err error) {
	release = s.mu.Unlock
	if !s.alone() {
		if err := s.takeTurn(ctx); err != nil {
			return nil, err
		}
		if err := s.takeLock(ctx); err != nil {
			<-s.turn
			return nil, err
		}
		release = func() {
			s.mu.Unlock()
			_ = s.lock.Unlock()
			<-s.turn
		}
	}
	s.mu.Lock()
	if s.closed {
		release()
		return nil, os.ErrClosed
	}
	return release, nil
}

func (s *Store) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeLock waits for the folder's lock.
func (s *Store) takeLock(ctx context.Context) error {
	for {
		ok, err := s.lock.TryLock()
		if errors.Is(err, os.ErrNotExist) {
			if err = os.MkdirAll(s.options.Dir, 0o700); err == nil {
				continue
			}
		}
		switch {
		case err != nil:
			return s.unusable(err)
		case ok:
			return s.removeNote()
		}
		if n, err := readNote(s.options.Dir); err == nil {
			return &ErrServed{URL: n.URL, PID: n.PID}
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp brings the state to what the file holds. The lock is taken.
func (s *Store) catchUp() error {
	if s.options.Dir == "" || s.held {
		return nil // no other process changes it
	}
	path := filepath.Join(s.options.Dir, dataFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.state = newState()
		s.applyAll(s.options.Init())
		return s.rewrite()
	case err != nil:
		return err
	case s.file != nil && os.SameFile(info, s.info) && info.Size() == s.offset:
		return nil
	case s.file != nil && os.SameFile(info, s.info) && info.Size() > s.offset:
		_, err := s.readOn()
		return err
	}
	return s.load(path)
}

// load reads the whole file.
func (s *Store) load(path string) error {
	if err := s.open(path); err != nil {
		return err
	}
	s.state, s.offset = newState(), 0
	changes, err := s.readOn()
	if err == nil && changes > compactFrom && changes > 2*s.state.size() {
		// Where another process has the file open, some systems do not let it be
		// replaced: it stays as it is.
		if s.rewrite() != nil {
			err = s.open(path)
		}
	}
	if err != nil {
		s.forget()
	}
	return err
}

func (s *Store) open(path string) error {
	s.forget()
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.file = f
	s.info, err = f.Stat()
	return err
}

// forget closes the file: it is read again before the next request.
func (s *Store) forget() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// readOn reads from the offset to the end, and cuts off what a killed process has left of a line.
func (s *Store) readOn() (changes int, err error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	data := make([]byte, info.Size()-s.offset)
	if _, err := s.file.ReadAt(data, s.offset); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	used, changes, err := replay(s.state, data, s.offset == 0)
	if err != nil {
		s.forget()
		return 0, &damaged{err}
	}
	s.state.pages = nil
	s.offset += int64(used)
	if used < len(data) {
		err = s.file.Truncate(s.offset)
	}
	return changes, err
}

// append writes changes at the end of the file.
func (s *Store) append(changes []Change) error {
	if s.options.Dir == "" {
		return nil
	}
	line, err := appendLine(nil, changes)
	if err != nil {
		return err
	}
	if _, err := s.file.WriteAt(line, s.offset); err != nil {
		return errors.Join(err, s.file.Truncate(s.offset))
	}
	s.offset += int64(len(line))
	return nil
}

// rewrite replaces the file by one that holds the state and nothing else.
func (s *Store) rewrite() error {
	path := filepath.Join(s.options.Dir, dataFile)
	s.forget()
	err := atomicfile.Write(path, 0o600, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		return errors.Join(writeSnapshot(buffered, s.state), buffered.Flush())
	})
	if err != nil {
		return err
	}
	if err := s.open(path); err != nil {
		return err
	}
	s.offset = s.info.Size()
	return nil
}

// Reset empties the store, whatever is in its file, and begins it again with init.
func (s *Store) Reset(ctx context.Context, init []Change) error {
	release, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.state = newState()
	s.applyAll(init)
	if s.options.Dir == "" {
		return nil
	}
	return s.unusable(s.rewrite())
}

// Close closes the file and gives up the folder. Requests after it fail.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.options.Dir != "" // what is in memory can still be exported
	s.forget()
	if s.held {
		s.held = false
		return errors.Join(s.removeNote(), s.lock.Unlock())
	}
	return nil
}

// damaged is the error of a file whose content cannot be read.
type damaged struct{ cause error }

func (d *damaged) Error() string { return d.cause.Error() }
func (d *damaged) Unwrap() error { return d.cause }

// unusable says that the folder cannot be used, and why.
func (s *Store) unusable(err error) error {
	path := filepath.Join(s.options.Dir, dataFile)
	what := "cannot read the sandbox's data in " + path
	var bad *damaged
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNewer):
		return failure.Wrap(failure.Failed, what, errNewer).Because(ReasonNewer, path)
	case errors.Is(err, errVersion):
		return failure.New(failure.Failed, what+": another version of telematicsctl wrote it").
			Because(ReasonDamaged, path)
	case errors.As(err, &bad):
		return failure.Wrap(failure.Failed, what+": it is damaged", err).Because(ReasonDamaged, path)
	}
	return failure.Wrap(failure.Failed, "cannot use the sandbox's folder "+s.options.Dir, err)
}
