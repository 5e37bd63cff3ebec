package operation

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Mover makes the call of Move, once; *userservice.Client does.
type Mover interface {
	Move(ctx context.Context, as userservice.Caller, deviceToken string, to userservice.Instance) error
}

// Move takes users into another instance, as the admin. What the service says of a user who is
// there already is not published; so after a lost answer the user is read first.
type Move struct {
	API      Mover
	Users    Users
	Instance fleet.Instance // that the users are in
	To       userservice.Instance
}

var _ job.Operation = (*Move)(nil)

// Name is part of what a job is known by.
func (m *Move) Name() string { return "move" }

// Group returns 1: the service moves one user at a time.
func (m *Move) Group() int { return 1 }

// Resendable is true: a user who was moved is found to be there.
func (m *Move) Resendable(job.Record) bool { return true }

// Do moves one user.
func (m *Move) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	return one(m.do(ctx, group[0]))
}

func (m *Move) do(ctx context.Context, a job.Attempt) (job.Result, error) {
	state, err := target(ctx, m.Users, a)
	if result, ok := settled(err); ok {
		return result, nil
	}
	if err != nil {
		return job.Result{}, err
	}
	result := job.Result{Outcome: job.Moved, DeviceToken: state.DeviceToken,
		Changes: []job.Change{{Field: "InstanceId", From: m.Instance.ID, To: m.To.ID}}}
	there := sameInstance(state.InstanceID, m.To.ID)
	switch {
	case state.Place == fleet.Absent:
		return failed(noUser(state.DeviceToken, m.Instance.String())), nil
	case there && a.Lost:
		return result, nil
	case there:
		return job.Result{Outcome: job.Unchanged, DeviceToken: state.DeviceToken}, nil
	case state.Place == fleet.OtherInstance:
		return failed(otherInstance(state.DeviceToken, state.InstanceID)), nil
	}
	if err := m.API.Move(ctx, userservice.AsAdmin(), state.DeviceToken.String(), m.To); err != nil {
		return job.Result{}, err
	}
	return result, nil
}

func sameInstance(a, b string) bool {
	x, errX := field.ParseServiceUUID(a)
	y, errY := field.ParseServiceUUID(b)
	return errX == nil && errY == nil && x == y
}

// Joiner makes the calls of Join, once each; *userservice.Client does.
type Joiner interface {
	JoinByCode(ctx context.Context, as userservice.Caller, inviteCode string) error
	OwnProfile(ctx context.Context, as userservice.Caller) (userservice.User, error)
}

// Join takes users into another instance by its invite code, each as itself.
type Join struct {
	API        Joiner
	Actor      Actor // of the users themselves
	InviteCode string
}

var _ job.Operation = (*Join)(nil)

// Name is part of what a job is known by.
func (j *Join) Name() string { return "join" }

// Group returns 1: each user joins by itself.
func (j *Join) Group() int { return 1 }

// Resendable is true: a code leads to the same instance each time.
func (j *Join) Resendable(job.Record) bool { return true }

// Do has one user join. After a lost answer the user's own profile shows whether it has left its
// instance; where it cannot be read, the request is sent again.
func (j *Join) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	a := group[0]
	as := userservice.AsUser(a.DeviceToken.String(), j.Actor.Instance)
	if a.Lost {
		user, err := j.API.OwnProfile(ctx, as)
		if err == nil && user.AccountInfo.InstanceID != "" &&
			!sameInstance(user.AccountInfo.InstanceID, j.Actor.Instance.ID) {
			return one(job.Result{Outcome: job.Moved}, nil)
		}
	}
	if err := j.API.JoinByCode(ctx, as, j.InviteCode); err != nil {
		if failure.Is(err, failure.NotFound) {
			return one(failed(failure.Copy(err).Because(ReasonInviteCode, a.DeviceToken.String())), nil)
		}
		return nil, err
	}
	return one(job.Result{Outcome: job.Moved}, nil)
}
