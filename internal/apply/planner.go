package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Users gives the users of the instance, all of them, each once; or, where the plan removes nobody,
// at least those whom the rows name. total is how many the instance has.
type Users func(ctx context.Context, do func(*userservice.User) error) (total int, err error)

// Options say how a file is compared with the users.
type Options struct {
	Head    Head           // what is known of the plan already; the rest is filled in
	Columns []*field.Field // that the file owns
	Keys    []*field.Field // that identify a row, in order of preference
	Absent  Absent
	Scope   *Scope // nil: nobody is owned by it
	Keep    *Keep  // nil: nobody is exempt
	Grace   time.Duration
	Ledger  *Ledger
	Deriver identity.Deriver
	Moves   fleet.Find // finds users of other instances, to be moved here; nil: nobody is moved
	Now     time.Time
}

// planner makes one plan.
type planner struct {
	Options
	rows  Rows
	index *index
	plan  Plan

	differ   map[int32]*current // by the number of the row: users whose values are not the row's
	removals []Action
	twice    []failure.Field // users of one key
	matched  int
	owned    int // absent, and owned
	waiting  int // absent, deactivated, and within the grace
}

// current is a user who may have to be changed.
type current struct {
	token    uuid.UUID
	instance string // where it is another than the plan's
	known    string // what its row is known by
	values   field.Set
}

// Make compares the rows with the users. It sends nothing but reads.
func Make(ctx context.Context, rows Rows, users Users, o Options) (*Plan, error) {
	if o.Absent != AbsentIgnore && o.Scope == nil && !o.Ledger.Known() {
		return nil, failure.New(failure.Invalid, "no user is owned yet: who is absent is not known").Because(ReasonOwners, "")
	}
	p := &planner{Options: o, rows: rows, differ: map[int32]*current{}}
	p.plan.Head = o.Head
	var err error
	about := 0
	if o.Head.Input != nil {
		about = o.Head.Input.Rows
	}
	if p.index, err = newIndex(ctx, rows, about, o.Columns); err != nil {
		return nil, err
	}
	total, err := users(ctx, func(u *userservice.User) error { return p.user(u) })
	if err != nil {
		return nil, err
	}
	if err := p.duplicates(); err != nil {
		return nil, err
	}
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	p.finish(total)
	return &p.plan, nil
}

// user takes one user of the instance.
func (p *planner) user(u *userservice.User) error {
	token, err := field.ParseServiceUUID(u.DeviceToken)
	if err != nil {
		return failure.Newf(failure.Failed, "the service lists a user without a DeviceToken: %.80q", u.DeviceToken)
	}
	e, key, keyField, known := p.find(token, u)
	if e == nil {
		p.absent(token, u, keyField, key)
		return nil
	}
	if e.user != uuid.Nil && e.user != token {
		p.twice = append(p.twice, failure.Field{Key: fmt.Sprintf("row %d", e.n),
			Message: fmt.Sprintf("users %s and %s both have %s %q", e.user, token, keyField, key)})
		return nil
	}
	e.user = token
	p.matched++
	if !p.Ledger.Has(token) {
		p.plan.Adopt = append(p.plan.Adopt, token)
	}
	if p.index.digest(&u.Fields, e.mask) != e.digest || p.returns(token, u) {
		p.differ[e.n] = &current{token: token, known: known, values: p.kept(u)}
	}
	return nil
}

// find returns the row that names a user, what the user is called, and what the row is known by.
func (p *planner) find(token uuid.UUID, u *userservice.User) (e *entry, key, keyField, known string) {
	key, keyField = token.String(), deviceTokenKey
	for i := len(p.Keys) - 1; i >= 0; i-- {
		f := p.Keys[i]
		text := f.Normalize(u.Fields.Text(f.Name))
		if text == "" {
			continue
		}
		key, keyField = text, f.Name
		if found := p.index.find(f.Name, text); found != nil {
			e, known = found, knownAs(f.Name, text)
		}
	}
	if found := p.index.find(deviceTokenKey, token.String()); found != nil {
		e, known = found, knownAs(deviceTokenKey, token.String())
	}
	return e, key, keyField, known
}

// returns reports whether a user whom an apply has deactivated is in the file again.
func (p *planner) returns(token uuid.UUID, u *userservice.User) bool {
	return p.Ledger.Deactivated(token) && u.Fields.Text("Status") == "Deactivated"
}

