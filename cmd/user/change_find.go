package user

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// targets finds the users. The error is one that concerns all of them.
func (c *changer) targets(ctx context.Context, tokens []fleet.Token, undoes *field.Field) ([]*target, error) {
	if c.actor.Admin {
		if _, err := c.session.Auth.Token(ctx, auth.Admin); err != nil {
			return nil, err
		}
	}
	out := make([]*target, len(tokens))
	users := make([]string, len(tokens))
	for i, t := range tokens {
		out[i] = &target{token: t, id: t.DeviceToken, done: make(chan job.Result, 1)}
		users[i] = t.DeviceToken.String()
		if t.Field != nil && !c.actor.Admin {
			return nil, failure.Newf(failure.Unauthorized, "look up a user by %s: needs an admin", t.Field.Name).
				Because(operation.ReasonNoAdmin, t.Field.Name)
		}
	}
	if err := c.actor.Check(ctx, c.session.Auth, users); err != nil {
		return nil, err
	}
	if c.users == nil {
		return out, nil
	}
	var g errgroup.Group
	g.SetLimit(changesAtOnce)
	for _, t := range out {
		g.Go(func() error {
			if t.err = ctx.Err(); t.err == nil {
				c.find(ctx, t, undoes)
			}
			return nil
		})
	}
	_ = g.Wait()
	if err := ctx.Err(); err != nil {
		return nil, failure.New(failure.Interrupted, "interrupted: nothing was changed")
	}
	return out, nil
}

// find reads the user of a target, and what an undo puts back.
func (c *changer) find(ctx context.Context, t *target, undoes *field.Field) {
	if t.token.Field != nil {
		t.state, t.err = c.users.Lookup(ctx, t.token)
	} else {
		t.state, t.err = c.users.Read(ctx, t.id)
	}
	if t.err != nil {
		return
	}
	t.id = t.state.DeviceToken
	if c.options.Operation == opUndo && t.state.Place == fleet.Member {
		t.fields, t.err = c.before(ctx, t.state, undoes)
	}
	if t.err == nil && t.state.Known && c.compares() {
		wanted := c.change.Clone()
		wanted.Merge(t.fields)
		for _, d := range fleet.Differences(wanted, t.state.Values) {
			t.changes = append(t.changes, job.Change{Field: d.Field.Name, From: d.From, To: d.To})
		}
	}
}

// compares reports whether a user may be as wanted already: then nothing is sent.
func (c *changer) compares() bool {
	return c.options.Operation == opUpdate || c.options.Operation == opUndo
}

// sends reports whether something will be sent for a target.
func (c *changer) sends(t *target) bool {
	switch {
	case t.err != nil, c.users != nil && t.state.Place != fleet.Member:
		return false
	case !c.compares() || c.options.NoRead || !t.state.Known:
		return true
	}
	return len(t.changes) > 0
}

// confirm asks what is to be asked, and makes the backup of users who will be gone.
func (c *changer) confirm(ctx context.Context, targets []*target, dryRun bool) error {
	n, whom := 0, ""
	for _, t := range targets {
		if c.sends(t) {
			n++
			whom = t.id.String()
			if t.state.User != nil {
				whom = whomAsked(t.state)
			}
		}
	}
	if n == 0 || dryRun {
		return nil
	}
	if c.leases != nil {
		c.leases.advise()
	}
	if err := c.session.ConfirmChange(ctx, c.question(n, whom)); err != nil {
		return err
	}
	if n < 2 || !c.removes() || c.options.NoBackup || !c.actor.Admin {
		return nil
	}
	return c.backUp(targets)
}

// backUp writes the users who will be gone to a backup.
func (c *changer) backUp(targets []*target) error {
	b, err := newBackup(c.session, c.options.Operation, "")
	if err == nil {
		err = b.open()
	}
	if err != nil {
		return err
	}
	for _, t := range targets {
		if c.sends(t) && err == nil {
			err = b.add(t.state)
		}
	}
	return errors.Join(err, b.close())
}
