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

// Reads returns what is read of each user for the plan.
func (o *Options) Reads() *userservice.Only {
	fields := slices.Concat(o.Columns, o.Keys, []*field.Field{field.MustGet("Status")})
	if o.Scope != nil {
		fields = append(fields, o.Scope.field)
	}
	if o.Keep != nil {
		for _, name := range keepFields {
			fields = append(fields, field.MustGet(name))
		}
	}
	return &userservice.Only{Fields: fields, Activity: o.Absent != AbsentIgnore}
}

// planner makes one plan.
type planner struct {
	Options
	file  *File
	index *index
	plan  Plan

	differ   map[int32]*current // by the number of the row: users whose values are not the row's
	removals []Action
	keys     keyHashes       // of the users, without those that rows are known by
	shared   map[uint64]bool // the hashes, without the lowest bit, of keys of rows that several users have
	scratch  []userKey       // of the match before
	sameUser []failure.Field // rows that name one user
	matched  int
	owned    int // absent, and owned
}

// current is a user who may have to be changed.
type current struct {
	token    uuid.UUID
	instance string // where it is another than the plan's
	known    string // what its row is known by
	values   field.Set
}

// Make compares the rows of a file that was checked with the users. It sends nothing but reads.
func Make(ctx context.Context, file *File, users Users, o Options) (*Plan, error) {
	if o.Absent != AbsentIgnore && o.Scope == nil && !o.Ledger.Known() {
		return nil, failure.New(failure.Invalid, "no user is owned yet: who is absent is not known").Because(ReasonOwners, "")
	}
	p := &planner{Options: o, file: file, index: file.index, differ: map[int32]*current{}, shared: map[uint64]bool{}}
	p.plan.Head = o.Head
	if file.clears != nil {
		return nil, file.clears
	}
	if err := p.index.sort(); err != nil {
		return nil, err
	}
	total, err := users(ctx, func(u *userservice.User) error { return p.user(u) })
	if err != nil {
		return nil, err
	}
	if err := p.duplicates(ctx, users); err != nil {
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
	m, err := p.match(u)
	if err != nil {
		return err
	}
	own := p.Ledger.of(m.token)
	managed := m.row != nil || own.adopted || p.Scope.Has(u)
	for _, k := range m.keys {
		switch {
		case k.row == nil:
			p.keys.add(k.hash, managed)
		case k.row.mask&isNamed != 0:
			p.shared[k.hash&^1] = true
		}
		if k.row != nil {
			k.row.mask |= isNamed
		}
	}
	e := m.row
	switch {
	case e == nil:
		p.absent(&m, u)
		return nil
	case e.matched(): // another user has the same key, as will be found
		return nil
	case m.other != nil:
		p.sameUser = append(p.sameUser, failure.Field{Key: fmt.Sprintf("row %d", max(e.n, m.other.n)),
			Message: fmt.Sprintf("names user %s, as row %d does", m.token, min(e.n, m.other.n))})
	}
	e.mask |= isMatched
	p.matched++
	if !own.adopted {
		if p.plan.Adopt == nil { // at once, as it may be of a million
			p.plan.Adopt = make([]uuid.UUID, 0, max(p.index.rows-len(p.Ledger.users), 1))
		}
		p.plan.Adopt = append(p.plan.Adopt, m.token)
	}
	if p.index.digest(&u.Fields, e.mask) != e.digest || returns(own, u) {
		p.differ[e.n] = &current{token: m.token, known: knownAs(m.rowField, m.rowKey), values: p.kept(u)}
	}
	return nil
}

// match is a user beside the rows.
type match struct {
	token         uuid.UUID
	key, keyField string
	row           *entry // that names the user; nil for none
	rowField      string // what the row is known by
	rowKey        string
	other         *entry    // another row that names the same user; nil for none
	keys          []userKey // until the next match
}

// userKey is a key that no other user may have.
type userKey struct {
	field, value string
	hash         uint64
	row          *entry // that is known by it; nil for none
}

// match returns what a user is called, and the row that names it: by the DeviceToken, or else by
// the keys in the order of preference.
func (p *planner) match(u *userservice.User) (m match, err error) {
	m.token, err = field.ParseServiceUUID(u.DeviceToken)
	if err != nil {
		return m, err // the list itself refuses such a user
	}
	m.keys = p.scratch[:0]
	take := func(name, value string, hash uint64) (found *entry) {
		switch found = p.index.find(hash); {
		case found == nil || found == m.row:
		case m.row == nil:
			m.row, m.rowField, m.rowKey = found, name, value
		case m.other == nil:
			m.other = found
		}
		return found
	}
	m.key, m.keyField = m.token.String(), deviceTokenKey
	if p.index.tokens {
		take(deviceTokenKey, m.key, p.index.sum(deviceTokenKey, m.key))
	}
	byToken := m.row != nil
	for _, f := range p.Keys {
		text := f.Normalize(u.Fields.Text(f.Name))
		if text == "" {
			continue
		}
		hash, before := p.index.sum(f.Name, text), m.row
		row := take(f.Name, text, hash)
		preferred := m.keyField == deviceTokenKey
		if preferred {
			m.key, m.keyField = text, f.Name
		}
		if p.index.keyed && !byToken && (preferred || m.row != before) {
			m.keys = append(m.keys, userKey{f.Name, text, hash, row})
		}
	}
	p.scratch = m.keys
	return m, nil
}

// returns reports whether a user whom an apply has deactivated is in the file again.
func returns(own owned, u *userservice.User) bool {
	return own.ours && u.Fields.Text("Status") == "Deactivated"
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
func (p *planner) absent(m *match, u *userservice.User) {
	token := m.token
	if p.Absent == AbsentIgnore || !p.Ledger.Owns(token) && !p.Scope.Has(u) || p.Keep.Has(token, u) {
		return
	}
	p.owned++
	a := Action{Action: Deactivate, DeviceToken: token, Key: m.key, KeyField: m.keyField, Activity: u.ActivityStatus}
	inactive := u.Fields.Text("Status") == "Deactivated"
	since := p.Ledger.InactiveSince(token)
	switch {
	case !inactive:
		a.Changes = []job.Change{{Field: "Status", From: u.Fields.Text("Status"), To: "Deactivated"}}
	case since.IsZero():
		p.plan.Inactive = append(p.plan.Inactive, token)
		return
	case p.Absent == AbsentDelete && p.Now.Sub(since) >= p.Grace:
		a.Action = Delete
		a.Changes = []job.Change{{Field: "Status", From: "Deactivated", To: "Deleted"}}
	default:
		return
	}
	p.removals = append(p.removals, a)
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

// rowsText is a number of rows.
func rowsText(n int) string {
	if n == 1 {
		return "1 row"
	}
	return thousands(n) + " rows"
}

// thousands is a number with its digits in groups of three.
func thousands(n int) string {
	text := fmt.Sprint(n)
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, parts...), ",")
}
