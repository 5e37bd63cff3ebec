// Package auth is who we are: the one way to a JWT. It knows the rule of use (stored and good: use it; else refresh; else sign in
// anew, once; else say what mends it), keeps one refresh among all goroutines and processes, and guards the limit of sign-ins.
//
// However the service misbehaves, a call authorized by a Source is sent at most twice, and costs at most one renewal: a refresh, which is
// asked for a second time where its answer was lost, and one sign-in. docs/tokens.md tells an operator the same story.
package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
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
	// Timeout is how long another process that renews is waited for; userservice.DefaultTimeout where 0. Waiting, if not nil, is told when that has
	// lasted for a second.
	Timeout time.Duration
	Waiting func()
	Flags   string // the flags, each after a space, that a command must be given to act by this profile; for hints

	// Instance gives the instance and its key, by which a user can be signed in; nil where there is none. KeyHint is the hint that says how the
	// key is put right; "" or nil where it cannot be.
	Instance func(context.Context) (userservice.Instance, error)
	KeyHint  func() string

	// AdminEmail and AdminPassword sign the admin in without a person; either may be empty. Where there is no password, one that
	// SavePassword has stored for this host is used.
	AdminEmail    string
	AdminPassword secret.String
	// AskPassword asks the person at the terminal for the password that belongs to an e-mail address; nil where nobody can be asked.
	AskPassword func(ctx context.Context, email string) (secret.String, error)

	// Given is a JWT from the environment: it alone is used, and nothing is read from or written to the store.
	Given secret.String
}

// Source is the one way to a JWT. It is safe for use by many goroutines.
type Source struct {
	Options
	flights singleflight.Group

	mu       sync.Mutex
	unproven map[string]secret.String // the JWT of a subject that was got here and that no call has been answered with yet
	hopeless map[string]error         // why a subject cannot be renewed: it is not tried again by this process
}

// New makes a source.
func New(o Options) *Source {
	return &Source{Options: o, unproven: map[string]secret.String{}, hopeless: map[string]error{}}
}

// forbidden explains a 403: the JWT is known, and of the wrong kind, or the user is not within its reach.
func (s *Source) forbidden(subject string, err error) error {
	if f := failure.From(err); f == nil || f.Status != http.StatusForbidden || f.Hint != "" {
		return err
	}
	if whose, _, ok := s.WhoIsGiven(); ok {
		subject = whose
	}
	switch {
	case subject != Admin:
		return withHint(err, "the service does not let a user do this by itself: "+s.Mend(Admin))
	case !s.Given.IsZero():
		return withHint(err, "this admin may not do this, or not to this user: "+s.Mend(Admin))
	}
	return withHint(err, "this admin may not do this, or not to this user: as another, "+s.signInHint("--email ADDRESS"))
}

// stillRefused explains a 401 to a JWT that is new.
func (s *Source) stillRefused(subject string, err error) error {
	return withHint(err, "the service refuses even a JWT that it has just issued; "+s.Mend(subject))
}

// Pair returns the pair of the subject, renewed first if its JWT is about to expire.
func (s *Source) Pair(ctx context.Context, subject string) (tokenstore.Record, error) {
	if !s.Given.IsZero() {
		return s.given(subject)
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

// RefreshListed renews a stored pair that was found in a list. One that another process has renewed since then is taken as it is, so that processes
// side by side, each with a list of its own, renew it once among them.
func (s *Source) RefreshListed(ctx context.Context, e tokenstore.Entry) (tokenstore.Record, error) {
	rec, err := s.Store.Get(ctx, s.key(e.Subject))
	switch {
	case err == nil && rec.IssuedAt.After(e.IssuedAt) && s.good(rec):
		return rec, nil
	case err != nil && !errors.Is(err, tokenstore.ErrNotFound):
		return tokenstore.Record{}, err
	}
	return s.renew(ctx, e.Subject, rec)
}

// Keep stores a pair that the service has just issued, together with its times on this machine's clock. With a JWT given by the
// environment it stores nothing.
func (s *Source) Keep(ctx context.Context, subject string, pair userservice.Pair) (tokenstore.Record, error) {
	rec := s.Record(pair)
	if !s.Given.IsZero() {
		return rec, nil
	}
	return rec, s.Store.Put(ctx, tokenstore.Item{Key: s.key(subject), Record: rec})
}

// Record is what is stored for a pair that was issued now. The lifetime is the JWT's own (exp less iat) where it says one, as the service's
// and this machine's clock may differ; the moment is this machine's. A JWT that has expired when it is issued says nothing: no end is stored, so
// that it is used until the service refuses it, and not renewed before each call.
func (s *Source) Record(pair userservice.Pair) tokenstore.Record {
	now := s.Now().UTC().Truncate(time.Second)
	claims, _ := ReadClaims(pair.Access)
	rec := tokenstore.Record{Access: pair.Access, Refresh: pair.Refresh, IssuedAt: now, Host: s.API.Host(), InstanceID: claims.InstanceID}
	switch {
	case !claims.IssuedAt.IsZero() && claims.ExpiresAt.After(claims.IssuedAt):
		rec.ExpiresAt = now.Add(claims.ExpiresAt.Sub(claims.IssuedAt))
	case pair.ExpiresIn > 0:
		rec.ExpiresAt = now.Add(pair.ExpiresIn)
	case claims.ExpiresAt.After(now):
		rec.ExpiresAt = claims.ExpiresAt
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

// proven notes that the service has answered a call with something else than 401 to this JWT.
func (s *Source) proven(subject string, rec tokenstore.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unproven) > 0 && s.unproven[subject] == rec.Access {
		delete(s.unproven, subject)
	}
}

func (s *Source) isUnproven(subject string, rec tokenstore.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unproven[subject] == rec.Access
}

// unauthorized tells whether a call was answered 401: the JWT has expired or is not known. A 403 is not mended by another JWT.
func unauthorized(err error) bool {
	if err == nil {
		return false
	}
	var f *failure.Error
	return errors.As(err, &f) && f.Status == http.StatusUnauthorized
}

func withHint(err error, hint string) error {
	f := *failure.From(err)
	f.Hint = hint
	return &f
}
