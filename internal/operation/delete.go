package operation

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Deleter makes the call of Delete, once; *userservice.Client does.
type Deleter interface {
	Delete(ctx context.Context, as userservice.Caller, deviceToken string) error
}

// Delete removes users for good, as the admin. Deleting somebody twice is deleting once. A user
// whom the service does not know is deleted where this job may have done it, and unchanged
// otherwise, or, for a single user, not found.
type Delete struct {
	API      Deleter
	Users    Users
	Instance fleet.Instance
	Single   bool // a user whom the service does not know is an error
}

var _ job.Operation = (*Delete)(nil)

// Name is part of what a job is known by.
func (d *Delete) Name() string { return "delete" }

// Group returns 1: the service deletes one user at a time.
func (d *Delete) Group() int { return 1 }

// Resendable is true.
func (d *Delete) Resendable(job.Record) bool { return true }

// Do deletes one user.
func (d *Delete) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	return one(d.do(ctx, group[0]))
}

func (d *Delete) do(ctx context.Context, a job.Attempt) (job.Result, error) {
	state, err := target(ctx, d.Users, a)
	if failure.HasReason(err, fleet.ReasonNoMatch) {
		return d.gone(a, a.Lost, err), nil
	}
	if result, ok := settled(err); ok {
		return result, nil
	}
	if err != nil {
		return job.Result{}, err
	}
	switch state.Place {
	case fleet.Absent:
		return d.gone(a, a.Lost, noUser(state.DeviceToken, d.Instance.String())), nil
	case fleet.OtherInstance:
		return failed(otherInstance(state.DeviceToken, state.InstanceID)), nil
	}
	err = d.API.Delete(ctx, userservice.AsAdmin(), state.DeviceToken.String())
	switch {
	case failure.Is(err, failure.NotFound):
		result := d.gone(a, a.Lost || failure.MayHaveApplied(err), err)
		result.DeviceToken = state.DeviceToken
		return result, nil
	case err != nil:
		return job.Result{}, err
	}
	return job.Result{Outcome: job.Deleted, DeviceToken: state.DeviceToken}, nil
}

// gone is the result of a record whose user the service does not know. ours reports that this job
// may have deleted that user; notFound says who is not there.
func (d *Delete) gone(a job.Attempt, ours bool, notFound error) job.Result {
	switch {
	case ours:
		return job.Result{Outcome: job.Deleted, DeviceToken: a.DeviceToken}
	case d.Single:
		return failed(notFound)
	}
	return job.Result{Outcome: job.Unchanged, DeviceToken: a.DeviceToken}
}
