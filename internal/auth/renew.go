package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// renew returns a pair with another JWT than used, which was found to be of no use. One goroutine
// of one process does the work; the others get its result.
func (s *Source) renew(ctx context.Context, subject string, used secret.String) (tokenstore.Record, error) {
	for {
		mine := false
		v, err, _ := s.flights.Do(subject, func() (any, error) {
			mine = true
			return s.renewShared(ctx, subject, used)
		})
		switch {
		case err == nil:
			return v.(tokenstore.Record), nil
		case !mine && failure.Is(err, failure.Interrupted) && ctx.Err() == nil:
			// Who did the work was interrupted, and this goroutine was not: one of those who are
			// left does it now.
		default:
			return tokenstore.Record{}, ofTheCall(err)
		}
	}
}

// ofTheCall returns the error of a renewal as one of the call that it was for: that was not sent,
// and changed nothing.
func ofTheCall(err error) error {
	if !failure.MayHaveApplied(err) {
		return err
	}
	f := failure.Copy(err)
	f.MayHaveApplied = false
	return f
}

// renewShared renews, with the help of a person where that is needed and somebody is there. What
// was refused for good is not tried again.
func (s *Source) renewShared(ctx context.Context, subject string, used secret.String) (tokenstore.Record, error) {
	s.mu.Lock()
	err := s.failed[subject]
	s.mu.Unlock()
	if err != nil {
		return tokenstore.Record{}, err
	}
	var pair tokenstore.Record
	var spent refusal
	err = s.Guard.WithWait(ctx, func() (err error) {
		pair, err = s.renewLocked(ctx, subject, used, &spent)
		return err
	})
	if errors.Is(err, errSignedOut) && subject == Admin && s.AdminEmail != "" && s.AskPassword != nil {
		pair, err = s.signInAsked(ctx, used)
	}
	if final(err) {
		s.mu.Lock()
		s.failed[subject] = err
		s.mu.Unlock()
	}
	return pair, err
}

// final reports whether a renewal failed for a reason that another try would not change.
func final(err error) bool {
	return refused(err) || errors.Is(err, errSignedOut) || badAnswer(err)
}

// refusal is the service's no to a stored pair: what was refused is not sent again.
type refusal struct {
	access secret.String // the pair's
	err    error
}

// renewLocked does the work under the lock that all processes share, on the pair that is stored
// then. It may be done again after a wait: spent is what was refused before.
func (s *Source) renewLocked(ctx context.Context, subject string, used secret.String,
	spent *refusal) (tokenstore.Record, error) {
	unlock, err := s.lock(ctx, subject)
	if err != nil {
		return tokenstore.Record{}, err
	}
	defer unlock()
	now, err := s.stored(ctx, subject, s.Store.Fresh)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return s.signIn(ctx, subject, nil)
	case err != nil:
		return tokenstore.Record{}, err
	case now.Access != used && s.valid(now):
		return now, nil // another process has renewed it meanwhile
	case now.Host != s.API.Host() || now.Refresh.IsZero():
		return s.signIn(ctx, subject, nil) // a pair is never sent to another host than its own
	case spent.err != nil && now.Access == spent.access:
		return s.signIn(ctx, subject, spent.err)
	}
	pair, err := s.refresh(ctx, subject, now)
	if !refused(err) {
		return pair, err
	}
	// Who does not take the lock (a restored copy of the store) may have stored another pair
	// meanwhile: look again.
	again, readErr := s.stored(ctx, subject, s.Store.Fresh)
	switch {
	case readErr != nil && !errors.Is(readErr, tokenstore.ErrNotFound):
		return tokenstore.Record{}, readErr
	case again.Access != now.Access && s.valid(again):
		return again, nil
	}
	*spent = refusal{now.Access, err}
	return s.signIn(ctx, subject, err)
}

