package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Place says where a user is.
type Place uint8

// The places.
const (
	Absent        Place = iota // the service shows no such user
	Member                     // of the instance
	OtherInstance              // of another instance
)

// State is what is known of a user.
type State struct {
	Place       Place
	DeviceToken uuid.UUID
	InstanceID  string
	Created     time.Time // in UTC; zero where it is not known
	// Values are the current values of the user's fields, where Known is set: of all fields where
	// the user was read by itself, and else of the fields that the membership keeps.
	Values field.Set
	Known  bool
	User   *userservice.User // nil where the user was read from a list
}

// Find returns the users who have a value of a field, or, where f is nil, the user who has a
// DeviceToken: deactivated users and those of all instances included.
type Find func(ctx context.Context, f *field.Field, value string) ([]userservice.User, error)

// Instance is the instance that a command is about.
type Instance struct {
	ID   string
	Name string // for messages; may be empty
}

func (in Instance) String() string {
	if in.Name == "" {
		return in.ID
	}
	return in.Name + " (" + in.ID + ")"
}

// Membership knows who is a user of the instance, and the current values of some fields. It reads
// users one by one, or all of them page by page, whichever needs fewer requests: Prepare decides.
// It is safe for concurrent use.
//
// A list of a million users takes less than 64 MiB: 16 bytes a user and, for up to eight flags,
// four more.
type Membership struct {
	Find     Find
	Fetch    Fetch // pages of the instance's users in the order of their creation, deactivated ones included
	Instance Instance
	Keep     []*field.Field // whose current values are wanted: flags and Status
	Now      func() time.Time

	mu     sync.RWMutex
	listed map[uuid.UUID]uint32 // the values of Keep, two bits each; nil: nobody was listed
	at     time.Time            // when listing began
	page   chan struct{}        // closed when the next page was read; nil: no list is being read
}

// fewReads is how many users are read one by one without asking how large the instance is.
const fewReads = 4

// valuesGood is for how long the values of a list are believed: a user may be changed meanwhile by
// somebody else.
const valuesGood = 5 * time.Minute

