package explain

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// answering are sources that answer as a phone that records does.
func answering() *Sources {
	f := recording()
	return &Sources{
		InstanceID: here, Now: func() time.Time { return now },
		User:   func(context.Context, string) (userservice.User, error) { return *f.User.Value, nil },
		Device: func(context.Context, string) (userservice.DeviceStatus, error) { return f.Device.Value, nil },
		Trips:  func(context.Context, string) (userservice.TripDates, error) { return f.Trips.Value, nil },
		Statistics: func(context.Context, string) (userservice.Statistics, error) {
			return f.Statistics.Value, nil
		},
	}
}

var sourcesOf = map[Source]func(s *Sources, how func(ctx context.Context) error){
	FromUser: func(s *Sources, how func(ctx context.Context) error) {
		s.User = func(ctx context.Context, _ string) (userservice.User, error) { return userservice.User{}, how(ctx) }
	},
	FromDevice: func(s *Sources, how func(ctx context.Context) error) {
		s.Device = func(ctx context.Context, _ string) (userservice.DeviceStatus, error) {
			return userservice.DeviceStatus{}, how(ctx)
		}
	},
	FromTrips: func(s *Sources, how func(ctx context.Context) error) {
		s.Trips = func(ctx context.Context, _ string) (userservice.TripDates, error) {
			return userservice.TripDates{}, how(ctx)
		}
	},
	FromStatistics: func(s *Sources, how func(ctx context.Context) error) {
		s.Statistics = func(ctx context.Context, _ string) (userservice.Statistics, error) {
			return userservice.Statistics{}, how(ctx)
		}
	},
}

// Whatever happens to one source, its checks are not available, all others are as ever, and the
// answer is there within two seconds.
func TestASourceThatIsNotAvailable(t *testing.T) {
	t.Parallel()
	for cause, how := range map[string]func(ctx context.Context) error{
		"fails":                func(context.Context) error { return failure.New(failure.Unavailable, "503") },
		"breaks off":           func(context.Context) error { return errors.New("connection reset") },
		"is slow":              func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores its deadline": func(context.Context) error { <-time.After(time.Hour); return nil },
	} {
		for source, set := range sourcesOf {
			t.Run(string(source)+" "+cause, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := answering()
					set(s, how)
					begun := time.Now()
					f, err := s.Gather(t.Context(), ada)
					if took := time.Since(begun); err != nil || took > Limit {
						t.Fatalf("%v after %s", err, took)
					}
					r := Explain(f)
					if r.Verdict != VerdictOK {
						t.Errorf("verdict %s", r.Verdict)
					}
					for _, c := range r.Checks {
						switch {
						case c.Source == source && (c.State != Unknown || c.Detail != notAvailable):
							t.Errorf("%+v", c)
						case c.Source != source && c.State != Good:
							t.Errorf("another is affected: %+v", c)
						}
					}
					<-time.After(time.Hour) // of the bubble's clock: until the last goroutine is done
				})
			})
		}
	}
}

// What a refusal means: the calls of the phone may not exist, and somebody who may not read
// the user gets the error.
func TestASourceThatRefuses(t *testing.T) {
	t.Parallel()
	refuse := func(code failure.Code, reason failure.Reason) func(context.Context) error {
		return func(context.Context) error { return failure.New(code, "refused").Because(reason, "") }
	}
	for name, c := range map[string]struct {
		source  Source
		how     func(context.Context) error
		code    failure.Code
		verdict Verdict
		check   string
		detail  string
	}{
		"nobody has the DeviceToken": {FromUser, refuse(failure.NotFound, ""), "", VerdictBroken, "User",
			"no user has this DeviceToken"},
		"the user may not be read": {FromUser, refuse(failure.Unauthorized, ""), failure.Unauthorized, "", "", ""},
		"a call that is not there": {FromDevice, refuse(failure.NotFound, ""), "", VerdictOK, "HeartbeatDate", notAvailable},
		"a call that is forbidden": {FromTrips, refuse(failure.Unauthorized, ""), "", VerdictOK, "LatestTripDate",
			notAvailable},
		"a phone that never reported": {FromDevice, refuse(failure.NotFound, userservice.ReasonNothingReported), "",
			VerdictBroken,
			"HeartbeatDate", "none: the phone has never reported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := answering()
			sourcesOf[c.source](s, c.how)
			f, err := s.Gather(t.Context(), ada)
			if failure.CodeOf(err) != c.code {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
			r := Explain(f)
			if r.Verdict != c.verdict {
				t.Errorf("verdict %s", r.Verdict)
			}
			for _, got := range r.Checks {
				if got.Name == c.check && got.Detail != c.detail {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}

// A user can read its profile, and nothing that needs an admin.
func TestAUserExplainsItself(t *testing.T) {
	t.Parallel()
	s := answering()
	s.Device, s.Trips, s.Statistics, s.Why = nil, nil, nil, "not available: only an admin can read it"
	f, err := s.Gather(t.Context(), ada)
	if err != nil {
		t.Fatal(err)
	}
	r := Explain(f)
	for _, c := range r.Checks {
		if c.Source != FromUser && (c.State != Unknown || c.Detail != s.Why) {
			t.Errorf("%+v", c)
		}
	}
	if r.Verdict != VerdictOK {
		t.Errorf("verdict %s", r.Verdict)
	}
}

// A source that is never in time costs three users two seconds, and the others nothing.
func TestASlowSourceIsNoLongerAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := answering()
		var calls atomic.Int32
		sourcesOf[FromDevice](s, func(ctx context.Context) error { calls.Add(1); <-ctx.Done(); return ctx.Err() })
		begun := time.Now()
		for range 10 {
			if _, err := s.Gather(t.Context(), ada); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); calls.Load() != 3 || took != 3*Limit {
			t.Errorf("%d calls in %s", calls.Load(), took)
		}
	})
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := answering()
	sourcesOf[FromTrips](s, func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	if _, err := s.Gather(ctx, ada); !failure.Is(err, failure.Interrupted) {
		t.Errorf("%v", err)
	}
}
