// Package auth provides the JWTs that calls are authorized by. A Source uses the stored JWT if it
// is valid, else refreshes it, else signs in again, once, else says who must sign in. One renewal
// serves all goroutines and processes, new tokens are stored before they are used, and a guard
// keeps sign-ins within the service's limit.
//
// However the service misbehaves, a call authorized by a Source is sent at most twice and costs at
// most one renewal: a refresh, which is sent a second time where its answer was lost, and one
// sign-in. docs/tokens.md has the same for users.
package auth

import (
	"context"
	"errors"
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

// Options configure a Source. Nothing of it is opened or asked before it is needed.
type Options struct {
	API     *userservice.Client // signs in and refreshes; it needs no authorizer
	Store   tokenstore.Store
	Profile string
	Dir     string // the state folder, for the locks between processes
	Guard   *Guard
	Now     func() time.Time

	// Timeout is how long another process that renews is waited for; userservice.DefaultTimeout if
	// 0. OnLockWait, if not nil, is called when that has lasted for a second.
	Timeout    time.Duration
	OnLockWait func()

	// Saving, if not nil, is called before tokens are spent. The process must not end before done
	// is called: new tokens would be lost.
	Saving func() (done func())

	// Instance returns the instance and its key, to sign users in; nil if there is none.
	Instance func(context.Context) (userservice.Instance, error)

	// AdminEmail says who the admin is: a stored session of another one is not used. Empty takes
	// the session that is stored. AdminPassword signs that admin in without a person; without it,
	// one that SavePassword stored for this host and address is used.
	AdminEmail    string
	AdminPassword secret.String
	// AskPassword asks the person at the terminal for the password of an email address; nil if
	// nobody can be asked.
	AskPassword func(ctx context.Context, email string) (secret.String, error)

	// NoSignIn has pairs only refreshed: where a sign-in would be needed, the subject is signed out.
	NoSignIn bool

	// EnvToken is a JWT from the environment: it alone is used, and nothing is read from or written
	// to the store.
	EnvToken secret.String
}

// A Source provides JWTs. It is safe for use by many goroutines.
type Source struct {
	Options
	flights singleflight.Group

	mu         sync.Mutex
	unverified map[string]secret.String // the JWT issued to this process for a subject, before a call was answered with it
	failed     map[string]error         // why a subject cannot be renewed: this process does not try again
}

// New makes a source.
func New(o Options) *Source {
	o.EnvToken = TrimJWT(o.EnvToken)
	return &Source{Options: o, unverified: map[string]secret.String{}, failed: map[string]error{}}
}

// Pair returns the pair of the subject, renewed first if its JWT is about to expire.
func (s *Source) Pair(ctx context.Context, subject string) (tokenstore.Record, error) {
	if s.HasEnvToken() {
		return s.envPair(subject)
	}
	pair, err := s.stored(ctx, subject, s.Store.Get)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return s.renew(ctx, subject, secret.String{})
	case err != nil:
		return tokenstore.Record{}, err
	case s.valid(pair):
		return pair, nil
	}
	return s.renew(ctx, subject, pair.Access)
}

// Refresh renews the pair of a subject whether or not it has expired. Where none is stored, the
// subject is signed in if that needs no person.
func (s *Source) Refresh(ctx context.Context, subject string) (tokenstore.Record, error) {
	if s.HasEnvToken() {
		return tokenstore.Record{}, errEnvNotRenewable()
	}
	pair, err := s.stored(ctx, subject, s.Store.Get)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return tokenstore.Record{}, err
	}
	return s.renew(ctx, subject, pair.Access)
}

// RefreshListed renews a stored pair that was found in a list. One that another process has renewed
// since then is returned as it is, so that processes with a list of their own each renew it once
// among them. One of a user whom the service refused before is not sent again: the reason is
// ReasonRefusedBefore.
func (s *Source) RefreshListed(ctx context.Context, e tokenstore.Entry) (tokenstore.Record, error) {
	pair, err := s.stored(ctx, e.Subject, s.Store.Get)
	switch {
	case err == nil && pair.IssuedAt.After(e.IssuedAt) && s.valid(pair):
		return pair, nil
	case err == nil && e.Subject != Admin && pair.Refresh.IsZero():
		return tokenstore.Record{}, failure.Newf(failure.Unauthorized,
			"the service refused the RefreshToken and the sign-in of %s before",
			named(e.Subject)).Because(ReasonRefusedBefore, e.Subject)
	case err != nil && !errors.Is(err, tokenstore.ErrNotFound):
		return tokenstore.Record{}, err
	}
	return s.renew(ctx, e.Subject, pair.Access)
}

