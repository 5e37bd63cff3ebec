package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// noteFile says where the process that holds the folder serves it. It is believed only
// while the lock is taken.
const noteFile = "serving.json"

// holdWait is how long a server waits for the lock: others hold it for the time of a request.
const holdWait = 5 * time.Second

// ReasonServed is that of a folder that another process serves; the subject is its URL.
const ReasonServed failure.Reason = "sandbox-served"

// ErrServed says that another process serves the folder at URL: the request was not
// carried out, and is to be sent there.
type ErrServed struct {
	URL string
	PID int
}

// Error names the address.
func (e *ErrServed) Error() string { return "the sandbox's folder is served at " + e.URL }

// As makes it a failure.Error with its reason, for whoever reports it.
func (e *ErrServed) As(target any) bool {
	f, ok := target.(**failure.Error)
	if ok {
		*f = &failure.Error{Code: failure.Failed, Message: e.Error(), Reason: ReasonServed, Subject: e.URL, Cause: e}
	}
	return ok
}

type note struct {
	URL string
	PID int
}

func readNote(dir string) (note, error) {
	var n note
	data, err := os.ReadFile(filepath.Join(dir, noteFile))
	if err != nil {
		return n, err
	}
	return n, json.Unmarshal(data, &n)
}

// removeNote removes the note of a process that is gone.
func (s *Store) removeNote() error {
	if err := os.Remove(filepath.Join(s.options.Dir, noteFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s.unusable(err)
	}
	return nil
}

// Hold keeps the folder for this process until Close, and tells the others that it is
// served at url. It fails, of code failed, where another process serves it.
func (s *Store) Hold(ctx context.Context, url string) error {
	if s.options.Dir == "" {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, holdWait)
	defer cancel()
	if err := s.takeTurn(waiting); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if err := s.takeLock(waiting); err != nil {
		return s.cannotHold(ctx, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.catchUp()
	if err == nil {
		var data []byte
		if data, err = json.Marshal(note{URL: url, PID: os.Getpid()}); err == nil {
			err = atomicfile.WriteFile(filepath.Join(s.options.Dir, noteFile), data, 0o600)
		}
	}
	if err != nil {
		return errors.Join(s.unusable(err), s.lock.Unlock())
	}
	s.held = true
	return nil
}

func (s *Store) cannotHold(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := "another process"
	var served *ErrServed
	if errors.As(err, &served) {
		where = fmt.Sprintf("process %d at %s", served.PID, served.URL)
	} else if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return failure.Wrap(failure.Failed, "cannot serve the sandbox's folder: "+where+" serves it", err).
		Because(ReasonServed, where)
}
