// Package filelock provides locks between processes, which end with the process that
// holds them. A lock file holds the PID of its last holder, so that who waits can say for
// whom.
//
// A leaf: it imports nothing of the project, and every room may import it.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// poll is how often a lock that another process holds is tried.
const poll = 5 * time.Millisecond

// HeldError is the error of a lock that another process held for all of the time that it
// was waited for.
type HeldError struct {
	Path   string
	PID    int // of the holder; 0 if it cannot be told
	Waited time.Duration
}

// Error names the holder.
func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another process has held %s for %s", e.Path, e.Waited)
	}
	return fmt.Sprintf("process %d has held %s for %s", e.PID, e.Path, e.Waited)
}

// Acquire takes the lock at path, waiting for at most limit while another process, or
// another goroutine of this one, holds it. The folder is created, with mode 0700, where
// it does not exist; the file stays. The error is a *HeldError, the context's, or that of
// the file system.
func Acquire(ctx context.Context, path string, limit time.Duration) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	until := time.Now().Add(limit)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		locked, err := l.TryLock()
		switch {
		case locked:
			note(path)
			return func() { _ = l.Unlock() }, nil
		case err != nil && !errors.Is(err, syscall.EINTR):
			_ = l.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case !time.Now().Before(until):
			_ = l.Close()
			return nil, &HeldError{Path: path, PID: holder(path), Waited: limit}
		}
		if err := wait.Sleep(ctx, poll); err != nil {
			_ = l.Close()
			return nil, err
		}
	}
}

// note writes this process's PID into the lock file. On a full disk the holder stays
// unnamed; that is not an error.
func note(path string) {
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

func holder(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}