// kept returns the values of a user that are compared.
func (p *planner) kept(u *userservice.User) field.Set {
	var out field.Set
	for _, f := range append(slices.Clone(p.Columns), field.MustGet("Status")) {
		if v, ok := u.Fields.Value(f); ok {
			out.Put(f, v)
		}
	}
	return out
}

// absent takes a user whom no row names.
func (p *planner) absent(token uuid.UUID, u *userservice.User, keyField, key string) {
	if p.Absent == AbsentIgnore || !p.Ledger.Owns(token) && !p.Scope.Has(u) || p.Keep.Has(token, u) {
		return
	}
	p.owned++
	a := Action{Action: Deactivate, DeviceToken: token, Key: key, KeyField: keyField, Activity: u.ActivityStatus}
	inactive := u.Fields.Text("Status") == "Deactivated"
	since := p.Ledger.InactiveSince(token)
	switch {
	case !inactive:
		a.Changes = []job.Change{{Field: "Status", From: u.Fields.Text("Status"), To: "Deactivated"}}
	case since.IsZero():
		p.plan.Inactive = append(p.plan.Inactive, token)
		p.waiting++
		return
	case p.Absent == AbsentDelete && p.Now.Sub(since) >= p.Grace:
		a.Action = Delete
		a.Changes = []job.Change{{Field: "Status", From: "Deactivated", To: "Deleted"}}
	default:
		p.waiting++
		return
	}
	p.removals = append(p.removals, a)
}

// mostNamed is how many users or rows an error names.
const mostNamed = 20

func (p *planner) duplicates() error {
	if len(p.twice) == 0 {
		return nil
	}
	e := failure.New(failure.Invalid, "keys of the file belong to more than one user").Because(ReasonDuplicate, "")
	e.Fields = p.twice[:min(len(p.twice), mostNamed)]
	return e
}

// compare goes through the rows again: those without a user are created, or moved here, and those
// whose user differs are updated.
func (p *planner) compare(ctx context.Context) error {
	var creates, updates, moves []Action
	err := p.rows(ctx, func(r Row) error {
		e := p.index.find(r.known())
		switch {
		case e == nil:
			return failure.New(failure.Failed, "the file was changed while it was read")
		case e.user == uuid.Nil:
			from, err := p.elsewhere(ctx, &r)
			if err != nil {
				return err
			}
			if from == nil {
				creates = append(creates, p.create(&r))
				return nil
			}
			moves = append(moves, p.move(&r, from))
			if a := p.update(&r, from); a != nil {
				updates = append(updates, *a)
			}
		case p.differ[e.n] != nil && p.differ[e.n].known != knownAs(r.known()):
			return failure.New(failure.Failed, "two keys have one hash: run the command again")
		case p.differ[e.n] != nil:
			if a := p.update(&r, p.differ[e.n]); a != nil {
				updates = append(updates, *a)
			}
		}
		return nil
	})
	if err != nil {
		return err
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

// elsewhere finds the user of another instance whom a row names; nil where there is none, or nobody
// is moved.
func (p *planner) elsewhere(ctx context.Context, r *Row) (*current, error) {
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

func (p *planner) finish(total int) {
	s, changed := &p.plan.Summary, 0
	for _, a := range p.plan.Actions {
		s.add(a.Action)
		if a.Action != Create && a.Action != Move && a.InstanceID == "" {
			changed++
		}
	}
	h := &p.plan.Head
	h.Users, h.Managed = max(total, p.matched+p.owned), p.matched+p.owned
	h.First = !p.Ledger.Known()
	h.Absent, h.Scope = p.Absent, p.Scope.String()
	for _, f := range p.Columns {
		h.Columns = append(h.Columns, f.Name)
	}
	for _, f := range p.Keys {
		h.Key = append(h.Key, f.Name)
	}
	s.Unchanged = h.Managed - changed
	s.Unmanaged = h.Users - h.Managed
}

// Text returns the summary in one line.
func (s Summary) Text() string {
	text := fmt.Sprintf("Plan: %s to create, %s to update", thousands(s.Create), thousands(s.Update))
	if s.Move > 0 {
		text += fmt.Sprintf(", %s to move", thousands(s.Move))
	}
	return text + fmt.Sprintf(", %s to deactivate, %s to delete, %s unchanged, %s not managed", thousands(s.Deactivate),
		thousands(s.Delete), thousands(s.Unchanged), thousands(s.Unmanaged))
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, parts...), ",")
}
