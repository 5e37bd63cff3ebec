package auth

import (
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// WhoIsGiven tells whose the JWT from the environment is, by its own word: a user's DeviceToken if it has that claim, else Admin. ok is
// false for what is no JWT; of that nobody but the service knows whose it is.
func (s *Source) WhoIsGiven() (subject string, c Claims, ok bool) {
	c, ok = ReadClaims(s.Given)
	switch {
	case !ok:
		return "", c, false
	case c.DeviceToken != "":
		return c.DeviceToken, c, true
	}
	return Admin, c, true
}

// given is the record of the JWT from the environment, for a call as a subject. Its times are its own word. One that says it is another user's is
// refused, as what is done with it would be done to that one; whether the admin's or a user's will do is for the service to say.
func (s *Source) given(subject string) (tokenstore.Record, error) {
	_, c, _ := s.WhoIsGiven()
	if subject != Admin && c.DeviceToken != "" && c.DeviceToken != subject {
		return tokenstore.Record{}, s.NotGiven(subject)
	}
	return tokenstore.Record{Access: s.Given, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt, InstanceID: c.InstanceID}, nil
}

// NotGiven is the error where the JWT from the environment is not the subject's. It names both.
func (s *Source) NotGiven(subject string) error {
	whose, _, ok := s.WhoIsGiven()
	e := failure.Newf(failure.Unauthorized, "no JWT of %s: the one in TELEMATICSCTL_ACCESS_TOKEN is %s's", named(subject), named(whose))
	if !ok {
		e.Message = "the value of TELEMATICSCTL_ACCESS_TOKEN is no JWT"
	}
	return e.WithHint(s.Mend(subject))
}

// GivenExpired is the error of a JWT from the environment that has expired; nil while it is good, and where it says no end.
func (s *Source) GivenExpired() error {
	_, c, _ := s.WhoIsGiven()
	if c.ExpiresAt.IsZero() || c.ExpiresAt.After(s.Now()) {
		return nil
	}
	return failure.New(failure.Unauthorized, "the JWT in TELEMATICSCTL_ACCESS_TOKEN expired at "+c.ExpiresAt.Format(time.RFC3339)).WithHint(s.Mend(""))
}

// givenRefused explains a 401 to the JWT from the environment.
func (s *Source) givenRefused(err error) error {
	f := *failure.From(err)
	_, c, ok := s.WhoIsGiven()
	switch {
	case !ok:
		f.Message += "; the value of TELEMATICSCTL_ACCESS_TOKEN is no JWT"
	case s.GivenExpired() != nil:
		f.Message += "; the JWT in TELEMATICSCTL_ACCESS_TOKEN expired at " + c.ExpiresAt.Format(time.RFC3339)
	default:
		f.Message += "; the JWT in TELEMATICSCTL_ACCESS_TOKEN has expired by the service's clock, or is not one of its own"
	}
	f.Hint = s.Mend("")
	return &f
}

// named is a subject in the middle of a sentence.
func named(subject string) string {
	if subject == Admin {
		return "the admin"
	}
	return "user " + subject
}
