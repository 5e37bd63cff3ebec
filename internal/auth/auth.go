// Package auth is who we are: the one way to a JWT. It knows the rule of use (stored and good: use it; else refresh; else sign in
// anew, once; else say what mends it), keeps one refresh among all goroutines and processes, and guards the limit of sign-ins.
package auth

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Admin is the subject that is the admin; any other subject is a user's DeviceToken.
const Admin = tokenstore.SubjectAdmin

// Options are what a Source works with. Nothing of it is opened or asked before it is needed.
type Options struct {
	API     *userservice.Client
	Store   tokenstore.Store
	Profile string
	Dir     string // the state folder, for the locks between processes
	Guard   *Guard
	Now     func() time.Time

	// Instance gives the instance and its key, by which a user can be signed in; nil where there is none.
	Instance func(context.Context) (userservice.Instance, error)
	// AdminEmail and AdminPassword sign the admin in without a person; the password is empty where none can be had.
	AdminEmail    string
	AdminPassword func(context.Context) (secret.String, error)

	// Given is a JWT from the environment: it alone is used, and nothing is read from or written to the store.
	Given secret.String
}

// Source is the one way to a JWT. It is safe for use by many goroutines.
type Source struct {
	Options
	flights singleflight.Group
}

// New makes a source.
func New(o Options) *Source { return &Source{Options: o} }

// Do makes a call as a subject: with its JWT, renewed beforehand where it is about to expire; where the call is answered 401, once more with
// a renewed one. There is no third try.
func (s *Source) Do(ctx context.Context, subject string, call func(ctx context.Context, jwt secret.String) error) error {
	rec, err := s.valid(ctx, subject)
	if err != nil {
		return err
	}
	err = call(ctx, rec.Access)
	if !unauthorized(err) {
		return err
	}
	if !s.Given.IsZero() {
		return withHint(err, "the JWT in TELEMATICSCTL_ACCESS_TOKEN has expired, or is not for this")
	}
	rec, renewErr := s.renew(ctx, subject, rec)
	if renewErr != nil {
		return renewErr
	}
	return call(ctx, rec.Access)
}

// Token gives a JWT of the subject that is good now, renewed where it is about to expire.
func (s *Source) Token(ctx context.Context, subject string) (tokenstore.Record, error) {
	return s.valid(ctx, subject)
}

// Refresh renews the pair of a subject whether or not it has expired; where none is stored, the subject is signed in if that needs no person.
func (s *Source) Refresh(ctx context.Context, subject string) (tokenstore.Record, error) {
	if !s.Given.IsZero() {
		return tokenstore.Record{}, failure.New(failure.Invalid, "the JWT in TELEMATICSCTL_ACCESS_TOKEN has no RefreshToken: it cannot be renewed").
			WithHint("unset TELEMATICSCTL_ACCESS_TOKEN to use the stored tokens")
	}
	rec, err := s.Store.Get(ctx, s.key(subject))
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return tokenstore.Record{}, err
	}
	return s.renew(ctx, subject, rec)
}

// Keep stores a pair that the service has just issued, together with its times on this machine's clock.
func (s *Source) Keep(ctx context.Context, subject string, pair userservice.Pair) (tokenstore.Record, error) {
	rec := s.Record(pair)
	return rec, s.Store.Put(ctx, tokenstore.Item{Key: s.key(subject), Record: rec})
}

// Record is what is stored for a pair that was issued now. The lifetime is the JWT's own where it says one, as the service's and this
// machine's clock may differ; the moment is this machine's.
func (s *Source) Record(pair userservice.Pair) tokenstore.Record {
	now := s.Now().UTC().Truncate(time.Second)
	life := pair.ExpiresIn
	claims, _ := ReadClaims(pair.Access)
	if !claims.IssuedAt.IsZero() && claims.ExpiresAt.After(claims.IssuedAt) {
		life = claims.ExpiresAt.Sub(claims.IssuedAt)
	}
	rec := tokenstore.Record{Access: pair.Access, Refresh: pair.Refresh, IssuedAt: now, Host: s.API.Host(), InstanceID: claims.InstanceID}
	if life > 0 {
		rec.ExpiresAt = now.Add(life)
	}
	return rec
}

