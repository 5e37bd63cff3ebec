package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// errSignedOut is in every error that means: signing in needs a person.
var errSignedOut = errors.New("not signed in")

// A loginCall is one sign-in that can be sent.
type loginCall struct {
	subject string
	email   string // of the admin
	send    func(context.Context) (userservice.Pair, error)
	refused failure.Reason // of a 401
	of      string         // the subject of that reason
}

// adminLogin signs the admin in by a password that the environment or a person gave.
func (s *Source) adminLogin(email string, password secret.String) loginCall {
	reason := ReasonPassword
	if !password.IsZero() && password == s.AdminPassword {
		reason = ReasonEnvPassword
	}
	send := func(ctx context.Context) (userservice.Pair, error) { return s.API.SignInAdmin(ctx, email, password) }
	return loginCall{Admin, email, send, reason, email}
}

func (s *Source) userLogin(in userservice.Instance, deviceToken string) loginCall {
	send := func(ctx context.Context) (userservice.Pair, error) { return s.API.SignInUser(ctx, in, deviceToken) }
	return loginCall{deviceToken, "", send, ReasonUserSignIn, deviceToken}
}

// signIn signs a subject in again, where that needs no person. refusal is the refused refresh that
// led here, if one did. The caller holds the lock.
func (s *Source) signIn(ctx context.Context, subject string, refusal error) (tokenstore.Record, error) {
	if s.NoSignIn {
		return tokenstore.Record{}, s.signedOut(subject, refusal, needsPerson)
	}
	if subject != Admin {
		return s.signInUser(ctx, subject, refusal)
	}
	email, password, err := s.SavedLogin(ctx)
	switch {
	case err != nil:
		return tokenstore.Record{}, err
	case password.IsZero():
		return tokenstore.Record{}, s.signedOutAdmin(ctx, refusal)
	}
	by := s.adminLogin(email, password)
	if password != s.AdminPassword {
		by.refused = ReasonSavedPassword
	}
	return s.login(ctx, by)
}

func (s *Source) signInUser(ctx context.Context, subject string, refusal error) (tokenstore.Record, error) {
	if s.Instance == nil {
		return tokenstore.Record{}, s.signedOut(subject, refusal, needsPerson)
	}
	in, err := s.Instance(ctx)
	if failure.Is(err, failure.Invalid) {
		// Without the InstanceKey nobody can sign the user in: what sets the key is what helps.
		f := failure.From(err)
		e := s.signedOut(subject, refusal, f.Message)
		e.Reason, e.Subject = f.Reason, f.Subject
		return tokenstore.Record{}, e
	}
	if err != nil {
		return tokenstore.Record{}, err
	}
	rec, err := s.login(ctx, s.userLogin(in, subject))
	if refusal != nil && failure.HasReason(err, ReasonUserSignIn) {
		f := failure.Copy(err)
		f.Message = "the service refused the stored RefreshToken of " + named(subject) + ", and then: " + f.Message
		f.Cause = errors.Join(err, refusal)
		err = f
		s.dropRefreshToken(ctx, subject)
	}
	return rec, err
}

// dropRefreshToken stores the pair of a user without the RefreshToken that the service refused,
// after it refused to sign the user in as well: the user is gone, or the InstanceKey is wrong.
// RefreshListed does not send such a pair again.
func (s *Source) dropRefreshToken(ctx context.Context, user string) {
	pair, err := s.Store.Fresh(ctx, s.key(user))
	if err != nil || pair.Access.IsZero() {
		return
	}
	pair.Refresh = secret.String{}
	_ = s.Store.Put(ctx, tokenstore.Item{Key: s.key(user), Record: pair}) // else it is refused once more next time
}

// signInAsked signs the admin in by a password that a person types, unless another process has
// renewed the pair meanwhile. The person is asked without the lock: others must not wait for
// somebody who is at lunch.
func (s *Source) signInAsked(ctx context.Context, used secret.String) (tokenstore.Record, error) {
	if err := s.Guard.Check(s.API.Host()); err != nil {
		return tokenstore.Record{}, err
	}
	password, err := s.AskPassword(ctx, s.AdminEmail)
	if err != nil {
		return tokenstore.Record{}, err
	}
	l, err := s.loginLocked(ctx, s.adminLogin(s.AdminEmail, password), func(now tokenstore.Record) bool {
		return now.Access != used && s.isAdmin(now.Email) && s.valid(now)
	})
	return l.Record, err
}

// Login is the result of a sign-in by hand.
type Login struct {
	tokenstore.Record
	Subject string
	Before  tokenstore.Record // what was stored until then; zero for nothing, or nothing that can be read
}

// LoginAdmin signs the admin in by email and password, and stores the pair. Nothing is sent if the
// store cannot hold it.
func (s *Source) LoginAdmin(ctx context.Context, email string, password secret.String) (Login, error) {
	return s.loginLocked(ctx, s.adminLogin(email, password), nil)
}

// LoginUser signs a user in by its DeviceToken and the InstanceKey, and stores the pair. Nothing is
// sent if the store cannot hold it.
func (s *Source) LoginUser(ctx context.Context, deviceToken string) (Login, error) {
	if s.Instance == nil {
		return Login{}, failure.New(failure.Invalid, "a user cannot be signed in without an instance")
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return Login{}, err
	}
	return s.loginLocked(ctx, s.userLogin(in, deviceToken), nil)
}

