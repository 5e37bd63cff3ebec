package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// noteFile says where the process that serves the folder is to be found.
	noteFile = "serving.json"
	// noteLock is held by that process for its whole life: a note is believed only while it is.
	noteLock = "serving.lock"
	// noteWait is how long a new server tries for the lock: those who only look at it hold it for moments.
	noteWait = time.Second
)

// ErrServed says that another process serves the state folder at URL: the request was not carried out, and is to be
// sent there.
type ErrServed struct{ URL string }

// Error names the address.
func (e *ErrServed) Error() string { return "the sandbox's state folder is served at " + e.URL }

type note struct {
	URL string
	PID int
}

// Serving is the address of the process that serves the state folder now, if one does. The note of a dead process is
// not believed.
func Serving(ctx context.Context, dir string) (url string, ok bool) {
	if ctx.Err() != nil {
		return "", false
	}
	n, err := readNote(dir)
	if err != nil {
		return "", false
	}
	lock := flock.New(filepath.Join(dir, noteLock))
	free, err := lock.TryRLock()
	if free {
		_ = lock.Unlock()
	}
	return n.URL, err == nil && !free
}

func readNote(dir string) (note, error) {
	var n note
	data, err := os.ReadFile(filepath.Join(dir, noteFile)) //nolint:gosec // the user names the folder
	if err != nil {
		return n, err
	}
	return n, json.Unmarshal(data, &n)
}

// claim takes the folder for a server at url and writes the note. The returned function gives it up: the note goes
// first, then finish runs, the lock last.
func claim(ctx context.Context, dir, url string, take func(context.Context) error) (giveUp func(finish func() error) error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unusable(dir, err)
	}
	lock := flock.New(filepath.Join(dir, noteLock))
	trying, cancel := context.WithTimeout(ctx, noteWait)
	defer cancel()
	if ok, err := lock.TryLockContext(trying, lockPoll); !ok {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, alreadyServed(dir, err)
	}
	path := filepath.Join(dir, noteFile)
	fail := func(err error) error { return errors.Join(err, ignoreMissing(os.Remove(path)), lock.Close()) }
	// A note of a dead server would send those who wait for the file to nowhere.
	if err := ignoreMissing(os.Remove(path)); err != nil {
		return nil, fail(unusable(dir, err))
	}
	if err := take(ctx); err != nil {
		return nil, fail(err)
	}
	data, err := json.Marshal(note{URL: url, PID: os.Getpid()})
	if err == nil {
		err = atomicfile.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return nil, fail(unusable(dir, err))
	}
	return func(finish func() error) error {
		return errors.Join(ignoreMissing(os.Remove(path)), finish(), lock.Close())
	}, nil
}

func alreadyServed(dir string, cause error) error {
	where := "another process"
	if n, err := readNote(dir); err == nil {
		where = fmt.Sprintf("process %d at %s", n.PID, n.URL)
	}
	return &failure.Error{
		Code: failure.Failed, Message: "the sandbox's state folder is taken: " + where + " serves it",
		Hint: "stop that one first, or serve a sandbox in memory", Cause: cause,
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
