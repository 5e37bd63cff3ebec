package operation_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// The outcome of a registration, by what was before it and what the service answers.
func TestOutcomesOfRegister(t *testing.T) {
	t.Parallel()
	known := func(instance, created string) func(*service) {
		return func(s *service) {
			s.add(ada, nil)
			s.users[ada].instance, s.users[ada].created = instance, created
		}
	}
	const before, after = "2026-11-28T11:59:00", "2026-11-28T12:00:01"
	for _, c := range []struct {
		name    string
		before  func(*service)
		answer  func(http.ResponseWriter, *http.Request, func()) bool
		admin   bool
		lost    bool // an earlier answer was lost
		random  bool
		want    job.Outcome
		code    failure.Code
		applied bool // the error says that the user may exist
	}{
		{name: "a new user", want: job.Created},
		{name: "taken", before: known(here, before), want: job.Existing},
		{name: "taken, seen by the admin", before: known(here, before), admin: true, want: job.Existing},
		{name: "taken, by the admin's word of another instance", before: known(there, before), admin: true,
			want: job.Failed, code: failure.Rejected},
		{name: "taken by a user whom the admin does not see", answer: refuse(409, "CustomToken", "taken"), admin: true,
			want: job.Failed, code: failure.Rejected},
		{name: "taken after a lost answer", before: known(here, after), lost: true, want: job.Confirmed},
		{name: "taken after a lost answer, and older", before: known(here, before), admin: true, lost: true,
			want: job.Existing},
		{name: "taken after a lost answer, and not older", before: known(here, after), admin: true, lost: true,
			want: job.Confirmed},
		{name: "taken after a lost answer, and not seen yet", answer: refuse(409, "CustomToken", "taken"), admin: true,
			lost: true, want: job.Confirmed},
		{name: "taken after a lost answer, drawn by this job", before: known(here, before), admin: true, lost: true,
			random: true, want: job.Created},
		{name: "a gateway's 409", answer: gateway(409), code: failure.Unavailable, applied: true},
		{name: "a gateway's 409 after a lost answer", answer: gateway(409), lost: true, code: failure.Unavailable,
			applied: true},
		{name: "a gateway's 422", answer: gateway(422), code: failure.Unavailable, applied: true},
		{name: "a gateway's 404", answer: gateway(404), code: failure.Unavailable, applied: true},
		{name: "the service refuses another field", answer: refuse(422, "Email", "taken"), code: failure.Rejected},
		{name: "the answer is lost", answer: lost, code: failure.Unavailable, applied: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, api := newService(t)
			s.answer = c.answer
			if c.before != nil {
				c.before(s)
			}
			op := &operation.Register{API: api, Instance: instance, ServiceTime: func(at time.Time) (time.Time, bool) {
				return at, true
			}}
			if c.admin {
				op.Users = admin(api)
			}
			a := attempt(ada, set("FirstName", "Ada"))
			a.Lost, a.Random = c.lost, c.random
			result, err := do(t, op, a)
			if c.want == "" {
				if !failure.Is(err, c.code) || failure.MayHaveApplied(err) != c.applied {
					t.Fatalf("got %v, want %s", err, c.code)
				}
				return
			}
			if err != nil || result.Outcome != c.want || failure.CodeOf(result.Err) != c.code {
				t.Errorf("got %s, %v, %v, want %s", result.Outcome, result.Err, err, c.want)
			}
			s.settle()
			if s.bodies[0]["CustomToken"] != ada || s.bodies[0]["FirstName"] != "Ada" ||
				s.bodies[0]["CreateAccessToken"] != false {
				t.Errorf("sent %v", s.bodies[0])
			}
		})
	}
}

// The clock of this machine may be wrong: it is the service's that counts.
func TestOlderByTheServicesClock(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]job.Outcome{0: job.Existing, -time.Hour: job.Confirmed} {
		s, api := newService(t)
		s.add(ada, nil)
		s.users[ada].created = "2026-11-28T11:30:00"
		op := &operation.Register{API: api, Instance: instance, Users: admin(api),
			ServiceTime: func(at time.Time) (time.Time, bool) {
				return at.Add(ahead), true
			}}
		a := attempt(ada, set())
		a.Lost = true
		if result, err := do(t, op, a); err != nil || result.Outcome != want {
			t.Errorf("the service's clock is %s ahead: got %s, %v, want %s", ahead, result.Outcome, err, want)
		}
	}
}