// loginLocked signs in under the lock of renewals, unless what is stored by then will do. A refresh
// that another process is at would otherwise store its pair, which the sign-in has made worthless
// (seed: the refresh token changes at each sign-in), over the new one.
func (s *Source) loginLocked(ctx context.Context, by loginCall, willDo func(tokenstore.Record) bool) (Login, error) {
	l := Login{Subject: by.subject}
	err := s.Guard.WithWait(ctx, func() error {
		unlock, err := s.lock(ctx, by.subject)
		if err != nil {
			return err
		}
		defer unlock()
		l.Before, err = s.Store.Fresh(ctx, s.key(by.subject))
		switch {
		case errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrDamaged):
			l.Before = tokenstore.Record{}
		case err != nil:
			return err
		case willDo != nil && willDo(l.Before):
			l.Record = l.Before
			return nil
		}
		l.Record, err = s.login(ctx, by)
		return err
	})
	return l, err
}

// Rollback undoes a sign-in whose tokens the service refuses: what was stored before it is stored
// again. A pair that another process has stored meanwhile is left alone. left is what is stored
// then; zero for nothing.
func (s *Source) Rollback(ctx context.Context, l Login) (left tokenstore.Record, err error) {
	ctx = context.WithoutCancel(ctx)
	unlock, err := s.lock(ctx, l.Subject)
	if err != nil {
		return tokenstore.Record{}, err
	}
	defer unlock()
	now, err := s.Store.Fresh(ctx, s.key(l.Subject))
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return tokenstore.Record{}, nil // another process has removed it
	case err != nil || now.Access != l.Access:
		return now, err
	case l.Before.Access.IsZero():
		return tokenstore.Record{}, s.Store.Delete(ctx, s.key(l.Subject))
	}
	return l.Before, s.Store.Put(ctx, tokenstore.Item{Key: s.key(l.Subject), Record: l.Before})
}

// login signs in and stores the pair. The caller holds the lock.
func (s *Source) login(ctx context.Context, by loginCall) (tokenstore.Record, error) {
	spend, done, err := s.beforeSpending(ctx, by.subject, tokenstore.Record{}, wait.AnswerGrace)
	if err != nil {
		return tokenstore.Record{}, err
	}
	defer done()
	host := s.API.Host()
	if err := s.Guard.Enter(ctx, host); err != nil {
		return tokenstore.Record{}, err
	}
	pair, err := by.send(spend)
	if err != nil {
		return tokenstore.Record{}, s.explainSignIn(context.WithoutCancel(ctx), host, by, err)
	}
	rec, err := s.keepNew(ctx, by.subject, by.email, pair)
	if err == nil {
		_ = s.Guard.Unblock(context.WithoutCancel(ctx), host) // a block that cannot be removed ends by itself
	}
	return rec, err
}

// explainSignIn returns the error of a refused sign-in with its reason, and has the guard record
// the service's block.
func (s *Source) explainSignIn(ctx context.Context, host string, by loginCall, err error) error {
	switch f := failure.Copy(err); f.Status {
	case http.StatusTooManyRequests:
		lasts := blockFor(f.RetryAfter)
		f.Message += "; no sign-in is sent until " + s.Guard.at(lasts)
		if err := s.Guard.Blocked(ctx, host, lasts); err != nil {
			f.Message += " by this command (it could not be written down for others: " + err.Error() + ")"
		}
		f.RetryAfter = lasts
		return f.Because(ReasonBlocked, host)
	case http.StatusUnauthorized:
		if f.Reason == "" && f.Hint == "" {
			return f.Because(by.refused, by.of)
		}
	}
	if refused(err) && by.subject != Admin {
		return because(err, by.refused, by.of) // such as an enveloped 404: no such user
	}
	return err
}

// needsPerson is why the admin cannot be signed in again.
const needsPerson = "signing in again needs a person"

// signedOutAdmin is signedOut for the admin. It says whose session is stored, where that is another
// admin's.
func (s *Source) signedOutAdmin(ctx context.Context, refusal error) *failure.Error {
	other := s.OtherAdmin(ctx)
	if other == "" {
		return s.signedOut(Admin, refusal, needsPerson)
	}
	e := failure.Newf(failure.Unauthorized, "not signed in as %s in profile %s: the stored session is of %s",
		s.AdminEmail, s.Profile, other)
	e.Cause = errSignedOut
	return e.Because(ReasonSignedOut, Admin)
}

// signedOut returns the error of a subject that cannot be signed in again, and why. refusal is the
// refused refresh that led here, if one did.
func (s *Source) signedOut(subject string, refusal error, why string) *failure.Error {
	e := failure.Newf(failure.Unauthorized, "not signed in as %s in profile %s", named(subject), s.Profile)
	e.Cause = errSignedOut
	switch {
	case refusal != nil:
		f := failure.From(refusal)
		e.Message += ": the service refused the stored RefreshToken (it has expired, or a renewal was cut off before " +
			"its pair could be stored), and " + why
		e.Status, e.RequestID, e.Enveloped, e.Cause = f.Status, f.RequestID, f.Enveloped, errors.Join(errSignedOut, refusal)
	case why != needsPerson:
		e.Message += ": " + why
	}
	return e.Because(ReasonSignedOut, subject)
}