// Prepare reads the list where that takes fewer requests than reading so many users one by one.
// progress, if not nil, gets how many users were read, and of how many. Without Prepare, users
// are read one by one.
func (m *Membership) Prepare(ctx context.Context, users int, progress func(read, total int)) error {
	first, at, err := m.begin(ctx, users)
	if err != nil || first == nil {
		return err
	}
	listed := &compact{membership: m, values: make(map[uuid.UUID]uint32, min(first.Total, 2<<20))}
	for page, err := range Pages(ctx, firstKnown(*first, m.Fetch), PageOptions{Seen: listed}) {
		if err != nil {
			return err
		}
		if progress != nil {
			progress(len(listed.values), page.Total)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed, m.at = listed.values, at
	return nil
}

// PrepareAhead is Prepare for changes that move nobody in the list: it returns when the first page
// was read, and State waits for the page that its user is on. A list that cannot be read further
// leaves the other users to be read one by one. stop ends the reading.
func (m *Membership) PrepareAhead(ctx context.Context, users int) (stop func(), err error) {
	first, at, err := m.begin(ctx, users)
	if err != nil || first == nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	m.mu.Lock()
	m.listed, m.at, m.page = make(map[uuid.UUID]uint32, min(first.Total, 2<<20)), at, make(chan struct{})
	listed := &compact{membership: m, values: m.listed, guarded: true}
	m.mu.Unlock()
	go func() {
		defer close(done)
		for _, err := range Pages(ctx, firstKnown(*first, m.Fetch), PageOptions{Seen: listed}) {
			if err != nil {
				break
			}
			m.turn(make(chan struct{}))
		}
		m.turn(nil)
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// turn wakes those who wait for a page. next is closed with the next one; nil: there is none.
func (m *Membership) turn(next chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.page)
	m.page = next
}

// begin reads the first page of the list, and returns nil where users are to be read one by one.
func (m *Membership) begin(ctx context.Context, users int) (first *Page, at time.Time, err error) {
	if m.Fetch == nil || users <= fewReads {
		return nil, at, nil
	}
	at = m.Now()
	page, err := m.Fetch(ctx, 1, PageSize)
	if err != nil {
		return nil, at, err
	}
	if size := len(page.Users); page.More && (size == 0 || users <= page.Total/size) {
		return nil, at, nil
	}
	return &page, at, nil
}

// firstKnown is a Fetch that has the first page already.
func firstKnown(first Page, fetch Fetch) Fetch {
	used := false
	return func(ctx context.Context, number, size int) (Page, error) {
		if number == 1 && size == PageSize && !used {
			used = true
			return first, nil
		}
		return fetch(ctx, number, size)
	}
}

// Listed reports whether the list was read.
func (m *Membership) Listed() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.listed != nil
}

// State returns what is known of a user: from the list, or by reading the user.
func (m *Membership) State(ctx context.Context, deviceToken uuid.UUID) (State, error) {
	packed, fresh, ok, err := m.awaitListed(ctx, deviceToken)
	if err != nil {
		return State{}, err
	}
	if ok {
		s := State{Place: Member, DeviceToken: deviceToken, InstanceID: m.Instance.ID}
		if fresh {
			s.Values, s.Known = m.unpack(packed)
		}
		return s, nil
	}
	return m.Read(ctx, deviceToken)
}

// awaitListed returns what the list says of a user. While it is being read, it waits for the user's
// page, or for the end.
func (m *Membership) awaitListed(ctx context.Context, deviceToken uuid.UUID) (packed uint32, fresh, ok bool,
	err error) {
	for {
		m.mu.RLock()
		packed, ok = m.listed[deviceToken]
		fresh = ok && m.Now().Sub(m.at) < valuesGood
		page := m.page
		m.mu.RUnlock()
		if ok || page == nil {
			return packed, fresh, ok, nil
		}
		select {
		case <-page:
		case <-ctx.Done():
			return 0, false, false, failure.From(ctx.Err())
		}
	}
}

// Read reads a user, whatever the list says.
func (m *Membership) Read(ctx context.Context, deviceToken uuid.UUID) (State, error) {
	users, err := m.Find(ctx, nil, deviceToken.String())
	if failure.Is(err, failure.NotFound) {
		err = nil
	}
	if err != nil {
		return State{}, err
	}
	for i := range users {
		if s := m.stateOf(&users[i]); s.DeviceToken == deviceToken {
			return s, nil
		}
	}
	return State{Place: Absent, DeviceToken: deviceToken}, nil
}

// stateOf returns what a user who was read says.
func (m *Membership) stateOf(u *userservice.User) State {
	s := State{Place: OtherInstance, Created: u.DateCreated, InstanceID: u.AccountInfo.InstanceID, Values: u.Fields,
		Known: true, User: u}
	s.DeviceToken, _ = field.ParseServiceUUID(u.DeviceToken)
	if sameUUID(s.InstanceID, m.Instance.ID) {
		s.Place = Member
	}
	return s
}

func sameUUID(a, b string) bool {
	x, errX := field.ParseServiceUUID(a)
	y, errY := field.ParseServiceUUID(b)
	return errX == nil && errY == nil && x == y
}

// The values of a kept field, in two bits.
const (
	packedUnknown uint32 = iota // neither: the user must be read
	packedNull
	packedFalse
	packedTrue
)

func (m *Membership) pack(values field.Set) uint32 {
	var packed uint32
	for i, f := range m.Keep {
		value, _ := values.Get(f.Name)
		bits := packedUnknown
		switch Written(f, value) {
		case nil:
			bits = packedNull
		case false, "Deactivated":
			bits = packedFalse
		case true, "Active":
			bits = packedTrue
		}
		packed |= bits << (2 * i)
	}
	return packed
}

func (m *Membership) unpack(packed uint32) (values field.Set, known bool) {
	for i, f := range m.Keep {
		switch packed >> (2 * i) & 3 {
		case packedUnknown:
			return field.Set{}, false
		case packedFalse:
			values.Put(f, flagOrStatus(f, false))
		case packedTrue:
			values.Put(f, flagOrStatus(f, true))
		}
	}
	return values, len(m.Keep) > 0
}

func flagOrStatus(f *field.Field, on bool) any {
	switch {
	case f.Name != "Status":
		return on
	case on:
		return "Active"
	}
	return "Deactivated"
}

// Packable reports whether a list can keep the current values of these fields.
func Packable(fields []*field.Field) bool {
	for _, f := range fields {
		if f.Kind != field.Flag && f.Name != "Status" {
			return false
		}
	}
	return len(fields) <= 16
}

// compact is the Seen of a list that is being read.
type compact struct {
	membership *Membership
	values     map[uuid.UUID]uint32
	guarded    bool // values are read meanwhile: the lock of the membership guards them
}

func (c *compact) Has(u userservice.User) bool {
	id, err := field.ParseServiceUUID(u.DeviceToken)
	_, ok := c.values[id]
	return ok && err == nil
}

func (c *compact) Add(u userservice.User) {
	if id, err := field.ParseServiceUUID(u.DeviceToken); err == nil {
		packed := c.membership.pack(u.Fields)
		if c.guarded {
			c.membership.mu.Lock()
			defer c.membership.mu.Unlock()
		}
		c.values[id] = packed
	}
}
