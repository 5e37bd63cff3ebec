package operation

import (
	"context"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// As says who makes changes.
type As string

// Who can make changes.
const (
	AsAny   As = "" // the admin where that needs no person, or else the users themselves
	AsAdmin As = "admin"
	AsUser  As = "user"
)

// SignIns is what ChooseActor asks; *auth.Source answers.
type SignIns interface {
	// HasAdmin reports whether the admin's tokens are stored or can be had without asking anybody.
	HasAdmin(ctx context.Context) (bool, error)
	// CheckSignIns refuses users for whom more sign-ins would be needed than are allowed.
	CheckSignIns(ctx context.Context, users []string) error
}

// Actor is as whom users are changed.
type Actor struct {
	Admin    bool
	Instance userservice.Instance // of the users, where they act for themselves
}

// ChooseActor decides who makes a change. instance is asked for only where users act for
// themselves. Nothing is sent.
func ChooseActor(ctx context.Context, s SignIns, as As,
	instance func(context.Context) (userservice.Instance, error)) (Actor, error) {
	if as == AsAny {
		has, err := s.HasAdmin(ctx)
		if err != nil {
			return Actor{}, err
		}
		as = AsUser
		if has {
			as = AsAdmin
		}
	}
	if as == AsAdmin {
		return Actor{Admin: true}, nil
	}
	in, err := instance(ctx)
	return Actor{Instance: in}, err
}

// Check refuses, before anything is sent, users who would have to be signed in one by one.
func (a Actor) Check(ctx context.Context, s SignIns, users []string) error {
	if a.Admin {
		return nil
	}
	return s.CheckSignIns(ctx, users)
}

// Caller returns as whom a user is changed.
func (a Actor) Caller(deviceToken uuid.UUID) userservice.Caller {
	if a.Admin {
		return userservice.AsAdmin()
	}
	return userservice.AsUser(deviceToken.String(), a.Instance)
}
