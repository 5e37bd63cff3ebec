package auth

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Source authorizes the calls of a client.
var _ userservice.Authorizer = (*Source)(nil)

// Token returns a JWT to make a call as the subject: the stored one, renewed first if it is about to expire.
func (s *Source) Token(ctx context.Context, subject string) (secret.String, error) {
	pair, err := s.Pair(ctx, subject)
	return pair.Access, err
}

// Renew returns another JWT of the subject after the service answered 401 to used. It is ErrNotRenewable where another
// JWT would not help: used is from the environment, or it was issued to this process and refused at its first use.
// Renewing that one again could go on forever.
func (s *Source) Renew(ctx context.Context, subject string, used secret.String) (secret.String, error) {
	if !s.Given.IsZero() || s.isUnproven(subject, tokenstore.Record{Access: used}) {
		return secret.String{}, userservice.ErrNotRenewable
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
	switch {
	case !unauthorized(err):
		return s.forbidden(subject, err)
	case !s.Given.IsZero():
		return s.givenRefused(err)
	}
	return s.stillRefused(subject, err)
}