// Keep stores a pair that the service has just issued for the subject. With a JWT from the
// environment it stores nothing.
func (s *Source) Keep(ctx context.Context, subject string, pair userservice.Pair) (tokenstore.Record, error) {
	return s.keep(ctx, subject, "", pair)
}

func (s *Source) keep(ctx context.Context, subject, email string, pair userservice.Pair) (tokenstore.Record, error) {
	if err := CheckPair(subject, pair); err != nil {
		return tokenstore.Record{}, err
	}
	item := s.Item(subject, pair)
	item.Record.Email = email
	if s.HasEnvToken() {
		return item.Record, nil
	}
	return item.Record, s.Store.Put(ctx, item)
}

// Item returns a pair that was issued now as it is stored; see CheckPair.
func (s *Source) Item(subject string, pair userservice.Pair) tokenstore.Item {
	return tokenstore.Item{Key: s.key(subject), Record: s.Record(pair)}
}

// Record returns what is stored for a pair that was issued now. The lifetime is the JWT's own (exp
// less iat) if it says, as the service's clock and this machine's may differ; the moment is this
// machine's. A JWT that has expired when it is issued says nothing: it is stored without an end,
// and used until the service refuses it.
func (s *Source) Record(pair userservice.Pair) tokenstore.Record {
	now := s.Now().UTC().Truncate(time.Second)
	claims, _ := ReadClaims(pair.Access)
	rec := tokenstore.Record{
		Access: pair.Access, Refresh: pair.Refresh, IssuedAt: now, Host: s.API.Host(), InstanceID: claims.InstanceID,
	}
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

// Remove removes what is stored for subjects, under the locks that a renewal takes: one that
// another process is at cannot bring them back. Nothing stored is not an error. With a JWT from the
// environment it does nothing.
func (s *Source) Remove(ctx context.Context, subjects ...string) error {
	if s.HasEnvToken() || len(subjects) == 0 {
		return nil
	}
	unlock, err := s.lock(ctx, subjects...)
	if err != nil {
		return err
	}
	defer unlock()
	keys := make([]tokenstore.Key, len(subjects))
	for i, subject := range subjects {
		keys[i] = s.key(subject)
	}
	return s.Store.Delete(ctx, keys...)
}

// maxSignIns is how many users one command may sign in; more would soon be slower than the
// service's limit allows.
const maxSignIns = 3

// CheckSignIns returns an error if calls as these users would need more sign-ins than is sensible.
// It sends nothing.
func (s *Source) CheckSignIns(ctx context.Context, users []string) error {
	if s.HasEnvToken() || len(users) <= maxSignIns {
		return nil
	}
	needed := 0
	for _, user := range users {
		pair, err := s.Store.Get(ctx, s.key(user))
		switch {
		case err != nil && !errors.Is(err, tokenstore.ErrNotFound):
			return err
		case err == nil && pair.Host == s.API.Host() && (s.valid(pair) || !pair.Refresh.IsZero()):
			continue
		}
		needed++
	}
	if needed <= maxSignIns {
		return nil
	}
	return failure.Newf(failure.Unauthorized,
		"nothing was sent: %d users would have to be signed in, and the service takes five sign-ins a minute "+
			"from one address", needed).
		Because(ReasonManySignIns, Admin)
}

func (s *Source) key(subject string) tokenstore.Key {
	return tokenstore.Key{Profile: s.Profile, Subject: subject}
}

// margin is how long before its end a JWT is renewed: a call that starts now must still find it
// valid.
const margin = time.Minute

// valid reports whether a pair can be used as it is: issued by this host, and not about to expire.
// One without an end is used until the service refuses it.
func (s *Source) valid(pair tokenstore.Record) bool {
	if pair.Access.IsZero() || pair.Host != s.API.Host() {
		return false
	}
	left := pair.ExpiresAt.Sub(s.Now())
	return pair.ExpiresAt.IsZero() || left > min(margin, pair.ExpiresAt.Sub(pair.IssuedAt)/4)
}
