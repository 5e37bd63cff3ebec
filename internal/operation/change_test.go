package operation_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// change is one record of an operation that changes a user.
type change struct {
	name   string
	before func(*service)
	answer func(http.ResponseWriter, *http.Request, func()) bool
	lost   bool
	noRead bool
	asUser bool
	byKey  string
	want   job.Outcome
	code   failure.Code
	sent   int // requests that change something
	reads  int
}

func (c change) run(t *testing.T, op func(*service, *userservice.Client) job.Operation) (job.Result, *service) {
	t.Helper()
	s, api := newService(t)
	s.add(ada, map[string]any{"ClientId": "c-1", "City": "Bonn", "EnableLogging": false})
	if c.before != nil {
		c.before(s)
	}
	s.answer = c.answer
	a := attempt(ada, field.Set{})
	a.Lost = c.lost
	if c.byKey != "" {
		a.DeviceToken, a.KeyField, a.Key = uuid.Nil, "ClientId", c.byKey
	}
	made := op(s, api)
	if !made.Resendable(a.Record) || made.Group() != 1 {
		t.Error("it cannot be sent again")
	}
	result, err := do(t, made, a)
	if c.want == "" {
		if !failure.Is(err, c.code) {
			t.Errorf("got %+v, %v, want %s", result, err, c.code)
		}
	} else if err != nil || result.Outcome != c.want || failure.CodeOf(result.Err) != c.code {
		t.Errorf("got %s, %v, %v, want %s", result.Outcome, result.Err, err, c.want)
	}
	s.settle()
	if len(s.sent) != c.sent || s.reads != c.reads {
		t.Errorf("sent %v and read %d times, want %d and %d", s.sent, s.reads, c.sent, c.reads)
	}
	return result, s
}

func inOtherInstance(s *service) { s.users[ada].instance = there }
func gone(s *service)            { delete(s.users, ada) }
func loggingOn(s *service)       { s.users[ada].fields["EnableLogging"] = true }
func twins(s *service)           { s.add(bo, map[string]any{"ClientId": "c-1"}) }

func TestOutcomesOfUpdate(t *testing.T) {
	t.Parallel()
	logging := []job.Change{{Field: "EnableLogging", From: false, To: true}}
	for _, c := range []struct {
		change
		changes []job.Change
	}{
		{change{name: "a user who differs", want: job.Updated, sent: 1, reads: 1}, logging},
		{change{name: "a user who is so already", before: loggingOn, want: job.Unchanged, reads: 1}, nil},
		{change{name: "a user who is so already, without comparing", before: loggingOn, noRead: true, want: job.Updated,
			sent: 1, reads: 1}, nil},
		{change{name: "a user who is so already, after a lost answer", before: loggingOn, lost: true, want: job.Updated,
			sent: 1, reads: 1}, nil},
		{change{name: "a user of another instance", before: inOtherInstance, want: job.Failed, code: failure.Unauthorized,
			reads: 1}, nil},
		{change{name: "a user of another instance, without comparing", before: inOtherInstance, noRead: true,
			want: job.Failed,
			code: failure.Unauthorized, reads: 1}, nil},
		{change{name: "nobody", before: gone, want: job.Failed, code: failure.NotFound, reads: 1}, nil},
		{change{name: "as the user", asUser: true, want: job.Updated, sent: 1}, nil},
		{change{name: "nobody, as the user", asUser: true, before: gone, code: failure.NotFound, sent: 1}, nil},
		{change{name: "by a key", byKey: "c-1", want: job.Updated, sent: 1, reads: 1}, logging},
		{change{name: "by the key of nobody", byKey: "c-9", want: job.Failed, code: failure.NotFound, reads: 1}, nil},
		{change{name: "by the key of two", byKey: "c-1", before: twins, want: job.Failed, code: failure.Invalid,
			reads: 1}, nil},
		{change{name: "by a key, as the user", byKey: "c-1", asUser: true, code: failure.Unauthorized}, nil},
		{change{name: "the service refuses it", answer: refuse(422, "City", "no"), code: failure.Rejected, sent: 1,
			reads: 1}, nil},
		{change{name: "a gateway's 404", answer: gateway(404), code: failure.Unavailable, sent: 1, reads: 1}, nil},
		{change{name: "a gateway's 422", answer: gateway(422), code: failure.Unavailable, sent: 1, reads: 1}, nil},
		{change{name: "the answer is lost", answer: lost, code: failure.Unavailable, sent: 1, reads: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result, s := c.run(t, func(_ *service, api *userservice.Client) job.Operation {
				op := &operation.Update{API: api, Change: set("EnableLogging", true, "City", "Bonn"), NoRead: c.noRead,
					Instance: fleet.Instance{ID: here}}
				if c.asUser {
					op.Actor = operation.Actor{Instance: instance}
				} else {
					op.Actor, op.Users = operation.Actor{Admin: true}, admin(api)
				}
				return op
			})
			if !reflect.DeepEqual(result.Changes, c.changes) {
				t.Errorf("the changes are %v, want %v", result.Changes, c.changes)
			}
			if c.want == job.Updated && s.users[ada].fields["EnableLogging"] != true {
				t.Error("nothing was changed")
			}
		})
	}
}