// refresh exchanges the stored pair for a new one and stores that. The caller holds the lock.
func (s *Source) refresh(ctx context.Context, subject string, old tokenstore.Record) (tokenstore.Record, error) {
	spend, done, err := s.beforeSpending(ctx, subject, old, refreshGrace)
	if err != nil {
		return tokenstore.Record{}, err
	}
	defer done()
	pair, err := s.exchange(spend, userservice.Pair{Access: old.Access, Refresh: old.Refresh})
	switch {
	case err == nil:
		return s.keepNew(ctx, subject, old.Email, pair)
	case failure.MayHaveApplied(err) && failure.From(err).Reason == "":
		err = because(err, ReasonAnswerLost, subject)
	}
	return tokenstore.Record{}, err
}

// RenewPair exchanges a pair that somebody else keeps for a new one, and stores nothing. Like a
// stored pair's renewal it has the grace after an interrupt, and failure.MayHaveApplied reports
// whether the pair may be spent although no new one was received.
func (s *Source) RenewPair(ctx context.Context, old userservice.Pair) (userservice.Pair, error) {
	ctx, stop := wait.Grace(ctx, refreshGrace)
	defer stop()
	pair, err := s.exchange(ctx, old)
	if err != nil {
		return userservice.Pair{}, err
	}
	claims, ok := ReadClaims(old.Access)
	if !ok {
		claims, _ = ReadClaims(pair.Access) // the old JWT does not say whose it was
	}
	return pair, CheckPair(claims.Subject(), pair)
}

// exchange asks the service for a new pair. Where the answer was lost, it asks once more with the
// same one: the service refuses that if it was spent, which is the only way to know.
func (s *Source) exchange(ctx context.Context, old userservice.Pair) (userservice.Pair, error) {
	pair, err := s.API.Refresh(ctx, old)
	if failure.MayHaveApplied(err) && failure.Is(err, failure.Unavailable) && failure.From(err).RetryAfter == 0 {
		return s.API.Refresh(ctx, old)
	}
	return pair, err
}

// roomForPair is how many bytes are reserved for a new pair: a JWT runs to 1 to 2 kB (live).
const roomForPair = 16 << 10

// beforeSpending makes sure that the answer to a refresh or a sign-in will be stored: room for it
// is reserved, the process is kept from ending, and spend, the context for the request, outlives
// ctx by the grace.
func (s *Source) beforeSpending(
	ctx context.Context, subject string, old tokenstore.Record, grace time.Duration,
) (spend context.Context, done func(), err error) {
	release, err := s.Store.Reserve(ctx, s.key(subject),
		roomForPair+2*(len(old.Access.Reveal())+len(old.Refresh.Reveal())))
	if err != nil {
		return nil, nil, err
	}
	saved := func() {}
	if s.Saving != nil {
		saved = s.Saving()
	}
	spend, stop := wait.Grace(ctx, grace)
	return spend, func() {
		stop()
		release()
		saved()
	}, nil
}

// keepNew stores a pair that was just issued, before anybody uses it, whatever has become of the
// context. email is the admin's; a user has none.
func (s *Source) keepNew(ctx context.Context, subject, email string, pair userservice.Pair) (tokenstore.Record, error) {
	rec, err := s.keep(context.WithoutCancel(ctx), subject, email, pair)
	switch {
	case badAnswer(err):
		return tokenstore.Record{}, err
	case err != nil:
		f := failure.Copy(err)
		f.Message = "the service issued new tokens for " + named(subject) +
			", which could not be stored and are lost: " + f.Message
		return tokenstore.Record{}, f
	}
	s.mu.Lock()
	s.unverified[subject] = rec.Access
	delete(s.failed, subject)
	s.mu.Unlock()
	return rec, nil
}

// refreshGrace is how long, after an interrupt, the answer to a refresh is awaited: without it a
// pair is lost, and an admin may have no other. A second interrupt ends the process at once.
const refreshGrace = 5 * time.Second

// refused reports whether the service itself said no to a pair or to credentials: in its envelope,
// or by a bare 401 (live). Any other answer is about the way to it: a gateway, a wrong path, a
// proxy.
func refused(err error) bool {
	var f *failure.Error
	if !errors.As(err, &f) || failure.Is(err, failure.Unavailable) {
		return false
	}
	return f.Status == http.StatusUnauthorized ||
		f.Enveloped && slices.Contains([]int{400, 403, 404, 409, 410, 422}, f.Status)
}
