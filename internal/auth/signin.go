package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// errSignedOut is in every error that means: signing in anew needs a person.
var errSignedOut = errors.New("not signed in")

// signIn signs a subject in anew, where that needs no person. refusal is the refused refresh that led here, if one did. The caller holds the lock.
func (s *Source) signIn(ctx context.Context, subject string, refusal error) (tokenstore.Record, error) {
	if subject != Admin {
		return s.signInUser(ctx, subject, refusal)
	}
	email, password, err := s.credentials(ctx)
	switch {
	case err != nil:
		return tokenstore.Record{}, err
	case password.IsZero():
		return tokenstore.Record{}, s.signedOut(subject, refusal, needsPerson)
	}
	by := s.sendAdmin(email, password)
	if password != s.AdminPassword {
		by.wrong = "the stored password is not right any more: " + s.signInHint("--email "+email+" --save-password")
	}
	return s.login(ctx, Admin, by)
}

func (s *Source) signInUser(ctx context.Context, subject string, refusal error) (tokenstore.Record, error) {
	if s.Instance == nil {
		return tokenstore.Record{}, s.signedOut(subject, refusal, needsPerson)
	}
	in, err := s.Instance(ctx)
	if failure.Is(err, failure.Invalid) {
		// Without the key a user cannot be signed in by anybody: the command that mends it is the one that sets the key.
		e := s.signedOut(subject, refusal, failure.From(err).Message)
		return tokenstore.Record{}, e.WithHint(failure.From(err).Hint)
	}
	if err != nil {
		return tokenstore.Record{}, err
	}
	return s.login(ctx, subject, s.sendUser(in, subject))
}

// signInAsked signs the admin in by a password that a person has just typed, unless another process has renewed the pair meanwhile.
func (s *Source) signInAsked(ctx context.Context, seen tokenstore.Record, password secret.String) (tokenstore.Record, error) {
	l, err := s.loginLocked(ctx, Admin, s.sendAdmin(s.AdminEmail, password), func(now tokenstore.Record) bool {
		return now.Access != seen.Access && s.good(now)
	})
	return l.Record, err
}

// Login is what came of a sign-in by hand.
type Login struct {
	tokenstore.Record
	Subject string
	Before  tokenstore.Record // what was stored until then; zero for nothing, or nothing that can be read
}

// LoginAdmin signs the admin in by e-mail and password, and stores the pair. A store that cannot be used is found out first.
func (s *Source) LoginAdmin(ctx context.Context, email string, password secret.String) (Login, error) {
	return s.loginByHand(ctx, Admin, s.sendAdmin(email, password))
}

// LoginUser signs a user in by its DeviceToken and the InstanceKey, and stores the pair. A store that cannot be used is found out first.
func (s *Source) LoginUser(ctx context.Context, deviceToken string) (Login, error) {
	if s.Instance == nil {
		return Login{}, failure.New(failure.Invalid, "a user cannot be signed in without an instance")
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return Login{}, err
	}
	return s.loginByHand(ctx, deviceToken, s.sendUser(in, deviceToken))
}

// loginByHand signs in whatever is stored.
func (s *Source) loginByHand(ctx context.Context, subject string, by sender) (Login, error) {
	return s.loginLocked(ctx, subject, by, func(tokenstore.Record) bool { return false })
}

// loginLocked signs in under the lock of renewals, unless what is stored by then will do: a refresh that is under way in another process would else
// store its pair, which the sign-in has made worthless (seed: the refresh token changes at each sign-in), over the new one.
func (s *Source) loginLocked(ctx context.Context, subject string, by sender, willDo func(tokenstore.Record) bool) (Login, error) {
	l := Login{Subject: subject}
	err := s.Guard.Patiently(ctx, func() error {
		unlock, err := s.lock(ctx, subject)
		if err != nil {
			return err
		}
		defer unlock()
		l.Before, err = s.Store.Fresh(ctx, s.key(subject))
		switch {
		case errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrDamaged):
			l.Before = tokenstore.Record{}
		case err != nil:
			return err
		case willDo(l.Before):
			l.Record = l.Before
			return nil
		}
		l.Record, err = s.login(ctx, subject, by)
		return err
	})
	return l, err
}

