package user

import (
	"context"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// LeaseUsers reads and changes the users of leases, as the admin or as the users themselves.
type LeaseUsers struct {
	session  *cmdutil.Session
	actor    operation.Actor
	recorder *cmdutil.Recorder
}

var _ lease.Users = (*LeaseUsers)(nil)

// NewLeaseUsers returns the users of a session's leases.
func NewLeaseUsers(s *cmdutil.Session, actor operation.Actor) *LeaseUsers {
	return &LeaseUsers{s, actor, s.Recorder()}
}

// Flag implements lease.Users.
func (u *LeaseUsers) Flag(ctx context.Context, l lease.Lease) (bool, error) {
	var users operation.Users = ownUsers{u.session.API, u.actor.Instance}
	if u.actor.Admin {
		members, err := u.session.Users()
		if err != nil {
			return false, err
		}
		users = members
	}
	s, err := users.Read(ctx, uuid.MustParse(l.DeviceToken))
	if err != nil {
		return false, err
	}
	if s.Place != fleet.Member {
		return false, failure.Newf(failure.NotFound, "no user %s in instance %s", l.DeviceToken, l.InstanceID).
			Because(operation.ReasonNoUser, l.DeviceToken)
	}
	value, _ := s.Values.Get(l.Field)
	on, _ := fleet.Written(field.MustGet(l.Field), value).(bool)
	return on, nil
}

// SetFlag implements lease.Users, and records the change.
func (u *LeaseUsers) SetFlag(ctx context.Context, l lease.Lease, on bool) error {
	var change field.Set
	change.Put(field.MustGet(l.Field), on)
	id := uuid.MustParse(l.DeviceToken)
	err := u.session.API.Update(ctx, u.actor.Caller(id), l.DeviceToken, change)
	outcome := job.Updated
	switch {
	case failure.MayHaveApplied(err):
		outcome = job.Unknown
	case err != nil:
		return err
	}
	u.recorder.Row(ctx, "lease sweep", opUpdate, "", job.Row{Result: job.Result{
		Outcome: outcome, DeviceToken: id, Changes: []job.Change{{Field: l.Field, From: l.Value, To: on}},
	}})
	u.recorder.Flush(ctx)
	return err
}