func TestServiceThatIgnoresCustomToken(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	s.ignore = true
	op := &operation.Register{API: api, Instance: instance}
	a := attempt(ada, set())
	if !op.Resendable(a.Record) {
		t.Error("a record with a DeviceToken is not resendable")
	}
	result, err := do(t, op, a)
	if err != nil || result.Outcome != job.Created || result.DeviceToken == a.DeviceToken ||
		result.DeviceToken == uuid.Nil {
		t.Errorf("got %+v, %v", result, err)
	}
	if !op.IgnoresCustomToken() || op.Resendable(a.Record) {
		t.Error("it is not noticed that the service ignores CustomToken")
	}
	later := &operation.Register{API: api, Instance: instance}
	if later.SetIgnoresCustomToken(); later.Resendable(a.Record) {
		t.Error("what an earlier run has noticed is forgotten")
	}
}

func TestRecordWithoutDeviceTokenIsNotResendable(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	op := &operation.Register{API: api, Instance: instance, AccessTokens: true}
	a := attempt("", set())
	if op.Resendable(a.Record) {
		t.Error("it is resendable")
	}
	if result, err := do(t, op, a); err != nil || result.Outcome != job.Created || s.bodies[0]["CustomToken"] != nil ||
		s.bodies[0]["CreateAccessToken"] != true {
		t.Errorf("got %+v, %v, sent %v", result, err, s.bodies[0])
	}
}

func group(n int) []job.Attempt {
	out := make([]job.Attempt, n)
	for i := range out {
		out[i].N = i + 1
	}
	return out
}

// A batch of register many: every user is reported, whatever number comes.
func TestOutcomesOfRegisterMany(t *testing.T) {
	t.Parallel()
	for extra, want := range map[int][]job.Outcome{
		0:  {job.Created, job.Created, job.Created},
		-1: {job.Created, job.Created, job.Unknown},
		1:  {job.Created, job.Created, job.Created, job.Created},
	} {
		s, api := newService(t)
		s.many = extra
		op := &operation.Register{API: api, Instance: instance, GroupSize: 3, Custom: set("EnableLogging", true)}
		results, err := op.Do(t.Context(), group(3))
		if err != nil || len(results) != len(want) {
			t.Fatalf("%d more than asked for: got %v, %v", extra, results, err)
		}
		for i, r := range results {
			if r.Outcome != want[i] || (r.Outcome == job.Unknown) != failure.MayHaveApplied(r.Err) {
				t.Errorf("%d more than asked for: row %d is %s, %v, want %s", extra, i+1, r.Outcome, r.Err, want[i])
			}
		}
		if op.Group() != 3 || op.Resendable(group(3)[0].Record) {
			t.Error("a batch can be sent again")
		}
	}
}

// A service without the call gets single registrations; once a batch has succeeded, the same answer
// is a gateway's.
func TestServiceWithoutRegisterMany(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405} {
		s, api := newService(t)
		s.answer = func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
			w.WriteHeader(status)
			return true
		}
		op := &operation.Register{API: api, Instance: instance, GroupSize: 2}
		_, err := op.Do(t.Context(), group(2))
		if !errors.Is(err, job.ErrUngroup) || op.Group() != 1 || !op.Resendable(job.Record{DeviceToken: uuid.New()}) {
			t.Errorf("%d: got %v, and groups of %d", status, err, op.Group())
		}
		proven := &operation.Register{API: api, Instance: instance, GroupSize: 2}
		s.answer, s.many = nil, 0
		if _, err := proven.Do(t.Context(), group(2)); err != nil {
			t.Fatal(err)
		}
		s.answer = func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
			w.WriteHeader(status)
			return true
		}
		if _, err := proven.Do(t.Context(), group(2)); errors.Is(err, job.ErrUngroup) ||
			!failure.Is(err, failure.Unavailable) {
			t.Errorf("%d after a batch that succeeded: got %v", status, err)
		}
	}
}

func TestLostBatchMayHaveBeenRegistered(t *testing.T) {
	t.Parallel()
	s, api := newService(t)
	s.answer = lost
	op := &operation.Register{API: api, Instance: instance, GroupSize: 2}
	if _, err := op.Do(t.Context(), group(2)); !failure.MayHaveApplied(err) || errors.Is(err, job.ErrUngroup) {
		t.Errorf("got %v", err)
	}
}