// TakeBack undoes a sign-in whose tokens the service refuses: what was stored before it is stored again. A pair that another process has stored
// meanwhile is left alone. left is what is stored then; zero for nothing.
func (s *Source) TakeBack(ctx context.Context, l Login) (left tokenstore.Record, err error) {
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

// sender sends one sign-in.
type sender struct {
	send  func(context.Context) (userservice.Pair, error)
	wrong string // the hint where the service does not know the credentials
}

// sendAdmin signs the admin in with a password that is the environment's, or that a person has given.
func (s *Source) sendAdmin(email string, password secret.String) sender {
	wrong := "check the e-mail address and the password, and " + s.signInHint("--email "+email)
	if !password.IsZero() && password == s.AdminPassword {
		wrong = "the e-mail address is wrong, or the password in TELEMATICSCTL_ADMIN_PASSWORD: set it right, or " + s.signInHint("--email "+email+" --password-stdin")
	}
	return sender{func(ctx context.Context) (userservice.Pair, error) { return s.API.SignInAdmin(ctx, email, password) }, wrong}
}

func (s *Source) sendUser(in userservice.Instance, deviceToken string) sender {
	wrong := "the InstanceKey is wrong, or instance " + in.ID + " has no user " + deviceToken
	if hint := s.keyHint(); hint != "" {
		wrong += ": " + hint
	}
	return sender{func(ctx context.Context) (userservice.Pair, error) { return s.API.SignInUser(ctx, in, deviceToken) }, wrong}
}

func (s *Source) keyHint() string {
	if s.KeyHint == nil {
		return ""
	}
	return s.KeyHint()
}

// login signs in and stores the pair. The caller holds the lock.
func (s *Source) login(ctx context.Context, subject string, by sender) (tokenstore.Record, error) {
	if err := s.Store.Check(ctx); err != nil {
		return tokenstore.Record{}, err
	}
	host := s.API.Host()
	if err := s.Guard.Enter(ctx, host); err != nil {
		return tokenstore.Record{}, err
	}
	ctx, stop := lingering(ctx)
	defer stop()
	pair, err := by.send(ctx)
	if err != nil {
		return tokenstore.Record{}, s.explain(ctx, host, by, err)
	}
	rec, err := s.keepNew(ctx, subject, pair)
	if err == nil {
		_ = s.Guard.Passed(ctx, host) // a block that cannot be forgotten ends by itself
	}
	return rec, err
}

// explain says what a refused sign-in means, and has the guard remember the service's block.
func (s *Source) explain(ctx context.Context, host string, by sender, err error) error {
	f := *failure.From(err)
	switch {
	case f.Status == http.StatusTooManyRequests:
		lasts := blockedFor(f.RetryAfter)
		f.Hint = "the service blocks this address for too many sign-ins, and none is sent until " + s.Guard.at(lasts) + "; tokens that are stored already go on working"
		if err := s.Guard.Blocked(ctx, host, lasts); err != nil {
			f.Hint = "the service blocks this address until " + s.Guard.at(lasts) + ", which could not be written down: " + err.Error()
		}
	case f.Status == http.StatusUnauthorized && f.Hint == "":
		f.Hint = by.wrong
	}
	return NotTheService(&f)
}

// saved is the password of the admin as it is stored. The record has the host that it is for.
type saved struct{ Email, Password string }

// SavePassword stores the admin's password, so that it can be signed in anew without a person.
func (s *Source) SavePassword(ctx context.Context, email string, password secret.String) error {
	text, err := json.Marshal(saved{email, password.Reveal()}) //nolint:gosec // it goes to the store that is made for secrets, and nowhere else
	if err != nil {
		return failure.Wrap(failure.Failed, "the password cannot be stored", err)
	}
	return s.Store.Put(ctx, tokenstore.Item{
		Key:    s.key(tokenstore.SubjectAdminPassword),
		Record: tokenstore.Record{Value: secret.New(string(text)), Host: s.API.Host()},
	})
}

// credentials are those by which the admin is signed in without a person: the environment's, or the stored ones if they are for this host and,
// where an address is set, for that. The password is empty where there are none.
func (s *Source) credentials(ctx context.Context) (email string, password secret.String, err error) {
	if s.AdminEmail != "" && !s.AdminPassword.IsZero() {
		return s.AdminEmail, s.AdminPassword, nil
	}
	rec, err := s.Store.Get(ctx, s.key(tokenstore.SubjectAdminPassword))
	if errors.Is(err, tokenstore.ErrNotFound) {
		return "", secret.String{}, nil
	}
	if err != nil {
		return "", secret.String{}, err
	}
	var kept saved
	if json.Unmarshal([]byte(rec.Value.Reveal()), &kept) != nil || rec.Host != s.API.Host() || (s.AdminEmail != "" && s.AdminEmail != kept.Email) {
		return "", secret.String{}, nil
	}
	return kept.Email, secret.New(kept.Password), nil
}

// SavedLogin is the e-mail address and the password by which the admin can be signed in without a person; empty where there are none.
func (s *Source) SavedLogin(ctx context.Context) (email string, password secret.String, err error) {
	if !s.Given.IsZero() {
		return "", secret.String{}, nil
	}
	return s.credentials(ctx)
}

// HasAdmin tells whether the admin's tokens are stored or can be had without asking anybody.
func (s *Source) HasAdmin(ctx context.Context) (bool, error) {
	if !s.Given.IsZero() {
		_, claims, _ := s.WhoIsGiven()
		return claims.DeviceToken == "", nil
	}
	rec, err := s.Store.Get(ctx, s.key(Admin))
	if err == nil && rec.Host == s.API.Host() {
		return true, nil
	}
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return false, err
	}
	_, password, err := s.credentials(ctx)
	return !password.IsZero(), err
}

