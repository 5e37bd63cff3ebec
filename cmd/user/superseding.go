package user

import (
	"context"
	"slices"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// superseding sends updates for good: one of a flag that is under a lease ends the lease, so that
// no sweep puts back what the flag was before.
type superseding struct {
	operation.Updater
	session *cmdutil.Session
	store   *lease.Store
	open    []lease.Lease // of the profile, when the command began
}

// supersede returns the updater of a command that makes no leases.
func supersede(next operation.Updater, s *cmdutil.Session) (operation.Updater, error) {
	store, err := s.Leases()
	if err != nil {
		return nil, err
	}
	open, err := store.List()
	takes := s.OfProfile()
	open = slices.DeleteFunc(open, func(l lease.Lease) bool { return !takes(l) })
	if err != nil || len(open) == 0 {
		return next, err
	}
	return superseding{next, s, store, open}, nil
}

// Update implements operation.Updater.
func (u superseding) Update(ctx context.Context, as userservice.Caller, deviceToken string, change field.Set) error {
	if err := u.Updater.Update(ctx, as, deviceToken, change); err != nil {
		return err
	}
	var ended []string
	for _, l := range u.open {
		if _, changed := change.Get(l.Field); changed && l.DeviceToken == deviceToken {
			ended = append(ended, l.ID)
		}
	}
	if len(ended) == 0 {
		return nil
	}
	if err := u.store.Remove(context.WithoutCancel(ctx), ended...); err != nil {
		u.session.Warn("the change was made, but the lease of an earlier one stays: " + failure.From(err).Error())
		return nil
	}
	u.session.Note("The temporary change of user " + deviceToken + " ends with this one")
	return nil
}
