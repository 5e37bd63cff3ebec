package job

import (
	"context"
	"errors"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// signalOf returns what an attempt says about the service.
func signalOf(err error) pace.Signal {
	if err == nil {
		return pace.Answered
	}
	f := failure.From(err)
	switch {
	case f.Code == failure.Interrupted:
		return pace.Ignored
	case f.Code == failure.RateLimited:
		return pace.RateLimited
	case timedOut(err):
		return pace.TimedOut
	case f.Code == failure.Unavailable || (f.Code == failure.Failed && f.MayHaveApplied):
		return pace.Unavailable
	}
	return pace.Answered
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}

// transient reports whether another run may fare better with a row: the service
// or the way to it failed, or the credentials, not the row.
func transient(err error) bool {
	switch f := failure.From(err); f.Code {
	case failure.Unavailable, failure.RateLimited, failure.Interrupted:
		return true
	case failure.Unauthorized:
		return f.Status != 0 // the service's word; a user of another instance stays one
	default:
		return f.MayHaveApplied || f.Status >= 500 || errors.Is(err, ErrUngroup)
	}
}

// refused reports whether an error is about who sends the row (401, 403), and
// not about what it says.
func refused(err error) bool { return failure.Is(err, failure.Unauthorized) }

// maxRefusals is how many rows in a row may be refused before it is the
// credentials that are no longer good.
const maxRefusals = 5

// rowRefused reports whether the refusal of a row's sender is that row's matter:
// it fails, and another run may send it again. Otherwise the credentials are bad,
// and no further row would fare better: none was accepted so far, or the fifth in
// a row is refused. A row that was refused in an earlier run already says nothing
// new, so that each run comes further than the last.
func (r *run) rowRefused(failedBefore bool) bool {
	if !r.trusted.Load() {
		return false
	}
	return failedBefore || r.refusals.Add(1) < maxRefusals
}

// noteCredentials notes what an answer says of the credentials.
func (r *run) noteCredentials(err error) {
	if err == nil || failure.Is(err, failure.Rejected) || failure.Is(err, failure.NotFound) {
		r.trusted.Store(true)
		r.refusals.Store(0)
	}
}
