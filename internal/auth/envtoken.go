package auth

import (
	"errors"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// HasEnvToken reports whether a JWT from the environment stands in for all that is stored.
func (s *Source) HasEnvToken() bool { return !s.EnvToken.IsZero() }

// EnvSubject returns whose the JWT from the environment is, by its own claims. ok is false for what
// is not a JWT.
func (s *Source) EnvSubject() (subject string, c Claims, ok bool) {
	if c, ok = ReadClaims(s.EnvToken); !ok {
		return "", c, false
	}
	return c.Subject(), c, true
}

// envPair returns the JWT from the environment for a call as the subject, with the times that it
// claims. What is not a JWT is not sent: it may be a password. A user's is refused for another
// user, as the call would be about the wrong one. Whether an admin's or a user's will do otherwise
// is for the service to say.
func (s *Source) envPair(subject string) (tokenstore.Record, error) {
	whose, c, ok := s.EnvSubject()
	if !ok || subject != Admin && whose != Admin && whose != subject {
		return tokenstore.Record{}, s.EnvWrongSubject(subject)
	}
	return tokenstore.Record{Access: s.EnvToken, IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt,
		InstanceID: c.InstanceID}, nil
}

// EnvWrongSubject returns the error for a JWT from the environment that is not the subject's. It
// names both.
func (s *Source) EnvWrongSubject(subject string) error {
	whose, _, ok := s.EnvSubject()
	if !ok {
		return failure.New(failure.Unauthorized, "the access token from the environment is not a JWT").
			Because(ReasonEnvToken, subject)
	}
	return failure.Newf(failure.Unauthorized, "no JWT of %s: the one from the environment is of %s", named(subject),
		named(whose)).
		Because(ReasonEnvToken, subject)
}

// EnvExpired returns the error for a JWT from the environment that has expired; nil if it is valid
// or does not say.
func (s *Source) EnvExpired() error {
	_, c, _ := s.EnvSubject()
	if c.ExpiresAt.IsZero() || c.ExpiresAt.After(s.Now()) {
		return nil
	}
	return failure.New(failure.Unauthorized,
		"the JWT from the environment expired at "+c.ExpiresAt.Format(time.RFC3339)).Because(ReasonEnvToken, "")
}

// errEnvNotRenewable is the error of a renewal while a JWT from the environment is set.
func errEnvNotRenewable() error {
	return failure.New(failure.Invalid, "the JWT from the environment has no RefreshToken and cannot be renewed").
		Because(ReasonEnvToken, "")
}

// explainEnv explains a 401 to the JWT from the environment.
func (s *Source) explainEnv(err error) error {
	f := failure.Copy(err)
	expired := s.EnvExpired()
	if expired != nil {
		f.Message += "; " + expired.Error()
	} else {
		f.Message += "; the JWT from the environment has expired by the service's clock, or the service did not issue it"
	}
	f.Cause = errors.Join(f.Cause, expired)
	return f.Because(ReasonEnvToken, "")
}

// named returns a subject as it is called within a sentence.
func named(subject string) string {
	if subject == Admin {
		return "the admin"
	}
	return "user " + subject
}
