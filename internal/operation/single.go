package operation

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// Retry says how an operation on one user, outside of a job, is retried.
type Retry struct {
	Retries int           // after the first attempt
	First   time.Duration // the wait before the first retry; it doubles, ±50 %
	Longest time.Duration // a Retry-After longer than this is not waited for
	Clock   pace.Clock
	// Notify, if not nil, gets, before each wait, what went wrong.
	Notify func(err error, wait time.Duration)
}

// Single carries an operation out for one user, outside of a job: what failed in passing is retried
// as long as it may be. The outcome of an error is failed, or unknown where the change may have
// been made: then the error says so too.
func Single(ctx context.Context, op job.Operation, rec job.Record, r Retry) job.Result {
	a := job.Attempt{Record: rec, FirstSent: r.Clock.Now()}
	requests, stop := wait.Grace(ctx, wait.AnswerGrace)
	defer stop()
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.Multiplier, waits.RandomizationFactor = r.First, 2, 0.5
	for try := 0; ; try++ {
		results, err := op.Do(requests, []job.Attempt{a})
		if err == nil {
			return settledResult(a, results[0])
		}
		a.Lost = a.Lost || failure.MayHaveApplied(err)
		pause := max(waits.NextBackOff(), failure.From(err).RetryAfter)
		if ctx.Err() != nil || try >= r.Retries || !retryable(err) || a.Lost && !op.Resendable(rec) ||
			failure.From(err).RetryAfter > r.Longest {
			return gaveUp(a, err)
		}
		if r.Notify != nil {
			r.Notify(err, pause)
		}
		if r.Clock.Wait(ctx, pause) != nil {
			return gaveUp(a, failure.From(ctx.Err()))
		}
	}
}

func settledResult(a job.Attempt, result job.Result) job.Result {
	if result.DeviceToken == (job.Result{}).DeviceToken {
		result.DeviceToken = a.DeviceToken
	}
	return result
}

func retryable(err error) bool {
	return !failure.IsPermanent(err) && (failure.Is(err, failure.Unavailable) || failure.Is(err, failure.RateLimited))
}

// gaveUp is the result of an attempt that was the last.
func gaveUp(a job.Attempt, err error) job.Result {
	result := job.Result{Outcome: job.Failed, DeviceToken: a.DeviceToken, Err: err}
	if a.Lost {
		lost := failure.Copy(err)
		lost.MayHaveApplied = true
		result.Outcome, result.Err = job.Unknown, lost
	}
	return result
}
