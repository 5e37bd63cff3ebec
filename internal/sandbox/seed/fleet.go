package seed

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// Fleet says how many plausible users there are. The same seed makes the same users, up
// to the shorter of two fleets.
type Fleet struct {
	Users int
	Seed  uint64
}

// The time in which a fleet was registered. It is fixed, so that the same seed makes the
// same fleet on any day.
var fleetBegan = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

const fleetSpan = 3 * 365 * 24 * time.Hour

// Maker makes the users of a fleet, one after the other.
type Maker struct {
	*rand.Rand
	instances []*store.Place
	step      time.Duration
	made      int
}

// NewMaker makes a maker whose users are spread over instances.
func NewMaker(f Fleet, instances []*store.Place) *Maker {
	return &Maker{
		Rand:      rand.New(rand.NewPCG(f.Seed, f.Seed)), //nolint:gosec // nothing of a fleet is secret
		instances: instances, step: fleetSpan / time.Duration(max(f.Users, 1)),
	}
}

// share is something that is so for a part of a fleet.
type share[T any] struct {
	part  float64
	value T
}

func pick[T any](m *Maker, shares []share[T]) T {
	at := m.Float64()
	for _, s := range shares {
		if at -= s.part; at < 0 {
			return s.value
		}
	}
	return shares[len(shares)-1].value
}

func one(m *Maker, of []string) string { return of[m.IntN(len(of))] }

// chance is true for a part of all.
func (m *Maker) chance(part float64) bool { return m.Float64() < part }

type phone struct{ model, os, version string }

var (
	activities = []share[string]{{0.55, "Active"}, {0.15, "Inactive"}, {0.1, "Lost"}, {0.02, "Error"}, {0.18, ""}}
	genders    = []share[string]{{0.45, "Male"}, {0.45, "Female"}, {0.02, "Other"}, {0.08, ""}}
	phones     = []share[phone]{
		{0.25, phone{"iPhone15,2", "iOS", "18.6"}}, {0.15, phone{"iPhone14,5", "iOS", "17.7"}},
		{0.1, phone{"iPhone12,1", "iOS", "26.0"}}, {0.2, phone{"SM-S911B", "Android", "15"}},
		{0.15, phone{"SM-A546B", "Android", "14"}}, {0.15, phone{"Pixel 8", "Android", "16"}},
	}
	versions = []share[string]{{0.6, "7.0.4"}, {0.3, "6.2.2"}, {0.1, "5.14.1"}}
	flags    = []share[string]{
		{0.93, "EnableTracking"}, {0.02, "EnableLogging"}, {0.06, "EnableRealTimeLocation"}, {0.97, "Enabled"},
	}
)

// Next makes the next user. It draws the same number of values whatever they are, so that
// nothing shifts.
func (m *Maker) Next() *store.User {
	first, last := one(m, firstNames), one(m, lastNames)
	where := pick(m, countries())
	at := where.places[m.IntN(len(where.places))]
	born := time.Date(1945, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, m.IntN(62*365))
	u := &store.User{
		Token: m.uuid(), Instance: m.instance(), Activity: pick(m, activities),
		Created: m.moment(),
		Fields: store.Values{
			{Name: "FirstName", Text: first}, {Name: "LastName", Text: last},
			{Name: "Country", Text: where.name}, {Name: "City", Text: at.city}, {Name: "District", Text: at.district},
			{Name: "Address", Text: fmt.Sprintf("%d %s", 1+m.IntN(200), one(m, streets))},
			{Name: "Phone", Text: where.phone(at, m.Uint64())},
			{Name: "Email", Text: fmt.Sprintf("%s.%s.%d@example.com", mailName(first), mailName(last), m.made)},
			{Name: "Birthday", Text: born.Format(time.DateOnly) + "T00:00:00"},
		},
	}
	for _, f := range flags {
		u.Fields = append(u.Fields, store.Value{Name: f.value, Text: fmt.Sprint(m.chance(f.part))})
	}
	m.details(u, first)
	m.made++
	return u
}

// moment draws when the next user was registered: after the one before.
func (m *Maker) moment() time.Time {
	within := time.Duration(m.Int64N(int64(m.step)))
	return fleetBegan.Add(m.step*time.Duration(m.made) + within).Truncate(time.Microsecond)
}

// details are what not everybody has.
func (m *Maker) details(u *store.User, first string) {
	has := func(ok bool, name, text string) {
		if ok && text != "" {
			u.Fields = append(u.Fields, store.Value{Name: name, Text: text})
		}
	}
	has(true, "Gender", pick(m, genders))
	children := fmt.Sprint(m.IntN(5))
	has(m.chance(0.6), "ChildrenCount", children)
	marital := fmt.Sprint(1 + m.IntN(4))
	has(m.chance(0.7), "MaritalStatus", marital)
	has(m.chance(0.3), "Nickname", strings.ToLower(first))
	has(m.chance(0.8), "ClientId", fmt.Sprintf("client-%07d", m.made))
	if m.chance(0.04) {
		u.Status = store.Deactivated
	}
	p, version, imei, uid := pick(m, phones), pick(m, versions), m.Int64N(1e15), m.uuid()
	if u.Activity != "" {
		u.Device = store.Values{
			{Name: "MobileUid", Text: uid}, {Name: "DeviceModel", Text: p.model}, {Name: "OsType", Text: p.os},
			{Name: "OsVersion", Text: p.version}, {Name: "SdkVersion", Text: version},
			{Name: "AppVersion", Text: "2." + version}, {Name: "VirtualImei", Text: fmt.Sprintf("%015d", imei)},
		}
	}
}

// mailName is a name as it stands in an email address.
func mailName(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(name, " ", ""), "'", ""))
}

// instance draws an instance; the first has the most users.
func (m *Maker) instance() string {
	n := len(m.instances)
	at := m.Float64()
	return m.instances[int(at*at*float64(n))%n].ID
}

func (m *Maker) uuid() string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(m.Uint32()) //nolint:gosec // one byte of it
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}
