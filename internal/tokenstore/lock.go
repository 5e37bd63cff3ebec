package tokenstore

import (
	"context"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// lockLimit is how long a write waits for other processes', with a person or without: each of
// theirs takes some milliseconds, and a pair that is not written is lost.
const lockLimit = 15 * time.Second

// semaphore lets one goroutine at a time use a store, and lets the others give up with their
// context.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(semaphore, 1) }

// acquire waits for the semaphore; release gives it back.
func (s semaphore) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failure.From(err)
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return failure.From(ctx.Err())
	}
}

func (s semaphore) release() { <-s }

// lock takes the lock between processes at dir/name, waiting for at most the limit. The error names
// the process that holds it, or why there can be no lock.
func lock(ctx context.Context, dir, name string, limit time.Duration) (release func(), err error) {
	path := filepath.Join(dir, name)
	release, err = filelock.Acquire(ctx, path, limit)
	switch {
	case err == nil:
		return release, nil
	case ctx.Err() != nil:
		return nil, failure.From(ctx.Err())
	default:
		return nil, notWritten("the token store cannot be locked in "+dir, path, err)
	}
}
