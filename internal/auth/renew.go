package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// renew gives a record that is newer than seen, which was found to be of no use. One goroutine of one process does the work; the
// others get what it got.
func (s *Source) renew(ctx context.Context, subject string, seen tokenstore.Record) (tokenstore.Record, error) {
	for {
		mine := false
		v, err, _ := s.flights.Do(subject, func() (any, error) {
			mine = true
			return s.renewOnce(ctx, subject, seen)
		})
		switch {
		case err == nil:
			return v.(tokenstore.Record), nil
		case !mine && failure.Is(err, failure.Interrupted) && ctx.Err() == nil:
			// Who did the work was interrupted, and we were not: now one of those who are left does it.
		default:
			return tokenstore.Record{}, notTheCall(err)
		}
	}
}

// notTheCall makes the error of a renewal one of the call that it was for: that was not sent, and changed nothing, whatever became of the renewal.
func notTheCall(err error) error {
	if !failure.MayHaveApplied(err) {
		return err
	}
	f := *failure.From(err)
	f.MayHaveApplied = false
	return &f
}

// renewOnce renews, with the help of a person where that is needed and somebody is there. What was refused for good is not tried again.
func (s *Source) renewOnce(ctx context.Context, subject string, seen tokenstore.Record) (tokenstore.Record, error) {
	s.mu.Lock()
	err := s.hopeless[subject]
	s.mu.Unlock()
	if err != nil {
		return tokenstore.Record{}, err
	}
	var rec tokenstore.Record
	var no refusal
	err = s.Guard.Patiently(ctx, func() (err error) {
		rec, err = s.renewLocked(ctx, subject, seen, &no)
		return err
	})
	if errors.Is(err, errSignedOut) && subject == Admin && s.AdminEmail != "" && s.AskPassword != nil {
		// The person is asked without the lock: others must not wait for somebody who is at lunch.
		var password secret.String
		if err = s.Guard.Check(s.API.Host()); err == nil {
			password, err = s.AskPassword(ctx, s.AdminEmail)
		}
		if err == nil {
			rec, err = s.signInAsked(ctx, seen, password)
		}
	}
	if refused(err) || errors.Is(err, errSignedOut) {
		s.mu.Lock()
		s.hopeless[subject] = err
		s.mu.Unlock()
	}
	return rec, err
}

// refusal is the service's no to a stored pair: what was refused is not sent again.
type refusal struct {
	access secret.String // the pair's
	err    error
}

// renewLocked does the work under the lock that all processes share, on the pair that is stored then. It may be done again after a wait: no is
// what it was refused before.
func (s *Source) renewLocked(ctx context.Context, subject string, seen tokenstore.Record, no *refusal) (tokenstore.Record, error) {
	unlock, err := s.lock(ctx, subject)
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
	case now.Access != seen.Access && s.good(now):
		return now, nil // another process has renewed it meanwhile
	case now.Host != s.API.Host() || now.Refresh.IsZero():
		return s.signIn(ctx, subject, nil) // a pair is never sent to another host than its own
	case no.err != nil && now.Access == no.access:
		return s.signIn(ctx, subject, no.err)
	}
	rec, err := s.refresh(ctx, subject, now)
	if !pairRefused(err) {
		return rec, err
	}
	// Who does not take the lock (an older version, a restored copy of the store) may have stored another pair meanwhile: look before deciding.
	again, readErr := s.Store.Fresh(ctx, s.key(subject))
	switch {
	case readErr != nil && !errors.Is(readErr, tokenstore.ErrNotFound):
		return tokenstore.Record{}, readErr
	case again.Access != now.Access && s.good(again):
		return again, nil
	}
	*no = refusal{now.Access, err}
	return s.signIn(ctx, subject, err)
}

// refresh spends the stored pair for a new one and stores that. The caller holds the lock.
func (s *Source) refresh(ctx context.Context, subject string, old tokenstore.Record) (tokenstore.Record, error) {
	// A pair that cannot be stored afterwards is lost with its refresh: the store is tried first.
	if err := s.Store.Check(ctx); err != nil {
		return tokenstore.Record{}, err
	}
	ctx, stop := lingering(ctx)
	defer stop()
	pair, err := s.spend(ctx, userservice.Pair{Access: old.Access, Refresh: old.Refresh})
	switch {
	case err == nil:
		return s.keepNew(ctx, subject, pair)
	case failure.MayHaveApplied(err):
		err = withHint(err, "run the command again: if the stored pair was spent, it signs in anew where that needs no person")
	case !pairRefused(err):
		err = NotTheService(err)
	}
	return tokenstore.Record{}, err
}

// RenewPair spends a pair that somebody else keeps for a new one, and stores nothing. Like a stored pair's renewal it has the grace after an
// interrupt, and failure.MayHaveApplied tells whether the pair may be spent although there is no new one.
func (s *Source) RenewPair(ctx context.Context, old userservice.Pair) (userservice.Pair, error) {
	ctx, stop := lingering(ctx)
	defer stop()
	return s.spend(ctx, old)
}

