package fleet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

const (
	here  = "11111111-2222-4333-8444-555555555555"
	there = "22222222-2222-4333-8444-555555555555"
)

// people is an instance of so many users, the token of each made of its number, and whoever else is
// added.
type people struct {
	n      int
	others []userservice.User
	pages  int
	reads  int
}

func tokenOf(n int) uuid.UUID {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[8:], uint64(n)+1)
	return u
}

// userOf has logging on where its number is odd, and is deactivated where it can be divided by ten.
func userOf(n int) userservice.User {
	u := userservice.User{DeviceToken: tokenOf(n).
		String(), Status: "Active", AccountInfo: userservice.AccountInfo{InstanceID: here}}
	u.Fields.Put(field.MustGet("EnableLogging"), n%2 == 1)
	status := "Active"
	if n%10 == 0 {
		status = "Deactivated"
	}
	u.Fields.Put(field.MustGet("Status"), status)
	u.Fields.Put(field.MustGet("ClientId"), fmt.Sprintf("c-%d", n))
	return u
}

func (p *people) fetch(_ context.Context, number, size int) (Page, error) {
	p.pages++
	from := (number - 1) * size
	page := Page{Total: p.n, More: from+size < p.n}
	for n := from; n < min(from+size, p.n); n++ {
		page.Users = append(page.Users, userOf(n))
	}
	return page, nil
}

func (p *people) find(_ context.Context, f *field.Field, value string) ([]userservice.User, error) {
	p.reads++
	var out []userservice.User
	add := func(u userservice.User) {
		if f == nil && u.DeviceToken == value || f != nil && strings.EqualFold(u.Fields.Text(f.Name), value) {
			out = append(out, u)
		}
	}
	for n := range p.n {
		add(userOf(n))
	}
	for _, u := range p.others {
		add(u)
	}
	return out, nil
}

func (p *people) membership(keep ...string) *Membership {
	m := &Membership{Find: p.find, Fetch: p.fetch, Instance: Instance{ID: strings.ToUpper(here), Name: "Fleet"},
		Now: time.Now}
	for _, name := range keep {
		m.Keep = append(m.Keep, field.MustGet(name))
	}
	return m
}

func TestMembershipReadsTheWayThatNeedsFewerRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fleet, users int
		listed       bool
		pages        int
	}{
		{fleet: 5000, users: 4, listed: false, pages: 0}, // too few to ask
		{fleet: 5000, users: 5, listed: false, pages: 1}, // five reads against five pages
		{fleet: 5000, users: 6, listed: true, pages: 6},
		{fleet: 20, users: 5, listed: true, pages: 1}, // it has come already
		{fleet: 0, users: 5, listed: true, pages: 1},
	} {
		p := &people{n: c.fleet}
		m := p.membership("EnableLogging")
		if err := m.Prepare(t.Context(), c.users, nil); err != nil {
			t.Fatal(err)
		}
		if m.Listed() != c.listed || p.pages != c.pages || p.reads != 0 {
			t.Errorf("%d of %d users: listed is %t, by %d pages and %d reads", c.users, c.fleet, m.Listed(), p.pages, p.reads)
		}
	}
}

func TestMembershipKnowsWhereUsersAre(t *testing.T) {
	t.Parallel()
	other := userservice.User{DeviceToken: tokenOf(900).String(), AccountInfo: userservice.AccountInfo{InstanceID: there}}
	late := userOf(901)
	for _, listed := range []bool{false, true} {
		p := &people{n: 30, others: []userservice.User{other, late}}
		m := p.membership("EnableLogging", "Status", "EnableTracking")
		if listed {
			if err := m.Prepare(t.Context(), 30, nil); err != nil {
				t.Fatal(err)
			}
		}
		for n, want := range map[int]Place{0: Member, 7: Member, 900: OtherInstance, 901: Member, 902: Absent} {
			s, err := m.State(t.Context(), tokenOf(n))
			if err != nil || s.Place != want || s.DeviceToken != tokenOf(n) {
				t.Errorf("listed is %t: user %d: got %+v, %v, want %d", listed, n, s, err, want)
			}
			if want != Member {
				continue
			}
			logging, _ := s.Values.Get("EnableLogging")
			tracking, _ := s.Values.Get("EnableTracking")
			if wanted := map[bool]string{true: "Deactivated", false: "Active"}[n%10 == 0]; !s.Known || logging != (n%2 == 1) ||
				tracking != nil || s.Values.Text("Status") != wanted {
				t.Errorf("listed is %t: user %d has %v, %v, %s", listed, n, logging, tracking, s.Values.Text("Status"))
			}
		}
		if want := map[bool]int{true: 3, false: 5}[listed]; p.reads != want {
			t.Errorf("listed is %t: %d reads, want %d", listed, p.reads, want)
		}
	}
}

// While the list is being read, whoever was on the pages so far is known; others are waited for,
// and where the list breaks off, they are read one by one.
func TestUsersAreKnownWhileTheListIsBeingRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks error
		reads  int
	}{
		"the list is read to its end": {nil, 0},
		"the list breaks off":         {errors.New("gone"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &people{n: 5000}
			m := p.membership("EnableLogging")
			fetch, second := m.Fetch, make(chan struct{})
			m.Fetch = func(ctx context.Context, number, size int) (Page, error) {
				if number > 1 {
					<-second
					if c.breaks != nil {
						return Page{}, c.breaks
					}
				}
				return fetch(ctx, number, size)
			}
			stop, err := m.PrepareAhead(t.Context(), 5000)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			if s, err := m.State(t.Context(), tokenOf(7)); err != nil || !s.Known || p.reads != 0 {
				t.Errorf("a user of the first page: %+v, %v, %d reads", s, err, p.reads)
			}
			ended, end := context.WithCancel(t.Context())
			end()
			if _, err := m.State(ended, tokenOf(4999)); !failure.Is(err, failure.Interrupted) {
				t.Errorf("a user of the last page, and no time to wait: %v", err)
			}
			close(second)
			if s, err := m.State(t.Context(), tokenOf(4999)); err != nil || s.Place != Member || p.reads != c.reads {
				t.Errorf("a user of the last page: %+v, %v, %d reads", s, err, p.reads)
			}
		})
	}
}

