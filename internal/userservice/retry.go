package userservice

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Retry says how often and how fast a call that is safe to retry is retried. The zero value of
// each member is its default.
type Retry struct {
	Tries   uint          // all attempts together; 4 where 0
	First   time.Duration // the wait before the second attempt, doubled for each further one, ±50 %; 2 s where 0
	Longest time.Duration // a Retry-After longer than this is not waited for; one minute where 0
	// Notify, if set, is called before each wait with what went wrong and how long the wait is.
	Notify func(err error, wait time.Duration)
}

func (r Retry) withDefaults() Retry {
	if r.Tries == 0 {
		r.Tries = 4
	}
	if r.First == 0 {
		r.First = 2 * time.Second
	}
	if r.Longest == 0 {
		r.Longest = time.Minute
	}
	return r
}

// run sends a call until it is done, refused, no longer safe to retry, or out of attempts. What
// an earlier attempt may have done stays on the error: MayHaveApplied, once set, is not taken
// back by a later attempt that surely did nothing.
func (r Retry) run(ctx context.Context, cl call, try func() attempt) *failure.Error {
	if cl.retry == never || r.Tries == 1 {
		return try().err
	}
	var last *failure.Error
	applied := false
	operation := func() (struct{}, error) {
		a := try()
		if last = a.err; last == nil {
			return struct{}{}, nil
		}
		applied = applied || last.MayHaveApplied
		last.MayHaveApplied = applied
		switch {
		case !shouldRetry(last), cl.retry == ifNotArrived && a.sent, last.RetryAfter > r.Longest:
			return struct{}{}, backoff.Permanent(last)
		case last.RetryAfter > 0:
			return struct{}{}, &backoff.RetryAfterError{Duration: last.RetryAfter}
		}
		return struct{}{}, last
	}
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.Multiplier, waits.RandomizationFactor = r.First, 2, 0.5
	_, err := backoff.Retry(ctx, operation, backoff.WithBackOff(waits), backoff.WithMaxTries(r.Tries),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(_ error, wait time.Duration) {
			if r.Notify != nil {
				r.Notify(last, wait)
			}
		}))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && last.Code != failure.Interrupted {
		// The wait was cut short: the error says so to the person who pressed Ctrl-C, and MayHaveApplied
		// stays.
		interrupted := failure.Copy(ctx.Err())
		interrupted.Message = cl.name + ": " + interrupted.Message
		interrupted.RequestID, interrupted.MayHaveApplied = last.RequestID, applied
		return interrupted
	}
	return last
}

// shouldRetry reports whether another attempt may fare better: the service or the way to it
// failed, or it asked to wait. What was refused, cannot be read or cannot be sent would end the
// same again.
func shouldRetry(err *failure.Error) bool {
	return !err.Permanent && (err.Code == failure.Unavailable || err.Code == failure.RateLimited)
}
