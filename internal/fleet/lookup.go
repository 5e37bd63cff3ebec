package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Reasons of a lookup. The subject is the Token.
const (
	ReasonNoMatch    failure.Reason = "no-user-matches"
	ReasonManyMatch  failure.Reason = "several-users-match"
	ReasonOtherPlace failure.Reason = "user-matches-in-other-instance" // only users of other instances match
)

// Lookup returns the one user of the instance whom a token names: by the DeviceToken, or by exactly
// this value of a field, compared normalized. Nobody is failure.NotFound, and more than one
// failure.Invalid with an entry for each.
func (m *Membership) Lookup(ctx context.Context, t Token) (State, error) {
	if t.Field == nil {
		s, err := m.Read(ctx, t.DeviceToken)
		if err == nil && s.Place != Member {
			err = m.noMatch(t, s.Place == OtherInstance)
		}
		return s, err
	}
	states, inOthers, err := m.matches(ctx, t)
	switch {
	case err != nil:
		return State{}, err
	case len(states) == 0:
		return State{}, m.noMatch(t, inOthers)
	case len(states) > 1:
		return State{}, m.several(t, states)
	}
	return states[0], nil
}

// matches returns the users of the instance who have exactly this value, and whether users of other
// instances have it.
func (m *Membership) matches(ctx context.Context, t Token) (states []State, inOthers bool, err error) {
	wanted := t.Field.Normalize(t.Value)
	forms := []string{t.Value}
	if wanted != t.Value {
		forms = append(forms, wanted) // how the service compares is not published
	}
	seen := map[uuid.UUID]bool{}
	for _, form := range forms {
		users, err := m.Find(ctx, t.Field, form)
		if err != nil && !failure.Is(err, failure.NotFound) {
			return nil, false, err
		}
		for i := range users {
			s := m.stateOf(&users[i])
			if value, _ := s.Values.Get(t.Field.Name); Written(t.Field, value) != any(wanted) || seen[s.DeviceToken] {
				continue
			}
			seen[s.DeviceToken] = true
			if s.Place == Member {
				states = append(states, s)
			} else {
				inOthers = true
			}
		}
	}
	return states, inOthers, nil
}

func (m *Membership) noMatch(t Token, inOthers bool) error {
	reason, message := ReasonNoMatch, fmt.Sprintf("no user %s in instance %s", describe(t), m.Instance)
	if inOthers {
		reason = ReasonOtherPlace
		message += ", but in another one"
	}
	return failure.New(failure.NotFound, message).Because(reason, t.String())
}

func describe(t Token) string {
	if t.Field == nil {
		return t.DeviceToken.String()
	}
	return fmt.Sprintf("with %s %q", t.Field.Name, t.Value)
}

// mostListed is how many users an error lists.
const mostListed = 20

func (m *Membership) several(t Token, states []State) error {
	e := failure.Newf(failure.Invalid, "%d users %s in instance %s", len(states), describe(t), m.Instance).
		Because(ReasonManyMatch, t.String())
	for _, s := range states[:min(len(states), mostListed)] {
		e.Fields = append(e.Fields, failure.Field{Key: s.DeviceToken.String(), Message: Describe(s.User)})
	}
	return e
}

// Describe returns who a user is in a few words: the name, the ClientId, the email, and since when.
func Describe(u *userservice.User) string {
	values := u.Fields
	name := strings.TrimSpace(values.Text("FirstName") + " " + values.Text("LastName"))
	parts := []string{name, label("ClientId ", values.Text("ClientId")), values.Text("Email")}
	if !u.DateCreated.IsZero() {
		parts = append(parts, "registered "+u.DateCreated.Format("2006-01-02"))
	}
	if u.Status != "" && !strings.EqualFold(u.Status, "Active") {
		parts = append(parts, "deactivated")
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func label(name, value string) string {
	if value == "" {
		return ""
	}
	return name + value
}

// Everywhere returns the users of other instances whom a token names, within the admin's reach.
func (m *Membership) Everywhere(ctx context.Context, t Token) ([]State, error) {
	users, err := m.Find(ctx, t.Field, t.value())
	if failure.Is(err, failure.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []State
	for i := range users {
		s := m.stateOf(&users[i])
		if s.Place == OtherInstance && s.InstanceID != "" && t.names(s) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (t Token) value() string {
	if t.Field == nil {
		return t.DeviceToken.String()
	}
	return t.Value
}

// names reports whether a token names a user.
func (t Token) names(s State) bool {
	if t.Field == nil {
		return s.DeviceToken == t.DeviceToken
	}
	value, _ := s.Values.Value(t.Field)
	return Written(t.Field, value) == any(t.Field.Normalize(t.Value))
}
