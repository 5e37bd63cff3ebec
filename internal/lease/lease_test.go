package lease_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lease"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const (
	instance = "5a4db0c5-0000-4000-8000-000000000001"
	ada      = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) store(t *testing.T) *lease.Store {
	return &lease.Store{Dir: t.TempDir(), Now: func() time.Time { return c.now }}
}

// fleet is users with one flag; a user who is not in it does not exist.
type fleet struct {
	mu   sync.Mutex
	on   map[string]bool
	fail error
	sent int
}

func (f *fleet) Flag(_ context.Context, l lease.Lease) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	on, ok := f.on[l.DeviceToken]
	if !ok {
		return false, failure.New(failure.NotFound, "no such user")
	}
	return on, f.fail
}

func (f *fleet) SetFlag(_ context.Context, l lease.Lease, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	f.on[l.DeviceToken] = on
	return nil
}

func logging(until time.Time) lease.Lease {
	return lease.Lease{Profile: "prod", InstanceID: instance, DeviceToken: ada, Field: "EnableLogging", Value: true,
		Before: false, Since: noon, Until: until}
}

func all(lease.Lease) bool { return true }

func sweep(t *testing.T, s *lease.Store, f *fleet) (outcomes []lease.Outcome) {
	t.Helper()
	err := s.Sweep(t.Context(), f, all, func(r lease.Result) error {
		outcomes = append(outcomes, r.Outcome)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func add(t *testing.T, s *lease.Store, l ...lease.Lease) []lease.Lease {
	t.Helper()
	added, err := s.Add(t.Context(), l...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func open(t *testing.T, s *lease.Store) []lease.Lease {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWhatIsDueIsPutBackOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		users   map[string]bool
		fail    error
		want    lease.Outcome
		on      bool
		sent    int
		staysIn int
	}{
		"still as the lease left it":  {map[string]bool{ada: true}, nil, lease.Restored, false, 1, 0},
		"put back by somebody before": {map[string]bool{ada: false}, nil, lease.Unchanged, false, 0, 0},
		"the change was never sent":   {map[string]bool{ada: false}, nil, lease.Unchanged, false, 0, 0},
		"the user is gone":            {map[string]bool{}, nil, lease.Gone, false, 0, 0},
		"the sign-in has expired": {map[string]bool{ada: true}, failure.New(failure.Unauthorized, "no"), lease.Failed,
			true, 0, 1},
		"the service cannot be reached": {map[string]bool{ada: true}, errors.New("no route"), lease.Failed, true, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c0 := &clock{noon}
			s, f := c0.store(t), &fleet{on: c.users, fail: c.fail}
			add(t, s, logging(noon.Add(4*time.Hour)))
			if got := sweep(t, s, f); got != nil {
				t.Errorf("before it is due: %v", got)
			}
			c0.now = noon.Add(4 * time.Hour)
			if got := sweep(t, s, f); len(got) != 1 || got[0] != c.want || f.on[ada] != c.on || f.sent != c.sent {
				t.Errorf("%v, logging %v, %d requests", got, f.on[ada], f.sent)
			}
			if left := open(t, s); len(left) != c.staysIn {
				t.Errorf("%d leases are left", len(left))
			}
			if f.fail = nil; c.staysIn > 0 {
				if got := sweep(t, s, f); len(got) != 1 || got[0] != lease.Restored {
					t.Errorf("the next sweep: %v", got)
				}
			}
		})
	}
}

// A lease of what was so before has nothing to put back, and leaves alone what somebody
// has changed since.
func TestALeaseThatChangedNothing(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s, f := c.store(t), &fleet{on: map[string]bool{ada: false}}
	l := logging(noon)
	l.Before = true
	add(t, s, l)
	if got := sweep(t, s, f); len(got) != 1 || got[0] != lease.LeftAlone || f.sent != 0 {
		t.Errorf("%v, %d requests", got, f.sent)
	}
}

// A second lease of a flag puts back what the first one would have.
func TestALongerLeaseTakesTheFirstOnesPlace(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := c.store(t)
	add(t, s, logging(noon.Add(time.Hour)))
	longer := logging(noon.Add(8 * time.Hour))
	longer.Before = true // as it was read while the first lease was on
	add(t, s, longer)
	left := open(t, s)
	if len(left) != 1 || left[0].Before || !left[0].Until.Equal(noon.Add(8*time.Hour)) {
		t.Errorf("%+v", left)
	}
}

// Two sweeps at once put back each lease once.
func TestTwoSweepsAtOnce(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s, f := c.store(t), &fleet{on: map[string]bool{}}
	for i := range 20 {
		l := logging(noon)
		l.DeviceToken = ada[:34] + string(rune('a'+i/10)) + string(rune('0'+i%10))
		f.on[l.DeviceToken] = true
		add(t, s, l)
	}
	var sweeps sync.WaitGroup
	for range 2 {
		sweeps.Go(func() {
			if err := s.Sweep(context.Background(), f, all, func(lease.Result) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	sweeps.Wait()
	if f.sent != 20 || len(open(t, s)) != 0 {
		t.Errorf("%d requests for 20 leases, %d are left", f.sent, len(open(t, s)))
	}
}

func TestLeasesAreFoundByTheBeginningOfTheirID(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := c.store(t)
	added := add(t, s, logging(noon))
	if l, err := s.Find(added[0].ID[:4]); err != nil || l.ID != added[0].ID {
		t.Errorf("%+v, %v", l, err)
	}
	for _, id := range []string{"", "zz"} {
		if _, err := s.Find(id); !failure.Is(err, failure.NotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := s.Cancel(t.Context(), &fleet{on: map[string]bool{ada: true}}, map[string]bool{added[0].ID: true},
		func(r lease.Result) error {
			if r.Outcome != lease.Restored {
				t.Errorf("%+v", r)
			}
			return nil
		}); err != nil || len(open(t, s)) != 0 {
		t.Errorf("%v, %d left", err, len(open(t, s)))
	}
}

// A damaged file is refused: nothing is put back by what it may say, and nothing is
// written over it.
func TestADamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := c.store(t)
	add(t, s, logging(noon))
	path := filepath.Join(s.Dir, "leases.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(t.Context(), logging(noon)); !failure.HasReason(err, lease.ReasonUnreadable) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if now, _ := os.ReadFile(path); string(now) != string(damaged) {
			t.Fatalf("byte %d: it was written over", at)
		}
	}
}
