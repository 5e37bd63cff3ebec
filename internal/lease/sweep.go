package lease

import (
	"context"
	"errors"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// Users is what a sweep needs of the service. Errors are failure.NotFound for a user who is gone.
type Users interface {
	Flag(ctx context.Context, l Lease) (on bool, err error)
	SetFlag(ctx context.Context, l Lease, on bool) error
}

// Outcome is what became of a lease.
type Outcome string

// The outcomes of a sweep.
const (
	Restored  Outcome = "restored"  // the flag is as it was before
	Unchanged Outcome = "unchanged" // it was so already: nothing was sent
	LeftAlone Outcome = "left"      // somebody has changed the user since: nothing was sent
	Gone      Outcome = "gone"      // the user does not exist any more
	Failed    Outcome = "failed"    // the lease stays, and the next sweep tries again
)

// Result is one lease with its outcome.
type Result struct {
	Lease
	Outcome Outcome
	Err     error // of Failed
}

// Sweep puts back the leases that are due and that the filter takes, reports each, and
// ends them, those that failed excepted. One sweep at a time runs on a folder: the error
// of another is failure.Failed with ReasonSweeping. emit's error, and the context's, end
// it early; what was put back by then is ended.
func (s *Store) Sweep(ctx context.Context, users Users, filter func(Lease) bool, emit func(Result) error) error {
	return s.each(ctx, func(l Lease) bool { return l.Overdue(s.Now()) && filter(l) }, users, emit)
}

// Cancel puts back single leases before they are due, as Sweep does.
func (s *Store) Cancel(ctx context.Context, users Users, ids map[string]bool, emit func(Result) error) error {
	return s.each(ctx, func(l Lease) bool { return ids[l.ID] }, users, emit)
}

func (s *Store) each(ctx context.Context, takes func(Lease) bool, users Users, emit func(Result) error) error {
	release, err := filelock.Acquire(ctx, s.path()+".sweep", lockLimit)
	var held *filelock.HeldError
	if errors.As(err, &held) {
		return failure.New(failure.Failed, "another sweep is running").Because(ReasonSweeping, "")
	}
	if err != nil {
		return err
	}
	defer release()
	open, err := s.List()
	if err != nil {
		return err
	}
	for _, l := range open {
		if !takes(l) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r := restore(ctx, users, l)
		if r.Outcome != Failed {
			if err := s.Remove(context.WithoutCancel(ctx), l.ID); err != nil {
				return err
			}
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// restore puts back one flag if it is still as the lease left it. The service has no
// compare-and-set: the read and the write are two requests.
func restore(ctx context.Context, users Users, l Lease) Result {
	on, err := users.Flag(ctx, l)
	switch {
	case failure.Is(err, failure.NotFound):
		return Result{Lease: l, Outcome: Gone}
	case err != nil:
		return Result{Lease: l, Outcome: Failed, Err: err}
	case on == l.Before:
		return Result{Lease: l, Outcome: Unchanged}
	case on != l.Value:
		return Result{Lease: l, Outcome: LeftAlone}
	}
	switch err := users.SetFlag(ctx, l, l.Before); {
	case failure.Is(err, failure.NotFound):
		return Result{Lease: l, Outcome: Gone}
	case err != nil:
		return Result{Lease: l, Outcome: Failed, Err: err}
	}
	return Result{Lease: l, Outcome: Restored}
}
