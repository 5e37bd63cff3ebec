package user

import (
	"context"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// Change implements browse.Port, by what `user set-…` does.
func (p *browsePort) Change(ctx context.Context, c browse.Change, sent func()) (browse.Changed, error) {
	return p.change(ctx, c, opUpdate, sent)
}

// Undo implements browse.Port, by what `user set-… --undo` does.
func (p *browsePort) Undo(ctx context.Context, c browse.Change, sent func()) (browse.Changed, error) {
	return p.change(ctx, c, opUndo, sent)
}

func (p *browsePort) change(ctx context.Context, c browse.Change, op string, sent func()) (browse.Changed, error) {
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return browse.Changed{}, err
	}
	ch, err := p.changerOf(ctx, c, op)
	if err != nil {
		return browse.Changed{}, err
	}
	state, card, err := p.read(ctx, ch.users, id)
	if err != nil {
		return browse.Changed{}, err
	}
	if !c.Holds(card) {
		return browse.Changed{Card: card, Outcome: browse.Stale}, nil
	}
	if err := p.send(ctx, ch, state); err != nil {
		return browse.Changed{}, err
	}
	sent()
	ctx, stop := wait.Grace(ctx, wait.AnswerGrace)
	defer stop()
	_, now, err := p.read(ctx, ch.members, id)
	if err != nil {
		return browse.Changed{Card: card, Outcome: browse.Unread, Err: err}, nil
	}
	outcome := browse.Confirmed
	if flag, ok := now.Flag(c.Field); !ok || flag.On != c.To {
		outcome = browse.Unconfirmed
	}
	return browse.Changed{Card: now, Outcome: outcome}, nil
}

// changerOf makes what makes a change. Nothing is sent.
func (p *browsePort) changerOf(ctx context.Context, c browse.Change, op string) (*changer, error) {
	var set field.Set
	set.Put(field.MustGet(c.Field), c.To)
	body, err := set.Body(field.Update)
	if err != nil {
		return nil, err
	}
	ch, err := newChanger(ctx, p.app, p.session, p.session.API,
		changeOptions{Operation: op, Body: body, As: operation.AsAdmin, For: c.For})
	if err == nil && ch.leases != nil {
		p.advise.Do(ch.leases.advise)
	}
	return ch, err
}

// read reads a user of the instance.
func (p *browsePort) read(ctx context.Context, users operation.Users, id uuid.UUID) (fleet.State, browse.Card, error) {
	state, err := users.Read(ctx, id)
	if err != nil {
		return state, browse.Card{}, err
	}
	if state.Place != fleet.Member || state.User == nil {
		return state, browse.Card{}, failure.Newf(failure.NotFound, "no user %s in instance %s", id, p.instance).
			Because(operation.ReasonNoUser, id.String())
	}
	card, err := p.cardOf(ctx, *state.User)
	return state, card, err
}

// send changes a user who was just read, and records what became of it.
func (p *browsePort) send(ctx context.Context, ch *changer, state fleet.State) error {
	id := state.DeviceToken
	ch.users = known{ch.users, map[uuid.UUID]fleet.State{id: state}}
	op, err := ch.operation(ctx)
	if err != nil {
		return err
	}
	p.app.NoteChange()
	recorder := p.session.Recorder()
	result := operation.Single(ctx, op, job.Record{N: 1, DeviceToken: id},
		operation.Retry{Clock: pace.Clock{Now: p.app.Now, Wait: wait.Sleep}})
	run := tokenRun{changer: ch, command: "user browse"}
	result = run.settle(ctx, recorder, &target{id: id, state: state}, result)
	recorder.Flush(context.WithoutCancel(ctx))
	return result.Err
}