// Item is the pair of a user, ready to be stored.
func (s *Source) Item(subject string, pair userservice.Pair) tokenstore.Item {
	return tokenstore.Item{Key: s.key(subject), Record: s.Record(pair)}
}

func (s *Source) key(subject string) tokenstore.Key {
	return tokenstore.Key{Profile: s.Profile, Subject: subject}
}

// valid gives a record whose JWT is good now.
func (s *Source) valid(ctx context.Context, subject string) (tokenstore.Record, error) {
	if !s.Given.IsZero() {
		return tokenstore.Record{Access: s.Given}, nil
	}
	rec, err := s.Store.Get(ctx, s.key(subject))
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return s.renew(ctx, subject, tokenstore.Record{})
	case err != nil:
		return tokenstore.Record{}, err
	}
	if s.good(rec) {
		return rec, nil
	}
	return s.renew(ctx, subject, rec)
}

// margin is how long before its end a JWT is renewed: a call that starts now must still find it good.
const margin = time.Minute

// good tells whether a record can be used as it is: issued by this host, and not about to expire. A record that says no end is used until
// the service refuses it.
func (s *Source) good(rec tokenstore.Record) bool {
	if rec.Access.IsZero() || rec.Host != s.API.Host() {
		return false
	}
	left := rec.ExpiresAt.Sub(s.Now())
	return rec.ExpiresAt.IsZero() || left > min(margin, rec.ExpiresAt.Sub(rec.IssuedAt)/4)
}

// renew gives a record that is newer than seen, which was found to be of no use. One goroutine of one process does the work; the
// others get what it got.
func (s *Source) renew(ctx context.Context, subject string, seen tokenstore.Record) (tokenstore.Record, error) {
	v, err, _ := s.flights.Do(subject, func() (any, error) { return s.renewLocked(ctx, subject, seen) })
	if err != nil {
		return tokenstore.Record{}, err
	}
	return v.(tokenstore.Record), nil
}

func (s *Source) renewLocked(ctx context.Context, subject string, seen tokenstore.Record) (tokenstore.Record, error) {
	unlock, err := lockFile(ctx, s.lockPath(subject))
	if err != nil {
		return tokenstore.Record{}, err
	}
	defer unlock()
	now, err := s.Store.Fresh(ctx, s.key(subject))
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return s.signIn(ctx, subject, nil)
	case err != nil:
		return tokenstore.Record{}, err
	case now.Access.Reveal() != seen.Access.Reveal() && s.good(now):
		return now, nil // another process has renewed it meanwhile
	case now.Host != s.API.Host() || now.Refresh.IsZero():
		return s.signIn(ctx, subject, nil)
	}
	// A pair that cannot be stored afterwards is lost with its refresh: the store is tried first.
	if err := s.Store.Check(ctx); err != nil {
		return tokenstore.Record{}, err
	}
	pair, err := s.API.Refresh(ctx, userservice.Pair{Access: now.Access, Refresh: now.Refresh})
	if err == nil {
		return s.Keep(ctx, subject, pair)
	}
	if !refused(err) {
		return tokenstore.Record{}, err
	}
	// Who does not take the lock (a sign-in by hand) may have stored a newer pair meanwhile: look before deciding.
	if again, err := s.Store.Fresh(ctx, s.key(subject)); err == nil && again.Access.Reveal() != now.Access.Reveal() && s.good(again) {
		return again, nil
	}
	return s.signIn(ctx, subject, err)
}

// stripes is how many lock files the subjects share: enough that two seldom meet, and a million users do not leave a million files.
const stripes = 64

// lockPath is the lock between processes under which a subject is renewed. Nobody holds two of them.
func (s *Source) lockPath(subject string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Profile + "/" + subject))
	return filepath.Join(s.Dir, "locks", fmt.Sprintf("renew-%02d.lock", h.Sum32()%stripes))
}

// signIn signs a subject in anew, where that needs no person. refresh is the refusal that led here, if one did.
func (s *Source) signIn(ctx context.Context, subject string, refresh error) (tokenstore.Record, error) {
	if subject != Admin {
		if s.Instance == nil {
			return tokenstore.Record{}, s.signedOut(subject, refresh)
		}
		return s.LoginUser(ctx, subject)
	}
	password, err := s.adminPassword(ctx)
	switch {
	case err != nil:
		return tokenstore.Record{}, err
	case password.IsZero():
		return tokenstore.Record{}, s.signedOut(subject, refresh)
	}
	return s.LoginAdmin(ctx, s.AdminEmail, password)
}

