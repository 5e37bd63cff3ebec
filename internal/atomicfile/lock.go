package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 5 * time.Millisecond

// A HeldError says that another process held a lock for as long as was waited for it.
type HeldError struct {
	Path   string
	PID    int // of the process that holds it; 0 where that is not known
	Waited time.Duration
}

func (e *HeldError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("%s is locked by %s (waited %s)", e.Path, who, e.Waited)
}

// Lock takes the lock between processes at path and waits for it, for at most the limit (*HeldError) or until the context ends. The file, which holds the
// process ID of whoever has the lock, stays; its folder is created where it is missing. The lock ends with release, or with the process.
func Lock(ctx context.Context, path string, limit time.Duration) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := flock.New(path, flock.SetPermissions(0o600))
	for {
		switch _, err := l.TryLockContext(timed, lockPoll); {
		case err == nil:
			writeHolder(path, os.Getpid())
			return func() {
				writeHolder(path, 0)
				_ = l.Unlock()
			}, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil, &HeldError{Path: path, PID: holder(path), Waited: limit}
		default:
			return nil, err
		}
	}
}

// writeHolder notes who has the lock, always in as many bytes, so that a full disk takes a change too. It is a help to people: no error is worth
// a lock.
func writeHolder(path string, pid int) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "%20d\n", pid)
	_ = f.Close()
}

// holder reads what writeHolder wrote; 0 for nobody.
func holder(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
