package tokenstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 5 * time.Millisecond

// turn lets one goroutine at a time use a store, and lets the others give up with their context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn; who has got it gives it back by give.
func (t turn) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failure.From(err)
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return failure.From(ctx.Err())
	}
}

func (t turn) give() { <-t }

// lock takes the lock between processes at dir/name, for at most the limit. The folder is made where it is not there; the lock
// file stays. What it returns gives the lock back.
func lock(ctx context.Context, dir, name string, limit time.Duration) (func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(dir, err)
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := flock.New(filepath.Join(dir, name))
	_, err := l.TryLockContext(timed, lockPoll)
	switch {
	case err == nil:
		return func() { _ = l.Unlock() }, nil
	case ctx.Err() != nil:
		return nil, failure.From(ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, unusable(ErrUnavailable, err, "another process has held "+l.Path()+" for "+limit.String(),
			"wait until the other telematicsctl is done, then try again")
	default:
		return nil, unwritable(dir, err)
	}
}

// checkFolder tells whether files can be made in the folder, by making one.
func checkFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritable(dir, err)
	}
	f, err := os.CreateTemp(dir, ".check.*")
	if err != nil {
		return unwritable(dir, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return unwritable(dir, err)
	}
	return nil
}
