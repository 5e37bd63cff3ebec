package user

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// changesAtOnce is how many users are read and changed side by side.
const changesAtOnce = 16

// A target is a user whom TOKEN names, as it was found before anything is sent.
type target struct {
	token   fleet.Token
	id      uuid.UUID
	state   fleet.State // Known only where the user was read
	fields  field.Set   // of an undo: what is put back
	changes []job.Change
	err     error
	done    chan job.Result
}

// changeTokens changes the users of TOKEN…: they are read, a question is asked where one is to be
// asked, and then they are changed side by side.
func (c *changeCommand) changeTokens(ctx context.Context, tokens []fleet.Token) error {
	k := c.app
	p, err := cmdutil.PrinterOf(ctx, k, changedView)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{InFlight: min(len(tokens), changesAtOnce), WaitsAlone: len(tokens) > 1})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	options := c.options
	if c.undo {
		options.Operation = opUndo
	}
	ch, err := newChanger(ctx, k, s, s.API, options)
	if err != nil {
		return err
	}
	if ch.leases != nil {
		ch.leases.waits = c.wait
	}
	targets, err := ch.targets(ctx, tokens, c.undoes())
	if err != nil {
		return err
	}
	if err := ch.confirm(ctx, targets, c.job.DryRun); err != nil {
		return err
	}
	run := tokenRun{changer: ch, command: c.name, dryRun: c.job.DryRun,
		out: render.NewStream(p, changedView, render.Frame{})}
	err = run.all(ctx, targets)
	ch.leases.noteLasting()
	if c.wait && run.done > 0 && (err == nil || failure.Is(err, failure.Partial)) {
		return errors.Join(err, ch.leases.wait(ctx, k, s, ch))
	}
	return err
}

// known are users who were just read: the operation need not read them again.
type known struct {
	operation.Users
	states map[uuid.UUID]fleet.State
}

func (k known) State(ctx context.Context, id uuid.UUID) (fleet.State, error) {
	if s, ok := k.states[id]; ok {
		return s, nil
	}
	return k.Users.State(ctx, id)
}

// tokenRun is one run over the users of TOKEN….
type tokenRun struct {
	*changer
	command string
	dryRun  bool
	out     *render.Stream[changed]

	all_, done, failed, unknown int
	first                       error
	applied                     []string // the DeviceTokens of users who were changed, or may have been
}

// all changes the users, and prints what became of each in their order. After Ctrl-C no further
// user is begun.
func (r *tokenRun) all(ctx context.Context, targets []*target) error {
	r.all_ = len(targets)
	if r.users != nil {
		states := map[uuid.UUID]fleet.State{}
		for _, t := range targets {
			states[t.id] = t.state
		}
		r.users = known{r.users, states}
	}
	op, err := r.operation(ctx)
	if err != nil {
		return err
	}
	if d, ok := op.(*operation.Delete); ok {
		d.Single = true
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		var g errgroup.Group
		g.SetLimit(changesAtOnce)
		for _, t := range targets {
			g.Go(func() error {
				t.done <- r.one(sending, ctx, op, t)
				return nil
			})
		}
		_ = g.Wait()
	}()
	recorder := r.session.Recorder()
	var printErr error
	for _, t := range targets {
		result := <-t.done
		if result.Outcome == "" {
			continue // it was not begun
		}
		result = r.settle(ctx, recorder, t, result)
		if printErr == nil {
			if printErr = r.out.Add(newChanged(result, t.token.String(), t.state.User)); printErr != nil {
				stop()
			}
		}
	}
	recorder.Flush(context.WithoutCancel(ctx))
	if err := r.out.Close(nil); printErr == nil {
		printErr = err
	}
	return r.err(ctx, printErr)
}

// one changes one user; begin ends before it is begun, ctx while it is.
func (r *tokenRun) one(begin, ctx context.Context, op job.Operation, t *target) job.Result {
	switch {
	case t.err != nil:
		return job.Result{Outcome: job.Failed, DeviceToken: t.id, Err: t.err}
	case begin.Err() != nil:
		return job.Result{}
	case r.dryRun && r.sends(t):
		return job.Result{Outcome: job.Planned, DeviceToken: t.id, Changes: t.changes}
	}
	rec := job.Record{N: 1, DeviceToken: t.id, Fields: t.fields}
	result := operation.Single(ctx, op, rec, operation.Retry{Clock: pace.Clock{Now: r.app.Now, Wait: wait.Sleep}})
	if result.Outcome == job.Failed && failure.Is(result.Err, failure.Interrupted) {
		return job.Result{} // nothing was changed: as if it had not been begun
	}
	return result
}