// needsPerson is why the admin cannot be signed in anew.
const needsPerson = "signing in anew needs a person"

// signedOut is the error of a subject that cannot be signed in anew, and why. refusal is the refused refresh that led here, if one did.
func (s *Source) signedOut(subject string, refusal error, why string) *failure.Error {
	e := failure.Newf(failure.Unauthorized, "not signed in as %s in profile %s", subject, s.Profile)
	e.Cause = errSignedOut
	switch {
	case refusal != nil:
		f := failure.From(refusal)
		e.Message += ": the service has refused the stored RefreshToken (it has expired, or a renewal was cut off before its pair could be stored), and " + why
		e.Status, e.RequestID, e.Cause = f.Status, f.RequestID, errors.Join(errSignedOut, refusal)
	case why != needsPerson:
		e.Message += ": " + why
	}
	return e.WithHint(s.Mend(subject))
}

// Mend is the hint that names the one command by which a subject is signed in. While a JWT from the environment stands for all that is stored,
// no sign-in helps, whoever it is about.
func (s *Source) Mend(subject string) string {
	switch {
	case !s.Given.IsZero():
		return "`unset TELEMATICSCTL_ACCESS_TOKEN` to use the stored tokens, or set it to another JWT"
	case subject != Admin:
		return s.signInHint("--device-token " + subject)
	case s.Store.Kind() == tokenstore.KindMemory:
		return "set TELEMATICSCTL_ADMIN_EMAIL and TELEMATICSCTL_ADMIN_PASSWORD: the token_store memory keeps no sign-in for the next command"
	case s.AdminEmail != "":
		return s.signInHint("--email " + s.AdminEmail)
	}
	return s.signInHint("--email ADDRESS")
}

func (s *Source) signInHint(flags string) string {
	return "sign in with `telematicsctl auth login" + s.Flags + " " + flags + "`"
}
