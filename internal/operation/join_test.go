package operation_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// What happens to a request on its way.
type mishap int

const (
	arrives      mishap = iota
	noAnswer            // it is carried out, and the answer is lost
	lostOnTheWay        // it is sent, and does not arrive
	notSent             // the connection fails
	down                // a 503 of the service
)

// joinService is a sandbox, with mishaps on the way to it.
type joinService struct {
	next          http.RoundTripper
	joins, reads  int
	onJoin        []mishap // by the number of the request; arrives beyond
	profileIsDown bool
	// The sandbox refuses the profile to who has left the instance of the headers; this one shows it.
	showsWhoLeft bool
}

var errConnection = errors.New("connection reset")

// RoundTrip implements http.RoundTripper.
func (s *joinService) RoundTrip(r *http.Request) (*http.Response, error) {
	what := arrives
	switch {
	case strings.Contains(r.URL.Path, "/instances/change/"):
		if s.joins < len(s.onJoin) {
			what = s.onJoin[s.joins]
		}
		s.joins++
	case r.Method == http.MethodGet:
		s.reads++
		if s.profileIsDown {
			what = down
		}
		if s.showsWhoLeft {
			r = r.Clone(r.Context())
			r.Header.Set("Instanceid", sandbox.SecondInstanceID)
			r.Header.Set("Instancekey", sandbox.SecondInstanceKey)
		}
	}
	switch what {
	case lostOnTheWay:
		httptrace.ContextClientTrace(r.Context()).WroteHeaders()
		return nil, errConnection
	case notSent:
		return nil, errConnection
	case down:
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody,
			Request: r}, nil
	}
	resp, err := s.next.RoundTrip(r)
	if err == nil && what == noAnswer {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return nil, errConnection
	}
	return resp, err
}

// joinCase is a user who joins another instance, and what happens on the way.
type joinCase struct {
	name         string
	code         string
	onJoin       []mishap
	noReads      bool
	deleted      bool
	showsWhoLeft bool
	want         job.Outcome
	err          failure.Code
	joins        int
	reads        int
	in           string // the instance of the user afterwards; "" for none
}

// A user joins another instance by a code, on the sandbox: the outcome is true whatever was lost.
func TestOutcomesOfJoin(t *testing.T) {
	t.Parallel()
	const second = seed.SecondInviteCode
	for _, c := range []joinCase{
		{name: "at once", code: second, want: job.Moved, joins: 1, in: sandbox.SecondInstanceID},
		{name: "the code of the user's own instance", code: sandbox.InviteCode, want: job.Moved, joins: 1,
			in: sandbox.InstanceID},
		{name: "a code that leads nowhere", code: "nowhere", want: job.Failed, err: failure.NotFound, joins: 1,
			in: sandbox.InstanceID},
		{name: "a user who was deleted", code: second, deleted: true, want: job.Failed, err: failure.Unauthorized, joins: 1},
		{name: "no connection once", code: second, onJoin: []mishap{notSent}, want: job.Moved, joins: 2,
			in: sandbox.SecondInstanceID},
		{name: "no connection each time", code: second, onJoin: []mishap{notSent, notSent, notSent}, want: job.Failed,
			err: failure.Unavailable, joins: 3, in: sandbox.InstanceID},
		{name: "the service is down once", code: second, onJoin: []mishap{down}, want: job.Moved, joins: 2, reads: 1,
			in: sandbox.SecondInstanceID},
		{name: "the answer is lost, and the profile shows it", code: second, onJoin: []mishap{noAnswer}, showsWhoLeft: true,
			want: job.Moved, joins: 1, reads: 1, in: sandbox.SecondInstanceID},
		{name: "the answer is lost, and the profile is refused", code: second, onJoin: []mishap{noAnswer},
			want: job.Moved, joins: 2, reads: 1, in: sandbox.SecondInstanceID},
		{name: "the answer is lost, and the profile cannot be read", code: second, onJoin: []mishap{noAnswer},
			noReads: true, want: job.Moved, joins: 2, reads: 1, in: sandbox.SecondInstanceID},
		{name: "the request is lost", code: second, onJoin: []mishap{lostOnTheWay}, want: job.Moved, joins: 2, reads: 1,
			in: sandbox.SecondInstanceID},
		{name: "every request is lost", code: second, onJoin: []mishap{lostOnTheWay, lostOnTheWay, lostOnTheWay},
			want: job.Unknown, err: failure.Unavailable, joins: 3, reads: 2, in: sandbox.InstanceID},
		{name: "every answer is lost", code: second, onJoin: []mishap{noAnswer, noAnswer, noAnswer},
			want: job.Unknown, err: failure.Unavailable, joins: 3, reads: 2, in: sandbox.SecondInstanceID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c joinCase) run(t *testing.T) {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	s := &joinService{next: sandbox.Transport(box)}
	client, err := userservice.New(userservice.Options{UserURL: "http://localhost", Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	in := userservice.Instance{ID: sandbox.InstanceID, Key: secret.New(sandbox.InstanceKey)}
	user, err := client.Register(t.Context(), in, set("CreateAccessToken", true))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := client.SignInAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	if err != nil {
		t.Fatal(err)
	}
	byAdmin := client.Once().WithAuthorizer(userservice.StaticToken{JWT: pair.Access})
	if c.deleted {
		if err := byAdmin.Delete(t.Context(), userservice.AsAdmin(), user.DeviceToken); err != nil {
			t.Fatal(err)
		}
	}
	s.onJoin, s.profileIsDown, s.showsWhoLeft, s.reads = c.onJoin, c.noReads, c.showsWhoLeft, 0
	op := &operation.Join{API: client.Once().WithAuthorizer(userservice.StaticToken{JWT: user.Pair.Access}),
		Actor: operation.Actor{Instance: in}, InviteCode: c.code}
	clock := pace.Clock{Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	result := operation.Single(t.Context(), op, job.Record{N: 1, DeviceToken: uuid.MustParse(user.DeviceToken)},
		operation.Retry{Retries: 2, First: time.Second, Longest: time.Minute, Clock: clock})
	if result.Outcome != c.want || failure.CodeOf(result.Err) != c.err || s.joins != c.joins || s.reads != c.reads {
		t.Errorf("got %s, %v, by %d requests and %d reads", result.Outcome, result.Err, s.joins, s.reads)
	}
	s.profileIsDown, s.showsWhoLeft = false, false
	found, err := byAdmin.Find(t.Context(), userservice.AsAdmin(), userservice.FindQuery{DeviceToken: user.DeviceToken})
	if err != nil && !failure.Is(err, failure.NotFound) {
		t.Fatal(err)
	}
	at := ""
	if len(found) == 1 {
		at = found[0].AccountInfo.InstanceID
	}
	if at != c.in {
		t.Errorf("the user is in instance %q, not %q", at, c.in)
	}
}
