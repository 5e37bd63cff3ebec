package lease

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// Users is what a sweep needs of the service; it is used by several goroutines. Errors are
// failure.NotFound for a user who is gone.
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
	release, err := filelock.Acquire(ctx, s.path()+".sweep", cmp.Or(s.SweepWait, lockLimit))
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
	due := slices.DeleteFunc(open, func(l Lease) bool { return !takes(l) })
	for chunk := range slices.Chunk(due, AtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.endAll(ctx, chunk, users, emit); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// AtOnce is how many leases a sweep ends side by side, and then removed in one write. What a crash
// leaves of them is found to be as it was before by the next sweep.
const AtOnce = 16

// endAll puts back the flags of leases side by side.
func (s *Store) endAll(ctx context.Context, leases []Lease, users Users, emit func(Result) error) error {
	results := make([]Result, len(leases))
	var wait sync.WaitGroup
	for i, l := range leases {
		wait.Go(func() { results[i] = restore(ctx, users, l) })
	}
	wait.Wait()
	var ended []string
	for _, r := range results {
		if r.Outcome != Failed {
			ended = append(ended, r.ID)
		}
	}
	if len(ended) > 0 {
		if err := s.Remove(context.WithoutCancel(ctx), ended...); err != nil {
			return err
		}
	}
	for _, r := range results {
		if r.Outcome == Failed && ctx.Err() != nil && !failure.MayHaveApplied(r.Err) {
			continue // it was not begun
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
