package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
	"github.com/google/uuid"
)

// Fleet says what Fill makes. The same seed, the same users, up to the shorter of two fleets.
type Fleet struct {
	Users int
	Seed  uint64
}

// batch is how many users are read or written at once: few enough that others get in between, and many enough that a
// file need not be rewritten for each handful.
const batch = 5000

// The time in which a fleet was registered. It is fixed, so that the same seed makes the same fleet on any day.
var (
	fleetBegan = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	fleetSpan  = 3 * 365 * 24 * time.Hour
)

// Fill adds a plausible fleet: people with names, places, phones and flags, spread over the instances. Users of the
// fleet who are there already stay as they are. It ends early, with the context's error, between two batches.
func (s *Sandbox) Fill(ctx context.Context, fleet Fleet) error {
	m := maker{
		faker: gofakeit.NewFaker(rand.NewPCG(fleet.Seed, fleet.Seed), false),
		step:  fleetSpan / time.Duration(max(fleet.Users, 1)),
	}
	for done := 0; done < fleet.Users; {
		n := min(batch, fleet.Users-done)
		err := s.amend(ctx, func(st state) {
			if m.instances == nil {
				m.instances = st.instances(func(instance) bool { return true })
			}
			var keys []string
			for range n {
				if u := m.user(); st.number(prefixToken+u.Token) == 0 {
					st.enrol(u)
					keys = append(keys, indexKeys(u)...)
				}
			}
			st.enter(keys)
		})
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// maker makes up one user after the other.
type maker struct {
	faker     *gofakeit.Faker
	instances []instance
	step      time.Duration
	made      int
}

// share is something that is so for a part of a fleet.
type share[T any] struct {
	part  float64
	value T
}

func pick[T any](m *maker, shares []share[T]) T {
	at := m.faker.Float64Range(0, 1)
	for _, s := range shares {
		if at -= s.part; at < 0 {
			return s.value
		}
	}
	return shares[len(shares)-1].value
}

// chance is true for a part of all.
func (m *maker) chance(part float64) bool { return m.faker.Float64Range(0, 1) < part }

var (
	fleetActivity = []share[string]{{0.55, "Active"}, {0.15, "Inactive"}, {0.1, "Lost"}, {0.02, "Error"}, {0.18, ""}}
	fleetGender   = []share[string]{{0.45, "Male"}, {0.45, "Female"}, {0.02, "Other"}, {0.08, ""}}
	fleetPhones   = []share[[3]string]{
		{0.25, [3]string{"iPhone15,2", "iOS", "18.6"}}, {0.15, [3]string{"iPhone14,5", "iOS", "17.7"}}, {0.1, [3]string{"iPhone12,1", "iOS", "26.0"}},
		{0.2, [3]string{"SM-S911B", "Android", "15"}}, {0.15, [3]string{"SM-A546B", "Android", "14"}}, {0.15, [3]string{"Pixel 8", "Android", "16"}},
	}
	fleetVersions = []share[string]{{0.6, "7.0.4"}, {0.3, "6.2.2"}, {0.1, "5.14.1"}}
)

// user makes the next one. It draws the same number of values whatever they are, so that nothing shifts.
func (m *maker) user() *user {
	f := m.faker
	first, last := f.FirstName(), f.LastName()
	country := pick(m, fleetCountries)
	at := country.places[f.Number(0, len(country.places)-1)]
	client := fmt.Sprintf("client-%07d", m.made)
	u := &user{
		Token:    m.uuid(),
		Instance: m.place(),
		Created:  fleetBegan.Add(m.step*time.Duration(m.made) + f.DateRange(fleetBegan, fleetBegan.Add(max(m.step, 1))).Sub(fleetBegan)).Truncate(time.Microsecond),
		Activity: pick(m, fleetActivity),
		ClientID: said(client),
	}
	for _, of := range [][2]string{
		{"FirstName", first}, {"LastName", last}, {"Country", country.name}, {"City", at.city}, {"District", at.district}, {"Address", f.Street()},
		{"Phone", country.phone(at, f.Uint64())},
		{"Email", strings.ToLower(fmt.Sprintf("%s.%s.%d@example.com", plainName(first), plainName(last), m.made))},
		{"Birthday", f.DateRange(time.Date(1945, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)).Format(time.DateOnly) + "T00:00:00"},
	} {
		u.setText(of[0], said(of[1]))
	}
	for _, of := range []share[string]{{0.93, "EnableTracking"}, {0.02, "EnableLogging"}, {0.06, "EnableRealTimeLocation"}, {0.97, "Enabled"}} {
		u.setFlag(of.value, m.chance(of.part))
	}
	m.details(u, first)
	m.made++
	return u
}

// details are what not everybody has.
func (m *maker) details(u *user, first string) {
	if gender := pick(m, fleetGender); gender != "" {
		u.setText("Gender", said(gender))
	}
	if children := m.faker.Number(0, 4); m.chance(0.6) {
		u.setText("ChildrenCount", said(fmt.Sprint(children)))
	}
	if status := m.faker.Number(1, 4); m.chance(0.7) {
		u.setText("MaritalStatus", said(fmt.Sprint(status)))
	}
	if m.chance(0.3) {
		u.setText("Nickname", said(strings.ToLower(first)))
	}
	if !m.chance(0.8) {
		u.ClientID = text{}
	}
	if m.chance(0.04) {
		u.Status = statusDeactivated
	}
	phone, version, imei := pick(m, fleetPhones), pick(m, fleetVersions), m.faker.DigitN(15)
	uid := m.uuid()
	if u.Activity != "" {
		for _, value := range []string{uid, phone[0], phone[1], phone[2], version, "2." + version, imei} { // as deviceFields are
			u.Device = append(u.Device, said(value))
		}
	}
}

// plainName is a name as it stands in an e-mail address.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\'' {
			return -1
		}
		return r
	}, name)
}

// place is an instance's number; the first has the most users, as in life.
func (m *maker) place() uint64 {
	n := len(m.instances)
	at := m.faker.Float64Range(0, 1)
	return m.instances[int(at*at*float64(n))%n].Number
}

func (m *maker) uuid() string {
	var id uuid.UUID
	for i := range id {
		id[i] = m.faker.Uint8()
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}
