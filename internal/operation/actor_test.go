package operation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

var (
	_ operation.SignIns = (*auth.Source)(nil)
	_ operation.Listed  = (*input.File)(nil)
	_ operation.Users   = (*fleet.Membership)(nil)
)

var errTooMany = errors.New("too many sign-ins")

// signIns has an admin or not, and refuses more than three users.
type signIns struct{ admin bool }

func (s signIns) HasAdmin(context.Context) (bool, error) { return s.admin, nil }

func (s signIns) CheckSignIns(_ context.Context, users []string) error {
	if len(users) > 3 {
		return errTooMany
	}
	return nil
}

func TestWhoActs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as       operation.As
		hasAdmin bool
		admin    bool
	}{
		{operation.AsAny, true, true}, {operation.AsAny, false, false}, {operation.AsAdmin, false, true},
		{operation.AsUser, true, false},
	} {
		asked := false
		s := signIns{c.hasAdmin}
		actor, err := operation.ChooseActor(t.Context(), s, c.as, func(context.Context) (userservice.Instance, error) {
			asked = true
			return instance, nil
		})
		if err != nil || actor.Admin != c.admin || asked == c.admin {
			t.Errorf("as %q, an admin is there: %t: got %+v, %v", c.as, c.hasAdmin, actor, err)
		}
		caller := actor.Caller(uuid.MustParse(ada))
		if subject := map[bool]string{true: userservice.Admin, false: ada}[c.admin]; caller.Subject != subject ||
			(caller.Self == nil) != c.admin {
			t.Errorf("as %q: called as %+v", c.as, caller)
		}
		if err := actor.Check(t.Context(), s, make([]string, 4)); errors.Is(err, errTooMany) == c.admin {
			t.Errorf("as %q, four users: got %v", c.as, err)
		}
	}
}
