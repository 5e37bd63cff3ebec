package auth

import (
	"context"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Source authorizes the calls of a client.
var _ userservice.Authorizer = (*Source)(nil)

// Token returns a JWT to make a call as the subject: the stored one, renewed first if it is about
// to expire.
func (s *Source) Token(ctx context.Context, subject string) (secret.String, error) {
	pair, err := s.Pair(ctx, subject)
	return pair.Access, err
}

// Renew returns another JWT of the subject after the service answered 401 to used. The error is
// ErrNotRenewable where another JWT would not help: used is from the environment, or it was issued
// to this process and refused at its first use. Renewing that one again could go on forever.
func (s *Source) Renew(ctx context.Context, subject string, used secret.String) (secret.String, error) {
	if s.HasEnvToken() || s.isUnverified(subject, used) {
		return secret.String{}, userservice.ErrNotRenewable
	}
	pair, err := s.renew(ctx, subject, used)
	return pair.Access, err
}

// Accepted notes that the service answered a call made with used with something other than 401.
func (s *Source) Accepted(subject string, used secret.String) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unverified) > 0 && s.unverified[subject] == used {
		delete(s.unverified, subject)
	}
}

func (s *Source) isUnverified(subject string, used secret.String) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unverified[subject] == used
}

// Explain returns the error of a call as the subject with the reason of a 403 or of a 401 that
// another JWT would not change.
func (s *Source) Explain(subject string, err error) error {
	f := failure.From(err)
	switch {
	case f == nil:
		return err
	case f.Status == http.StatusUnauthorized && s.HasEnvToken():
		return s.explainEnv(err)
	case f.Status == http.StatusUnauthorized:
		return because(err, ReasonNewTokenRefused, subject)
	case f.Status != http.StatusForbidden || f.Reason != "" || f.Hint != "":
		return err
	}
	if whose, _, ok := s.EnvSubject(); ok {
		subject = whose
	}
	if subject != Admin {
		return because(err, ReasonForbiddenUser, subject)
	}
	return because(err, ReasonForbiddenAdmin, subject)
}

// because returns a copy of an error with a reason.
func because(err error, reason failure.Reason, subject string) error {
	f := failure.Copy(err)
	return f.Because(reason, subject)
}
