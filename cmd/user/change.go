package user

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// changed is what became of one user.
type changed struct {
	DeviceToken string
	Outcome     string
	Error       *string
}

var changedView = render.View[changed]{
	Columns: []render.Column[changed]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(c changed) any { return c.DeviceToken }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(c changed) any { return c.Outcome }},
		{Head: "ERROR", Name: "Error", Cell: func(c changed) any { return c.Error }},
	},
	ID: func(c changed) string { return c.DeviceToken },
}

// changesAtOnce is how many users are changed side by side, and mostAhead how many may be done before one that is not, whose result is printed first.
const (
	changesAtOnce = 16
	mostAhead     = 16 * changesAtOnce
)

// task is something that is done for each of many users.
type task struct {
	users *tokens
	done  string // what a user is then: deleted
	do    func(ctx context.Context, token string) error
}

// account is what became of the users of a task.
type account struct {
	all, done, failed, unclear int
	first                      error // of a user that failed
}

// carryOut does it, and prints what became of each user as it comes, in the order of the users. A user for whom it is not known whether it was done is
// failed, and its error says so. After Ctrl-C no further user is begun.
func (t task) carryOut(ctx context.Context, k *cmdutil.App) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	out := render.NewStream(p, changedView, render.Frame{})
	a := account{all: t.users.count()}
	runErr := t.forEach(ctx, func(token string, err error) error { return out.Add(a.add(t.done, token, err)) })
	if err := out.Close(nil); err != nil && runErr == nil {
		runErr = err
	}
	return a.err(ctx, t.done, runErr)
}

// result is what a user waits for whose turn it is to be printed.
type result struct {
	token string
	err   chan error
}

// forEach does it for each user, a bounded number at once, and gives the results to emit in the order of the users. Its error is that of reading the
// users, or emit's, after which no further user is begun.
func (t task) forEach(ctx context.Context, emit func(token string, err error) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	waiting := make(chan result, mostAhead)
	var readErr error
	go func() {
		defer close(waiting)
		var g errgroup.Group
		g.SetLimit(changesAtOnce)
		readErr = t.users.each(reading, func(token string) error {
			if err := reading.Err(); err != nil {
				return err
			}
			r := result{token, make(chan error, 1)}
			g.Go(func() error {
				r.err <- t.do(ctx, token)
				return nil
			})
			waiting <- r
			return nil
		})
		_ = g.Wait()
	}()
	var emitErr error
	for r := range waiting {
		err := <-r.err
		if emitErr == nil {
			emitErr = emit(r.token, err)
		}
		if emitErr != nil {
			stop()
		}
	}
	if emitErr != nil {
		return emitErr
	}
	return readErr
}

// add counts a result and puts it into words.
func (a *account) add(done, token string, err error) changed {
	out := changed{DeviceToken: token, Outcome: done}
	if err == nil {
		a.done++
		return out
	}
	text := err.Error()
	if failure.MayHaveApplied(err) {
		a.unclear++
		text += "; the user may be " + done + " all the same"
	} else {
		a.failed++
	}
	if a.first == nil {
		a.first = err
	}
	out.Outcome, out.Error = "failed", &text
	return out
}

// err makes one error of many: a single user's is its own, Ctrl-C stays Ctrl-C, and otherwise some have failed. done is what the others are.
func (a *account) err(ctx context.Context, done string, runErr error) error {
	if runErr == nil && a.failed+a.unclear == 0 {
		return nil
	}
	was := "were"
	if a.done == 1 {
		was = "was"
	}
	text := fmt.Sprintf("%d of %s %s %s", a.done, cmdutil.Count(a.all, "user", "users"), was, done)
	if a.unclear > 0 {
		text += fmt.Sprintf(", %d may have been", a.unclear)
	}
	switch {
	case ctx.Err() != nil:
		return failure.New(failure.Interrupted, "interrupted: "+text).
			WithHint("give the same command again: a user that is " + done + " already stays so")
	case runErr != nil:
		return a.endedEarly(done, text, runErr)
	case a.all == 1:
		return a.first
	}
	return failure.New(failure.Partial, text).WithHint("the error of each user stands beside it; give the same command again for those")
}

// endedEarly is the error of a task whose users could not be read to their end, or its results not be printed. Input that cannot be read any more is a
// mistake only as long as nothing was sent.
func (a *account) endedEarly(done, text string, err error) error {
	e := *failure.From(err)
	e.Message = text + ": " + e.Message
	if a.done+a.failed+a.unclear == 0 {
		return &e
	}
	if e.Code == failure.Invalid {
		e.Code = failure.Failed
	}
	if errors.Is(err, input.ErrChanged) {
		e.Hint = "those users stood in the file as it was checked: put it back as it was, and give the same command again: a user that is " + done + " already stays so"
	}
	return &e
}