// spend asks the service for a new pair. Where the answer was lost, it is asked once more with the same one: it refuses that if it was spent, which
// is the only way to know.
func (s *Source) spend(ctx context.Context, old userservice.Pair) (userservice.Pair, error) {
	pair, err := s.API.Refresh(ctx, old)
	if failure.MayHaveApplied(err) && failure.Is(err, failure.Unavailable) && failure.From(err).RetryAfter == 0 {
		return s.API.Refresh(ctx, old)
	}
	return pair, err
}

// keepNew stores a pair that was just got, before anybody uses it, and notes that no call has proven it yet.
func (s *Source) keepNew(ctx context.Context, subject string, pair userservice.Pair) (tokenstore.Record, error) {
	rec, err := s.Keep(ctx, subject, pair)
	if err != nil {
		f := *failure.From(err)
		f.Message = "the service has issued new tokens for " + subject + ", which could not be stored and are lost: " + f.Message
		return tokenstore.Record{}, &f
	}
	s.mu.Lock()
	s.unproven[subject] = rec.Access
	delete(s.hopeless, subject)
	s.mu.Unlock()
	return rec, nil
}

// grace is how long, after an interrupt, the service may still answer a refresh or a sign-in: an answer that nobody waits for is a pair lost. The
// whole program has a second.
const grace = 600 * time.Millisecond

// lingering makes a context that outlives ctx by the grace. It ends at once where ctx has ended before.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithCancel(ctx)
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		release()
		cancel()
	}
}

// Forget removes pairs from the store, under the locks that a renewal takes: one that is under way in another process cannot bring
// them back. What is not there is no error.
func (s *Source) Forget(ctx context.Context, subjects ...string) error {
	keys := make([]tokenstore.Key, len(subjects))
	paths := make([]string, len(subjects))
	for i, subject := range subjects {
		keys[i], paths[i] = s.key(subject), s.lockPath(subject)
	}
	// Several locks are taken in one order everywhere, and who holds one alone never waits for a second: nobody waits in a circle.
	slices.Sort(paths)
	unlock, err := s.lockAll(ctx, slices.Compact(paths)...)
	if err != nil {
		return err
	}
	defer unlock()
	return s.Store.Delete(ctx, keys...)
}

// stripes is how many lock files the subjects share: enough that two seldom meet, and a million users do not leave a million files.
const stripes = 64

// silence is how long another process is waited for before the person who waits is told.
const silence = time.Second

// lock takes the lock between processes under which a subject is renewed.
func (s *Source) lock(ctx context.Context, subject string) (unlock func(), err error) {
	return s.lockAll(ctx, s.lockPath(subject))
}

// lockAll takes locks, in the order given, and waits for no longer than the time-out for all of them. Pairs in memory are no other process's, and
// need none.
func (s *Source) lockAll(ctx context.Context, paths ...string) (unlock func(), err error) {
	if s.Store.Kind() == tokenstore.KindMemory {
		return func() {}, nil
	}
	limit := cmp.Or(s.Timeout, userservice.DefaultTimeout)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if s.Waiting != nil {
		telling := time.AfterFunc(silence, s.Waiting)
		defer telling.Stop()
	}
	var held []func()
	unlock = func() {
		for _, let := range held {
			let()
		}
	}
	for _, path := range paths {
		let, err := lockFile(timed, path, limit)
		if err == nil {
			held = append(held, let)
			continue
		}
		unlock()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = failure.Newf(failure.Unavailable, "waiting for another telematicsctl, which renews tokens: it was not done within %s (--timeout)", limit).
				WithHint("run the command again; if it stays so, see what that one is waiting for: the lock is " + path)
		}
		return nil, err
	}
	return unlock, nil
}

func (s *Source) lockPath(subject string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Profile + "/" + subject))
	return filepath.Join(s.Dir, "locks", fmt.Sprintf("renew-%02d.lock", h.Sum32()%stripes))
}

// refused tells whether the service has answered a refresh or a sign-in with a plain no, which it will not take back.
func refused(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Status >= 400 && f.Status < 500 && f.Status != http.StatusTooManyRequests && f.Status != http.StatusRequestTimeout
}

// pairRefused tells whether the service has said no to the pair itself. Other 4xx are about the way to it: a wrong path, a proxy.
func pairRefused(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && slices.Contains([]int{400, 401, 403, 409, 410, 422}, f.Status)
}

// NotTheService says of a 404 that there is no such call where it was sent to: nothing was refused, and no user is missing.
func NotTheService(err error) error {
	f := *failure.From(err)
	if f.Status == http.StatusNotFound || f.Status == http.StatusMethodNotAllowed || f.Status == http.StatusProxyAuthRequired {
		f.Code = failure.Failed
		f.Hint = "that is not the user service: check the base URL (TELEMATICSCTL_USER_URL, user_url) and the proxy"
	}
	return &f
}
