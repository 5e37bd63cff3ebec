package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Quantity is a run that registers so many users, alike or made by templates.
type Quantity struct {
	API      *userservice.Client
	Instance userservice.Instance

	Quantity          int
	BatchSize         int // users in one call of «register many»
	Concurrency       int // requests under way at once
	CreateAccessToken bool
	// Custom is what «register many» is told of every user: any of the flags that it can carry.
	Custom field.Set
	// Row makes the user of a row (from 1), where the users are not alike or «register many» cannot carry their fields; nil otherwise. Every
	// row must be free of mistakes.
	Row func(row int) field.Set

	// Emit gets each result as it comes, one at a time; an error ends the run. It owns the pair from then on.
	Emit func(Result) error
	// Note is told, once, that users are registered one by one because the service has no call for many.
	Note func(string)
}

// run is a Quantity under way.
type run struct {
	Quantity
	mu     sync.Mutex
	totals Totals
	fatal  error // why no more is sent
	ended  atomic.Bool
}

// Run registers the users and counts the outcomes. Its error is what ended the run early: an interrupt, a refusal that every further row would get
// too (401, 403), or Emit's. Rows that failed one by one are in the totals alone.
func (q Quantity) Run(ctx context.Context) (Totals, error) {
	r := &run{Quantity: q, totals: Totals{Requested: q.Quantity}}
	requests, stop := lingering(ctx)
	defer stop()
	if q.Row != nil {
		r.singles(ctx, requests, 1)
	} else if next := r.firstBatch(requests); next > 0 {
		r.batches(ctx, requests, next)
	} else if !r.ended.Load() {
		q.Note("the service has no call to register many users at once: registering them one by one")
		r.singles(ctx, requests, 1)
	}
	if r.fatal == nil && ctx.Err() != nil && r.totals.NotSent()+r.totals.Unknown > 0 {
		r.fatal = ctx.Err()
	}
	return r.totals, r.fatal
}

// firstBatch sends the first batch alone, as the service may not have the call. It returns the next row, or 0 where there is no such call, or the run has ended.
func (r *run) firstBatch(requests context.Context) (next int) {
	size := min(r.BatchSize, r.Quantity.Quantity)
	users, err := r.API.RegisterMany(requests, r.Instance, size, r.CreateAccessToken, r.Custom)
	if userservice.NoSuchCall(err) {
		return 0
	}
	r.settle(1, size, users, err)
	if r.ended.Load() {
		return 0
	}
	return size + 1
}

func (r *run) batches(ctx, requests context.Context, from int) {
	r.each(ctx, from, r.BatchSize, func(row, size int) {
		users, err := r.API.RegisterMany(requests, r.Instance, size, r.CreateAccessToken, r.Custom)
		r.settle(row, size, users, err)
	})
}

func (r *run) singles(ctx, requests context.Context, from int) {
	tokens := field.Get("CustomToken")
	access := field.Get("CreateAccessToken")
	r.each(ctx, from, 1, func(row, _ int) {
		user := r.user(row)
		user.Put(access, r.CreateAccessToken)
		if user.Text("CustomToken") == "" {
			user.Put(tokens, uuid.NewString())
		}
		r.emit(one(requests, r.API, r.Instance, row, user))
	})
}

func (r *run) user(row int) field.Set {
	if r.Row != nil {
		return r.Row(row)
	}
	return r.Custom.Clone()
}

// each gives out the rows from one on, in portions, to as many workers as may be under way, until all are given out or the run has ended.
func (r *run) each(ctx context.Context, from, portion int, do func(row, size int)) {
	var g errgroup.Group
	g.SetLimit(max(r.Concurrency, 1))
	for row := from; row <= r.Quantity.Quantity && ctx.Err() == nil && !r.ended.Load(); row += portion {
		g.Go(func() error {
			if ctx.Err() == nil && !r.ended.Load() {
				do(row, min(portion, r.Quantity.Quantity-row+1))
			}
			return nil
		})
	}
	_ = g.Wait()
}

// settle gives each row of a batch its outcome. A batch whose answer was lost is unknown as a whole and is never sent again.
func (r *run) settle(row, size int, users []userservice.Registered, err error) {
	if err == nil && len(users) != size {
		err = &failure.Error{Code: failure.Failed, Unclear: true,
			Message: fmt.Sprintf("register many users: the service returned %d of the %d users asked for in rows %d to %d", len(users), size, row, row+size-1)}
	} else if failure.IsUnclear(err) {
		wrapped := *failure.From(err)
		wrapped.Message = fmt.Sprintf("the answer to a batch of %d users (rows %d to %d) was lost: %s", size, row, row+size-1, wrapped.Message)
		err = &wrapped
	}
	rest := Result{Outcome: Failed, Err: err}
	if failure.IsUnclear(err) {
		rest.Outcome = Unknown
	}
	for i := range max(size, len(users)) {
		result := rest
		if i < len(users) {
			result = Result{DeviceToken: users[i].DeviceToken, Pair: users[i].Pair, Outcome: Created}
		}
		if i < size {
			result.Row = row + i
		}
		r.emit(result)
	}
}

// emit hands out a result, and ends the run on what every further row would meet too.
func (r *run) emit(result Result) {
	if result.Outcome == Failed && failure.Is(result.Err, failure.Interrupted) {
		return // it was never sent
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.add(result.Outcome)
	if err := r.Emit(result); err != nil {
		r.end(err)
	}
	if result.Err != nil && hopeless(result.Err) {
		r.end(result.Err)
	}
}

func (r *run) end(err error) {
	if r.fatal == nil {
		r.fatal = err
	}
	r.ended.Store(true)
}

// hopeless tells whether an error is about the instance's credentials and not about the row.
func hopeless(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Code == failure.Unauthorized
}
