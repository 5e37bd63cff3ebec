package userservice

import (
	"context"
	"errors"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Admin is the Subject of a Caller who acts as the admin.
const Admin = "admin"

// Caller says as whom a call is made.
type Caller struct {
	Subject string    // Admin, or the DeviceToken of the user who acts
	Self    *Instance // the user's instance, where a user acts for itself; nil for the admin
}

// AsAdmin returns the Caller who acts as the admin.
func AsAdmin() Caller { return Caller{Subject: Admin} }

// AsUser returns the Caller who acts as one user of an instance, for itself.
func AsUser(deviceToken string, in Instance) Caller { return Caller{Subject: deviceToken, Self: &in} }

// An Authorizer gives calls their JWTs. It must be safe for use by many goroutines.
type Authorizer interface {
	// Token returns a JWT of the subject that is good now.
	Token(ctx context.Context, subject string) (secret.String, error)
	// Renew returns another JWT after a call with used was answered 401. The error is
	// ErrNotRenewable where there can be none: the 401 itself is then the call's error.
	Renew(ctx context.Context, subject string, used secret.String) (secret.String, error)
	// Accepted notes that a call with used was answered with anything but 401.
	Accepted(subject string, used secret.String)
	// Explain adds to a 403, or to a 401 that stands, what it means for the subject.
	Explain(subject string, err error) error
}

// ErrNotRenewable is what an Authorizer returns where no other JWT can be had.
var ErrNotRenewable = errors.New("the JWT cannot be renewed")

// StaticToken is an Authorizer that has one JWT for every subject.
type StaticToken struct{ JWT secret.String }

// Token implements Authorizer.
func (s StaticToken) Token(context.Context, string) (secret.String, error) { return s.JWT, nil }

// Renew implements Authorizer.
func (StaticToken) Renew(context.Context, string, secret.String) (secret.String, error) {
	return secret.String{}, ErrNotRenewable
}

// Accepted implements Authorizer.
func (StaticToken) Accepted(string, secret.String) {}

// Explain implements Authorizer.
func (StaticToken) Explain(_ string, err error) error { return err }

// WithAuthorizer returns the client with calls authorized by a. Without one, calls that need a
// JWT fail.
func (c *Client) WithAuthorizer(a Authorizer) *Client {
	with := *c
	with.authorizer = a
	return &with
}

// doAs sends a call with the caller's JWT. Where it is answered 401 the JWT is renewed and the
// call sent once more, but never a third time.
func (c *Client) doAs(ctx context.Context, as Caller, cl call) error {
	if c.authorizer == nil {
		return failure.New(failure.Unauthorized, cl.name+": no JWT")
	}
	jwt, err := c.authorizer.Token(ctx, as.Subject)
	if err != nil {
		return err
	}
	err = c.sendAs(ctx, as, jwt, cl)
	if !unauthorized(err) {
		return err
	}
	first := err
	jwt, err = c.authorizer.Renew(ctx, as.Subject, jwt)
	switch {
	case errors.Is(err, ErrNotRenewable):
		return c.authorizer.Explain(as.Subject, first)
	case err != nil:
		return carryDoubt(first, err)
	}
	if err = c.sendAs(ctx, as, jwt, cl); unauthorized(err) {
		err = c.authorizer.Explain(as.Subject, err)
	}
	return carryDoubt(first, err)
}

// sendAs sends a call with one JWT.
func (c *Client) sendAs(ctx context.Context, as Caller, jwt secret.String, cl call) error {
	cl.header = append(cl.header[:len(cl.header):len(cl.header)], header{"Authorization", "Bearer " + jwt.Reveal()})
	cl.secrets = append(cl.secrets[:len(cl.secrets):len(cl.secrets)], jwt)
	if as.Self != nil && !cl.jwtOnly {
		cl.header = append(cl.header, as.Self.header()...)
		cl.secrets = append(cl.secrets, as.Self.Key)
	}
	err := c.do(ctx, cl)
	if f := failure.From(err); err == nil || f.Enveloped && !unauthorized(err) {
		c.authorizer.Accepted(as.Subject, jwt)
	}
	if failure.Is(err, failure.Unauthorized) && statusOf(err) == http.StatusForbidden {
		return c.authorizer.Explain(as.Subject, err)
	}
	return err
}

// carryDoubt returns err, marked if an earlier error of the same call said that it may have been
// carried out.
func carryDoubt(earlier, err error) error {
	if err == nil || !failure.MayHaveApplied(earlier) || failure.MayHaveApplied(err) {
		return err
	}
	f := failure.Copy(err)
	f.MayHaveApplied = true
	return f
}

// unauthorized reports whether a call was answered 401 by the service. A bare one counts (live).
func unauthorized(err error) bool {
	return failure.Is(err, failure.Unauthorized) && statusOf(err) == http.StatusUnauthorized
}

func statusOf(err error) int {
	var f *failure.Error
	if errors.As(err, &f) {
		return f.Status
	}
	return 0
}
