package apply

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// compare reads the rows again that change a user: those without one are created, or moved here,
// and those whose user differs are updated.
func (p *planner) compare(ctx context.Context) error {
	var creates, updates, moves []Action
	wanted := p.index.those(func(e *entry) bool { return !e.matched() || p.differ[e.n] != nil })
	left := wanted.size
	do := func(r *Row) error {
		e := p.index.find(p.index.sum(r.known()))
		left--
		switch {
		case e == nil || int(e.n) != r.N:
			return errChanged()
		case !e.matched():
			from, err := p.inOtherInstance(ctx, r)
			if err != nil {
				return err
			}
			if from == nil {
				creates = append(creates, p.create(r))
				return nil
			}
			moves = append(moves, p.move(r, from))
			if a := p.update(r, from); a != nil {
				updates = append(updates, *a)
			}
		case p.differ[e.n] != nil && p.differ[e.n].known != knownAs(r.known()):
			return failure.New(failure.Failed, "two keys have one hash: run the command again")
		case p.differ[e.n] != nil:
			if a := p.update(r, p.differ[e.n]); a != nil {
				updates = append(updates, *a)
			}
		}
		return nil
	}
	if left > 0 {
		if err := p.file.Each(ctx, wanted.has, do); err != nil {
			return err
		}
	}
	if left != 0 {
		return errChanged()
	}
	p.plan.Actions = slices.Concat(creates, updates, moves)
	for _, kind := range []Kind{Deactivate, Delete} {
		for _, a := range p.removals {
			if a.Action == kind {
				p.plan.Actions = append(p.plan.Actions, a)
			}
		}
	}
	return nil
}

func errChanged() error { return failure.New(failure.Failed, "the file was changed while it was read") }

// inOtherInstance finds the user of another instance whom a row names; nil where there is none,
// or nobody is moved.
func (p *planner) inOtherInstance(ctx context.Context, r *Row) (*current, error) {
	if p.Moves == nil {
		return nil, nil //nolint:nilnil // nobody, and no error
	}
	m := fleet.Membership{Find: p.Moves, Instance: fleet.Instance{ID: p.Head.Instance}}
	found, err := m.Everywhere(ctx, token(r))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, nil //nolint:nilnil // nobody, and no error
	case len(found) > 1:
		return nil, failure.Newf(failure.Invalid, "%s: %d users of other instances have this key", r, len(found)).
			Because(ReasonDuplicate, "")
	}
	return &current{token: found[0].DeviceToken, instance: found[0].InstanceID, values: found[0].Values}, nil
}

func token(r *Row) fleet.Token {
	if r.KeyField != nil {
		return fleet.ByKey(r.KeyField, r.Key)
	}
	return fleet.Token{DeviceToken: r.DeviceToken}
}

func (p *planner) action(kind Kind, r *Row, user uuid.UUID) Action {
	a := Action{Action: kind, DeviceToken: user, Row: r.N}
	a.KeyField, a.Key = r.named()
	return a
}

func (p *planner) create(r *Row) Action {
	user := r.DeviceToken
	if user == uuid.Nil {
		user = p.Deriver.Field(r.KeyField, r.Key)
	}
	a := p.action(Create, r, user)
	for _, f := range r.Set.Fields() {
		if v, _ := r.Set.Value(f); v != nil {
			a.Changes = append(a.Changes, job.Change{Field: f.Name, To: v})
		}
	}
	return a
}

func (p *planner) move(r *Row, from *current) Action {
	a := p.action(Move, r, from.token)
	a.InstanceID = from.instance
	a.Changes = []job.Change{{Field: instanceField, From: from.instance, To: p.Head.Instance}}
	return a
}

// update returns the action that changes a user to what a row says; nil where nothing differs.
func (p *planner) update(r *Row, user *current) *Action {
	a := p.action(Update, r, user.token)
	a.InstanceID = user.instance
	for _, d := range fleet.Differences(r.Set, user.values) {
		to, _ := r.Set.Value(d.Field)
		if n := p.Ledger.normalized(user.token, d.Field, to, d.From); n {
			p.plan.Normalized = append(p.plan.Normalized,
				Normalized{Row: r.N, DeviceToken: user.token, Field: d.Field.Name, Wanted: to, Read: d.From})
			continue
		}
		a.Changes = append(a.Changes, job.Change{Field: d.Field.Name, From: d.From, To: to})
	}
	_, says := r.Set.Value(field.MustGet("Status"))
	if !says && user.values.Text("Status") == "Deactivated" && p.Ledger.Deactivated(user.token) {
		a.Changes = append(a.Changes, job.Change{Field: "Status", From: "Deactivated", To: "Active"})
	}
	if len(a.Changes) == 0 {
		return nil
	}
	return &a
}
