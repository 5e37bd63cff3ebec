package operation_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// The life of a fleet on the sandbox: registered, registered again, looked up, changed by a list,
// deleted, deleted again.
func TestLifeOfAFleetOnTheSandbox(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	client, err := userservice.New(userservice.Options{UserURL: "http://localhost", Transport: sandbox.Transport(box)})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := client.SignInAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	if err != nil {
		t.Fatal(err)
	}
	api := client.Once().WithAuthorizer(userservice.StaticToken{JWT: pair.Access})
	in := userservice.Instance{ID: sandbox.InstanceID, Key: secret.New(sandbox.InstanceKey)}
	m := &fleet.Membership{
		Find: fleet.FindIn(api, userservice.AsAdmin()), Fetch: fleet.FetchInstance(api, userservice.AsAdmin(), in.ID),
		Instance: fleet.Instance{ID: in.ID}, Now: time.Now,
	}
	const users = 40
	source := newUsers(t, nil, "client-id", job.Selection{}, "ClientId=c-{{.N}}", "FirstName=Ada", "tracking=off")
	source.Quantity = users
	register := &operation.Register{API: api, Instance: in, Users: m, ServiceTime: api.ServiceTime}
	want := func(what string, s job.Summary, outcome job.Outcome, n int) {
		t.Helper()
		if s.Count(outcome) != n || s.Done() != users {
			t.Errorf("%s: got %v, want %d %s", what, s.Outcomes, n, outcome)
		}
	}
	summary, rows := run(t.Context(), t, t.TempDir(), register, source, users)
	want("registered", summary, job.Created, users)
	summary, _ = run(t.Context(), t, t.TempDir(), register, source, users)
	want("registered by another job", summary, job.Existing, users)

	token, err := fleet.ParseToken("client:c-7")
	if err != nil {
		t.Fatal(err)
	}
	state, err := m.Lookup(t.Context(), token)
	if err != nil || state.DeviceToken != rows[7].DeviceToken || state.Values.Text("FirstName") != "Ada" {
		t.Errorf("looked up: %+v, %v", state, err)
	}

	var everybody targets
	for n := 1; n <= users; n++ {
		everybody = append(everybody, rows[n].DeviceToken)
	}
	admin := operation.Actor{Admin: true}
	one := operation.Update{API: api, Actor: admin, Users: m, Instance: m.Instance,
		Change: set("EnableLogging", true, "City", "Bonn")}
	if result, err := do(t, &one, attempt(rows[3].DeviceToken.String(), set())); err != nil ||
		result.Outcome != job.Updated || len(result.Changes) != 2 {
		t.Errorf("one is changed: %+v, %v", result, err)
	}
	move := &operation.Move{API: api, Users: m, Instance: m.Instance,
		To: userservice.Instance{ID: sandbox.SecondInstanceID, Key: secret.New(sandbox.SecondInstanceKey)}}
	back := &operation.Move{API: api, Users: membershipOf(m, sandbox.SecondInstanceID),
		Instance: fleet.Instance{ID: sandbox.SecondInstanceID}, To: in}
	moved := attempt(rows[5].DeviceToken.String(), set())
	for _, step := range []struct {
		op   job.Operation
		want job.Outcome
		code failure.Code
	}{
		{move, job.Moved, ""}, {move, job.Unchanged, ""}, {&one, job.Failed, failure.Unauthorized}, {back, job.Moved, ""},
	} {
		if result, err := do(t, step.op, moved); err != nil || result.Outcome != step.want ||
			failure.CodeOf(result.Err) != step.code {
			t.Errorf("%s: %+v, %v, want %s", step.op.Name(), result, err, step.want)
		}
	}
	logging := &operation.Update{API: api, Actor: admin, Users: m, Instance: m.Instance,
		Change: set("EnableLogging", true)}
	stop, err := operation.PrepareUpdate(t.Context(), m, logging.Change.Fields(), false, users)
	if err != nil || !m.Listed() {
		t.Fatalf("listed is %t, %v", m.Listed(), err)
	}
	defer stop()
	summary, _ = run(t.Context(), t, t.TempDir(), logging, everybody, users)
	want("changed", summary, job.Updated, users-1)
	want("changed", summary, job.Unchanged, 1)

	deletion := &operation.Delete{API: api, Users: m, Instance: m.Instance}
	summary, _ = run(t.Context(), t, t.TempDir(), deletion, everybody, users)
	want("deleted", summary, job.Deleted, users)
	summary, _ = run(t.Context(), t, t.TempDir(), deletion, everybody, users)
	want("deleted by another job", summary, job.Unchanged, users)
	deletion.Single = true
	if result, err := do(t, deletion, attempt(uuid.NewString(), set())); err != nil ||
		!failure.Is(result.Err, failure.NotFound) {
		t.Errorf("nobody is deleted: %+v, %v", result, err)
	}
}

// membershipOf returns a membership of another instance.
func membershipOf(m *fleet.Membership, instanceID string) *fleet.Membership {
	return &fleet.Membership{Find: m.Find, Instance: fleet.Instance{ID: instanceID}, Now: m.Now}
}