// A user may be changed by somebody else after the list was read.
func TestValuesOfAnOldListAreNotBelieved(t *testing.T) {
	t.Parallel()
	p := &people{n: 30}
	m := p.membership("EnableLogging")
	now := time.Now()
	m.Now = func() time.Time { return now }
	if err := m.Prepare(t.Context(), 30, nil); err != nil {
		t.Fatal(err)
	}
	now = now.Add(valuesGood + time.Second)
	if s, err := m.State(t.Context(), tokenOf(3)); err != nil || s.Known || s.Place != Member {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestMillionUsersTakeLessThan64MiB(t *testing.T) {
	const million = 1_000_000
	m := (&people{n: million}).membership("EnableLogging", "Status", "EnableTracking", "Enabled")
	before := heap()
	if err := m.Prepare(t.Context(), million, nil); err != nil {
		t.Fatal(err)
	}
	used := (heap() - before) >> 20
	t.Logf("%d MiB", used)
	if used >= 64 {
		t.Errorf("%d MiB are used", used)
	}
	if s, err := m.State(t.Context(), tokenOf(million-1)); err != nil || s.Place != Member || !s.Known {
		t.Errorf("got %+v, %v", s, err)
	}
}

func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestLookup(t *testing.T) {
	t.Parallel()
	with := func(n int, instance string, pairs ...string) userservice.User {
		u := userservice.User{DeviceToken: tokenOf(n).String(), AccountInfo: userservice.AccountInfo{InstanceID: instance}}
		for i := 0; i < len(pairs); i += 2 {
			u.Fields.Put(field.MustGet(pairs[i]), pairs[i+1])
		}
		return u
	}
	p := &people{others: []userservice.User{
		with(1, here, "ClientId", "c-1", "Email", "Ada@Example.com", "FirstName", "Ada"),
		with(2, there, "ClientId", "c-1"),
		with(3, here, "ClientId", "C-1"), // the service may compare without regard to case: this is another user
		with(4, there, "ClientId", "c-4"),
		with(5, here, "ClientId", "c-5", "FirstName", "Bo"),
		with(6, here, "ClientId", "c-5", "LastName", "Li", "Email", "li@example.com"),
		with(7, here, "Phone", "+491701234567"),
	}}
	m := p.membership()
	for text, want := range map[string]struct {
		user   int
		code   failure.Code
		reason failure.Reason
		text   string
	}{
		"client:c-1":            {user: 1},
		"CLIENT: c-1 ":          {user: 1},
		"email:ada@example.com": {user: 1},
		"email:ADA@example.COM": {user: 1},
		"phone:+49 170 1234567": {user: 7},
		strip(tokenOf(1)):       {user: 1},
		"client:c-9": {code: failure.NotFound, reason: ReasonNoMatch,
			text: `no user with ClientId "c-9" in instance Fleet (` + strings.ToUpper(here) + `)`},
		"client:c-4": {code: failure.NotFound, reason: ReasonOtherPlace, text: "but in another one"},
		"client:c-5": {code: failure.Invalid, reason: ReasonManyMatch, text: tokenOf(6).
			String() + ": Li, ClientId c-5, li@example.com"},
		"{" + tokenOf(2).String() + "}": {code: failure.NotFound, reason: ReasonOtherPlace, text: "but in another one"},
		tokenOf(99).String(): {code: failure.NotFound, reason: ReasonNoMatch,
			text: "no user " + tokenOf(99).String()},
	} {
		token, err := ParseToken(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Lookup(t.Context(), token)
		if want.user != 0 {
			if err != nil || s.DeviceToken != tokenOf(want.user) {
				t.Errorf("%s: got %+v, %v", text, s, err)
			}
			continue
		}
		if !failure.Is(err, want.code) || !failure.HasReason(err, want.reason) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: got %v, want %s", text, err, want.text)
		}
	}
}

func strip(u uuid.UUID) string { return strings.ReplaceAll(u.String(), "-", "") }

func TestParseTokens(t *testing.T) {
	t.Parallel()
	const ada = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	got, err := ParseTokens([]string{ada, "{" + strings.ToUpper(ada) + "}", strings.ReplaceAll(ada, "-", ""),
		"client:c-1", "Client:c-1 ",
		"email:Ada@example.com", "email:ada@EXAMPLE.com", "phone:+49 170 1", "client:a:b"})
	var names []string
	for _, token := range got {
		names = append(names, token.String())
	}
	if want := ada + " client:c-1 email:ada@example.com phone:+491701 client:a:b"; err != nil ||
		strings.Join(names, " ") != want {
		t.Errorf("got %v, %v", names, err)
	}
	_, err = ParseTokens([]string{ada, "", "x", "client:", "name:Ada", uuid.Nil.String(), "8f14e45f-ceea-467f-8b3e"})
	f := failure.From(err)
	if f == nil || f.Code != failure.Invalid || len(f.Fields) != 6 || f.Fields[0].Key != "TOKEN 2" ||
		f.Message != "not every TOKEN names a user" {
		t.Errorf("got %v", err)
	}
}
