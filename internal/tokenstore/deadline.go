package tokenstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// How long one call of a keyring may take: with a person there it may be waiting for a password.
const (
	limitWithPerson    = 30 * time.Second
	limitWithoutPerson = 3 * time.Second
	stateLimit         = 1500 * time.Millisecond // is it there, and unlocked: asks no person
)

// errNoAnswer is a call of a keyring that did not come back in time.
var errNoAnswer = errors.New("it does not answer")

// deadline limits the calls of a keyring, which has no limit of its own. After one that was not
// answered in time all later ones fail at once.
type deadline struct {
	limit time.Duration
	hung  atomic.Bool
}

// withDeadline runs one call. Where it returns before the call does, because of the deadline or of
// the context, the goroutine with the call is left behind: nothing can end it.
func withDeadline[T any](ctx context.Context, d *deadline, call func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var zero T
	if d.hung.Load() {
		return zero, errNoAnswer
	}
	timed, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		value, err := call(timed)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		if timed.Err() == nil || r.err == nil {
			return r.value, r.err
		}
	case <-timed.Done():
	}
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	d.hung.Store(true)
	return zero, errNoAnswer
}