// LoginAdmin signs the admin in by e-mail and password, and stores the pair. A store that cannot be used is found out first.
func (s *Source) LoginAdmin(ctx context.Context, email string, password secret.String) (tokenstore.Record, error) {
	return s.login(ctx, Admin, func() (userservice.Pair, error) { return s.API.SignInAdmin(ctx, email, password) })
}

// LoginUser signs a user in by its DeviceToken and the InstanceKey, and stores the pair. A store that cannot be used is found out first.
func (s *Source) LoginUser(ctx context.Context, deviceToken string) (tokenstore.Record, error) {
	in, err := s.Instance(ctx)
	if err != nil {
		return tokenstore.Record{}, err
	}
	return s.login(ctx, deviceToken, func() (userservice.Pair, error) { return s.API.SignInUser(ctx, in, deviceToken) })
}

func (s *Source) login(ctx context.Context, subject string, send func() (userservice.Pair, error)) (tokenstore.Record, error) {
	if err := s.Store.Check(ctx); err != nil {
		return tokenstore.Record{}, err
	}
	pair, err := s.guarded(ctx, send)
	if err != nil {
		return tokenstore.Record{}, err
	}
	return s.Keep(ctx, subject, pair)
}

// guarded sends one sign-in within the limit, and remembers the service's block.
func (s *Source) guarded(ctx context.Context, send func() (userservice.Pair, error)) (userservice.Pair, error) {
	host := s.API.Host()
	if err := s.Guard.Enter(ctx, host); err != nil {
		return userservice.Pair{}, err
	}
	pair, err := send()
	var f *failure.Error
	if errors.As(err, &f) && f.Status == http.StatusTooManyRequests {
		if err := s.Guard.Blocked(ctx, host, f.RetryAfter); err != nil {
			return userservice.Pair{}, err
		}
		f.Hint = "the service blocks this address for too many sign-ins; tokens that are stored already go on working"
	}
	if errors.As(err, &f) && f.Status == http.StatusUnauthorized && f.Hint == "" {
		f.Hint = "the credentials are wrong, or the user is not of this instance"
	}
	return pair, err
}

// HasAdmin tells whether the admin's tokens are stored or can be had without asking anybody.
func (s *Source) HasAdmin(ctx context.Context) (bool, error) {
	if !s.Given.IsZero() {
		claims, _ := ReadClaims(s.Given)
		return claims.DeviceToken == "", nil
	}
	rec, err := s.Store.Get(ctx, s.key(Admin))
	if err == nil && rec.Host == s.API.Host() {
		return true, nil
	}
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return false, err
	}
	password, err := s.adminPassword(ctx)
	return !password.IsZero(), err
}

func (s *Source) adminPassword(ctx context.Context) (secret.String, error) {
	if s.AdminEmail == "" || s.AdminPassword == nil {
		return secret.String{}, nil
	}
	return s.AdminPassword(ctx)
}

func (s *Source) signedOut(subject string, refresh error) error {
	e := failure.Newf(failure.Unauthorized, "not signed in as %s in profile %s", subject, s.Profile)
	if refresh != nil {
		e.Message += ": the service has refused the stored RefreshToken, and signing in anew needs a person"
		e.Cause = refresh
	}
	return e.WithHint(s.mend(subject))
}

func (s *Source) mend(subject string) string {
	if subject == Admin {
		return "sign in with `telematicsctl auth login --email ADDRESS`"
	}
	return "sign in with `telematicsctl auth login --device-token " + subject + "`"
}

// unauthorized tells whether a call was answered 401: the JWT has expired or is not known. A 403 is not mended by another JWT.
func unauthorized(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Status == http.StatusUnauthorized
}

// refused tells whether the service has answered a refresh with a plain no: signing in anew is what is left.
func refused(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Status >= 400 && f.Status < 500 && f.Status != http.StatusTooManyRequests && f.Status != http.StatusRequestTimeout
}

func withHint(err error, hint string) error {
	f := *failure.From(err)
	f.Hint = hint
	return &f
}
