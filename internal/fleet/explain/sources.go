package explain

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Limit is how long a source may take to answer. One that takes longer is not available.
const Limit = 2 * time.Second

// mostMisses is how often in a row a source may miss the limit; then it is not asked again.
const mostMisses = 3

// Sources is where facts come from. A nil function cannot be asked, for the reason in Why. It is
// safe for concurrent use.
type Sources struct {
	User       func(ctx context.Context, deviceToken string) (userservice.User, error)
	Device     func(ctx context.Context, deviceToken string) (userservice.DeviceStatus, error)
	Trips      func(ctx context.Context, deviceToken string) (userservice.TripDates, error)
	Statistics func(ctx context.Context, deviceToken string) (userservice.Statistics, error)

	InstanceID string // where users are to be
	Why        string // why a nil function cannot be asked
	Now        func() time.Time

	misses [4]atomic.Int32 // how often in a row each source missed the limit
}

// AsAdmin returns the sources that an admin can ask, each call sent once.
func AsAdmin(api *userservice.Client, instanceID string, now func() time.Time) *Sources {
	once, admin := api.Once(), userservice.AsAdmin()
	return &Sources{
		InstanceID: instanceID, Now: now,
		User: func(ctx context.Context, token string) (userservice.User, error) {
			return once.Get(ctx, admin, token, true)
		},
		Device: func(ctx context.Context, token string) (userservice.DeviceStatus, error) {
			return once.DeviceStatus(ctx, admin, token)
		},
		Trips: func(ctx context.Context, token string) (userservice.TripDates, error) {
			return once.TripDates(ctx, admin, token)
		},
		Statistics: func(ctx context.Context, token string) (userservice.Statistics, error) {
			return once.Statistics(ctx, admin, token, now().Add(-tripGood), now())
		},
	}
}

// AsUser returns the sources that a user can ask of itself: its profile. The others need an admin.
func AsUser(api *userservice.Client, in userservice.Instance, now func() time.Time) *Sources {
	once := api.Once()
	return &Sources{
		InstanceID: in.ID, Now: now, Why: "not available: only an admin can read it",
		User: func(ctx context.Context, token string) (userservice.User, error) {
			return once.OwnProfile(ctx, userservice.AsUser(token, in))
		},
	}
}

// Gather asks all sources side by side. A source that fails or is too slow makes its facts unknown
// and changes nothing else. The error is that of a user who may not be read, or of a context that
// has ended.
func (s *Sources) Gather(ctx context.Context, deviceToken string) (Facts, error) {
	f := Facts{Now: s.Now(), DeviceToken: deviceToken, InstanceID: s.InstanceID}
	device := ask(ctx, s, 1, s.Device, deviceToken)
	trips := ask(ctx, s, 2, s.Trips, deviceToken)
	statistics := ask(ctx, s, 3, s.Statistics, deviceToken)
	user, err := (<-ask(ctx, s, 0, s.User, deviceToken)).unpack()
	switch {
	case failure.Is(err, failure.NotFound):
		f.User = Said[*userservice.User](nil)
	case err == nil:
		f.User = Answer[*userservice.User]{Known: user.Known, Why: user.Why}
		if user.Known {
			f.User.Value = &user.Value
		}
	case !unreachable(err):
		return f, err
	}
	f.Device, _ = (<-device).unpack()
	f.Trips, _ = (<-trips).unpack()
	f.Statistics, _ = (<-statistics).unpack()
	return f, ctx.Err()
}

// Missing returns the facts of a user who is not there.
func (s *Sources) Missing(why string) Facts {
	return Facts{Now: s.Now(), InstanceID: s.InstanceID, User: Said[*userservice.User](nil), Missing: why}
}

// unreachable reports whether an error says nothing of the user: the source, or the way
// to it, failed.
func unreachable(err error) bool {
	return !failure.Is(err, failure.Unauthorized) && !failure.Is(err, failure.Interrupted) &&
		!failure.Is(err, failure.Invalid)
}

// asked is what came of asking a source.
type asked[T any] struct {
	answer Answer[T]
	err    error
}

func (a asked[T]) unpack() (Answer[T], error) { return a.answer, a.err }

var errSlow = failure.New(failure.Unavailable, "no answer in time")

// ask asks a source in the background.
func ask[T any](ctx context.Context, s *Sources, source int, from func(context.Context, string) (T, error),
	deviceToken string) <-chan asked[T] {
	out := make(chan asked[T], 1)
	switch {
	case from == nil:
		out <- asked[T]{answer: Answer[T]{Why: s.Why}}
		return out
	case s.misses[source].Load() >= mostMisses:
		out <- asked[T]{err: errSlow}
		return out
	}
	go func() {
		limited, cancel := context.WithTimeoutCause(ctx, Limit, errSlow)
		defer cancel()
		said := make(chan asked[T], 1)
		go func() {
			value, err := from(limited, deviceToken)
			if failure.HasReason(err, userservice.ReasonNothingReported) {
				err = nil // and the zero value says so
			}
			said <- asked[T]{Answer[T]{Value: value, Known: err == nil}, err}
		}()
		select {
		case a := <-said:
			if limited.Err() == nil || a.err == nil {
				s.misses[source].Store(0)
				out <- a
				return
			}
		case <-limited.Done(): // whatever the source does with its context
		}
		if errors.Is(context.Cause(limited), errSlow) {
			s.misses[source].Add(1)
			out <- asked[T]{err: errSlow}
			return
		}
		out <- asked[T]{err: ctx.Err()}
	}()
	return out
}

// Name returns who a user is in a few words, "" where nothing is known.
func (f Facts) Name() string {
	u := f.User.Value
	if u == nil {
		return ""
	}
	name := words(" ", u.Fields.Text("FirstName"), u.Fields.Text("LastName"))
	if id := u.ClientID(); id != "" {
		name = strings.TrimSpace(name + " (" + id + ")")
	}
	return name
}
