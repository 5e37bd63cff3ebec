package cmdutil

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Users returns the users of the profile's instance, as an admin reads them. Nothing is sent yet.
func (s *Session) Users() (*fleet.Membership, error) {
	id := s.InstanceID()
	if id == "" {
		return nil, s.Profile.NeedInstance()
	}
	admin := userservice.AsAdmin()
	return &fleet.Membership{
		Find: fleet.FindIn(s.API, admin), Fetch: fleet.FetchMembers(s.API, admin, id), Instance: fleet.Instance{ID: id},
		Now: s.app.Now,
	}, nil
}

// DeviceToken returns the DeviceToken of the user whom a TOKEN names. One that is not a
// DeviceToken is looked up as the admin, among the users of the profile's instance.
func (s *Session) DeviceToken(ctx context.Context, t fleet.Token) (string, error) {
	if t.Field == nil {
		return t.DeviceToken.String(), nil
	}
	users, err := s.Users()
	if err != nil {
		return "", err
	}
	state, err := users.Lookup(ctx, t)
	return state.DeviceToken.String(), err
}