// Only what differs is sent, and what a record says wins over what all are changed to.
func TestUpdateSendsWhatDiffers(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	s.add(ada, map[string]any{"City": "Bonn", "Country": "DE"})
	op := &operation.Update{API: api, Actor: operation.Actor{Admin: true}, Users: admin(api),
		Change: set("City", "Oslo", "Country", "DE")}
	if result, err := do(t, op, attempt(ada, set("City", "Rome", "Email", nil))); err != nil ||
		result.Outcome != job.Updated {
		t.Fatalf("got %+v, %v", result, err)
	}
	s.settle()
	if want := map[string]any{"City": "Rome"}; !reflect.DeepEqual(s.bodies[0], want) {
		t.Errorf("sent %v, want %v", s.bodies[0], want)
	}
}

func TestOutcomesOfDelete(t *testing.T) {
	t.Parallel()
	notThere := refuse(404, "DeviceToken", "no such user")
	for _, c := range []change{
		{name: "a user", want: job.Deleted, sent: 1, reads: 1},
		{name: "a user of another instance", before: inOtherInstance, want: job.Failed, code: failure.Unauthorized, reads: 1},
		{name: "nobody", before: gone, want: job.Unchanged, reads: 1},
		{name: "nobody, after a lost answer", before: gone, lost: true, want: job.Deleted, reads: 1},
		{name: "gone between the read and the request", answer: notThere, want: job.Unchanged, sent: 1, reads: 1},
		{name: "gone between the read and the request, after a lost answer", answer: notThere, lost: true,
			want: job.Deleted, sent: 1, reads: 1},
		{name: "a gateway's 404", answer: gateway(404), code: failure.Unavailable, sent: 1, reads: 1},
		{name: "a gateway's 404, after a lost answer", answer: gateway(404), lost: true, code: failure.Unavailable,
			sent: 1, reads: 1},
		{name: "the answer is lost", answer: lost, code: failure.Unavailable, sent: 1, reads: 1},
		{name: "by a key", byKey: "c-1", want: job.Deleted, sent: 1, reads: 1},
		{name: "by the key of nobody", byKey: "c-9", want: job.Unchanged, reads: 1},
		{name: "by the key of two", byKey: "c-1", before: twins, want: job.Failed, code: failure.Invalid, reads: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, func(_ *service, api *userservice.Client) job.Operation {
				return &operation.Delete{API: api, Users: admin(api), Instance: fleet.Instance{ID: here}}
			})
		})
	}
}

func TestSingleDeleteOfNobodyIsNotFound(t *testing.T) {
	t.Parallel()
	for _, c := range []change{
		{name: "nobody", before: gone, want: job.Failed, code: failure.NotFound, reads: 1},
		{name: "nobody, after a lost answer", before: gone, lost: true, want: job.Deleted, reads: 1},
	} {
		c.run(t, func(_ *service, api *userservice.Client) job.Operation {
			return &operation.Delete{API: api, Users: admin(api), Instance: fleet.Instance{ID: here}, Single: true}
		})
	}
}

func TestOutcomesOfMove(t *testing.T) {
	t.Parallel()
	third := func(s *service) { s.users[ada].instance = "33333333-2222-4333-8444-555555555555" }
	for _, c := range []change{
		{name: "a user", want: job.Moved, sent: 1, reads: 1},
		{name: "a user who is there already", before: inOtherInstance, want: job.Unchanged, reads: 1},
		{name: "a user who is there, after a lost answer", before: inOtherInstance, lost: true, want: job.Moved, reads: 1},
		{name: "a user who is still here, after a lost answer", lost: true, want: job.Moved, sent: 1, reads: 1},
		{name: "a user of a third instance", before: third, want: job.Failed, code: failure.Unauthorized, reads: 1},
		{name: "nobody", before: gone, want: job.Failed, code: failure.NotFound, reads: 1},
		{name: "the service refuses it", answer: refuse(422, "ToInstanceKey", "wrong"), code: failure.Rejected,
			sent: 1, reads: 1},
		{name: "the answer is lost", answer: lost, code: failure.Unavailable, sent: 1, reads: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, func(_ *service, api *userservice.Client) job.Operation {
				to := userservice.Instance{ID: there, Key: secret.New("88888888-2222-4333-8444-555555555555")}
				return &operation.Move{API: api, Users: admin(api), Instance: fleet.Instance{ID: here}, To: to}
			})
		})
	}
}

// The answer to the first request is lost, although it was carried out: what the second request
// reads already has the change, and what was changed is reported anyway.
func TestWhatWasChangedIsKnownAfterALostAnswer(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	s.add(ada, map[string]any{"EnableLogging": false})
	op := &operation.Update{API: api, Actor: operation.Actor{Admin: true}, Users: admin(api),
		Change: set("EnableLogging", true)}
	s.answer = lost
	a := attempt(ada, field.Set{})
	if _, err := do(t, op, a); !failure.MayHaveApplied(err) {
		t.Fatalf("got %v", err)
	}
	s.settle()
	s.answer = nil
	a.Lost = true
	result, err := do(t, op, a)
	want := []job.Change{{Field: "EnableLogging", From: false, To: true}}
	if err != nil || result.Outcome != job.Updated || !reflect.DeepEqual(result.Changes, want) {
		t.Errorf("got %+v, %v", result, err)
	}
}
