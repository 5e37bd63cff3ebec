package job_test

import (
	"context"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// With an admin's JWT the service is asked who has the token.
func TestATakenTokenIsLookedUp(t *testing.T) {
	t.Parallel()
	old, young := time.Unix(1_700_000_000, 0), time.Unix(1_800_000_001, 0)
	for name, c := range map[string]struct {
		faults []fault
		user   *userservice.User
		want   job.Outcome
	}{
		"it was there before":                         {nil, &userservice.User{DateCreated: old}, job.Existing},
		"it belongs to nobody in reach":               {nil, nil, job.Failed},
		"our first try made it":                       {[]fault{lostAfter}, &userservice.User{DateCreated: young}, job.Created},
		"our first try made it, and the look-up lags": {[]fault{lostAfter}, nil, job.Created},
		"our first try met a user from long ago":      {[]fault{lostAfter}, &userservice.User{DateCreated: old}, job.Existing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, "c-1")
			g.m.users[g.rows[0].Token.String()] = "c-1"
			g.m.fault = script(c.faults...)
			g.change = func(r *job.Run) {
				r.Lookup = func(context.Context, string) (*userservice.User, error) { return c.user, nil }
			}
			g.mustRun()
			if got := g.results[1].Outcome; got != c.want {
				t.Errorf("the outcome is %s, not %s", got, c.want)
			}
		})
	}
}

// A DeviceToken of a seed belongs to a user of this job, or of another of the same content, though an admin is not shown it yet.
func TestANamelessUserWhomALookUpDoesNotShowYetIsThere(t *testing.T) {
	t.Parallel()
	for drawn, want := range map[bool]job.Outcome{true: job.Created, false: job.Existing} {
		g := newRig(t, "")
		g.rows[0].Drawn = drawn
		g.m.users[g.rows[0].Token.String()] = ""
		g.change = func(r *job.Run) {
			r.Lookup = func(context.Context, string) (*userservice.User, error) { return nil, nil }
		}
		g.mustRun()
		if r := g.results[1]; r.Outcome != want || r.DeviceToken != g.rows[0].Token.String() {
			t.Errorf("the seed is the job's own: %v: %+v", drawn, r)
		}
	}
}

// A lookup is a request like any other: it keeps to the cap.
func TestLookupsKeepToTheRate(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(10)...)
	for _, row := range g.rows {
		g.m.users[row.Token.String()] = row.ClientID
	}
	began := g.clock.Now()
	g.change = func(r *job.Run) {
		r.Rate, r.Concurrency = 1, 1
		r.Lookup = func(context.Context, string) (*userservice.User, error) {
			return &userservice.User{DateCreated: g.m.made}, nil
		}
	}
	if totals := g.mustRun(); totals.Existing != 10 {
		t.Errorf("%+v", totals)
	}
	if took := g.clock.Now().Sub(began); took < 19*time.Second {
		t.Errorf("10 registrations and 10 lookups took %s at one request a second", took)
	}
}
