package auth

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// Token returns a JWT to make a call as the subject: the stored one, renewed first if it is about to expire.
func (s *Source) Token(ctx context.Context, subject string) (secret.String, error) {
	pair, err := s.Pair(ctx, subject)
	return pair.Access, err
}

// Renew returns another JWT of the subject after the service answered 401 to used. It fails where another JWT would not
// help: used is from the environment, or it was issued to this process and refused at its first use. Renewing that one
// again could go on forever.
func (s *Source) Renew(ctx context.Context, subject string, used secret.String) (secret.String, error) {
	switch {
	case !s.Given.IsZero():
		return secret.String{}, s.givenRefused(failure.New(failure.Unauthorized, "the service refuses the JWT (401)"))
	case s.isUnproven(subject, tokenstore.Record{Access: used}):
		return secret.String{}, s.stillRefused(subject, failure.New(failure.Unauthorized, "the service refuses the JWT (401)"))
	}
	pair, err := s.renew(ctx, subject, tokenstore.Record{Access: used})
	return pair.Access, err
}

// Accepted notes that the service answered a call made with used with something other than 401.
func (s *Source) Accepted(subject string, used secret.String) {
	s.proven(subject, tokenstore.Record{Access: used})
}

// Explain returns the error of a call as the subject with what can be done about a 403 or a repeated 401.
func (s *Source) Explain(subject string, err error) error {
	if unauthorized(err) {
		return s.stillRefused(subject, err)
	}
	return s.forbidden(subject, err)
}

// Do makes a call as the subject, and once more with a renewed JWT where it is answered 401.
func (s *Source) Do(ctx context.Context, subject string, call func(ctx context.Context, jwt secret.String) error) error {
	jwt, err := s.Token(ctx, subject)
	if err != nil {
		return err
	}
	if err = call(ctx, jwt); unauthorized(err) {
		if jwt, err = s.Renew(ctx, subject, jwt); err != nil {
			return err
		}
		err = call(ctx, jwt)
	}
	if !unauthorized(err) {
		s.Accepted(subject, jwt)
	}
	return s.Explain(subject, err)
}
