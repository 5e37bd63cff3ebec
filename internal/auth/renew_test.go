package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// held is a store whose first Put waits.
type held struct {
	tokenstore.Store
	reached, release chan struct{}
	once             sync.Once
}

func (h *held) Put(ctx context.Context, items ...tokenstore.Item) error {
	h.once.Do(func() {
		close(h.reached)
		<-h.release
	})
	return h.Store.Put(ctx, items...)
}

// duringARefresh does something while another process has the answer to its refresh and has not
// stored it, and lets that one end.
func (w *world) duringARefresh(t *testing.T, do func()) {
	t.Helper()
	slow := &held{Store: w.store, reached: make(chan struct{}), release: make(chan struct{})}
	o := w.options()
	o.Store = slow
	ended := make(chan error, 1)
	go func() { _, err := auth.New(o).Refresh(t.Context(), auth.Admin); ended <- err }()
	<-slow.reached
	do()
	close(slow.release)
	mustDo(t, <-ended)
}

// A sign-in makes the pair of a refresh in flight worthless, so that it has to wait for it:
// its own pair must be the last to be stored.
func TestASignInByHandWaitsForTheRefreshUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.duringARefresh(t, func() {
		impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := w.person().LoginAdmin(impatient, sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
		wantFailure(t, err, failure.Unavailable, "deadline")
	})
	w.want(t, counts{Refreshes: 1})
}

// What is forgotten while it is being renewed stays forgotten.
func TestForgettingWaitsForTheRefreshUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	w.duringARefresh(t, func() {
		impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantFailure(t, w.person().Remove(impatient, user, auth.Admin), failure.Unavailable, "deadline")
	})
	mustDo(t, w.person().Remove(t.Context(), user, auth.Admin))
	if _, err := mustStore(t, w.dir).Get(t.Context(), adminKey); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("what was forgotten is back: %v", err)
	}
}

// failing is a store of which one part fails.
type failing struct {
	tokenstore.Store
	reserve, put error
	fresh        []error // of the reads, in turn; the last for all further ones
}

func (f *failing) Reserve(ctx context.Context, key tokenstore.Key, size int) (func(), error) {
	if f.reserve != nil {
		return nil, f.reserve
	}
	return f.Store.Reserve(ctx, key, size)
}

func (f *failing) Put(ctx context.Context, items ...tokenstore.Item) error {
	if f.put != nil {
		return f.put
	}
	return f.Store.Put(ctx, items...)
}

func (f *failing) Fresh(ctx context.Context, key tokenstore.Key) (tokenstore.Record, error) {
	if len(f.fresh) > 0 {
		err := f.fresh[0]
		f.fresh = f.fresh[1:]
		if err != nil {
			return tokenstore.Record{}, err
		}
	}
	return f.Store.Fresh(ctx, key)
}

var errStore = failure.New(failure.Unauthorized, "the store is locked")

// A store that cannot be used is found out before a pair is spent, or a sign-in sent, for what
// could not be stored then.
func TestAStoreThatCannotBeUsedIsFoundOutFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	o := w.options()
	o.Store = &failing{Store: w.store, reserve: errStore}
	_, err := auth.New(o).Refresh(t.Context(), auth.Admin)
	wantFailure(t, err, failure.Unauthorized, "the store is locked")
	_, err = auth.New(o).LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	wantFailure(t, err, failure.Unauthorized, "the store is locked")
	w.want(t, counts{})
}

// A pair that could not be stored is not used: what was done is said.
func TestAPairThatCannotBeStoredIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.expire(t)
	o := w.options()
	o.Store = &failing{Store: w.store, put: errStore}
	wantFailure(t, w.call(t.Context(), auth.New(o)), failure.Unauthorized,
		"new tokens for the admin, which could not be stored and are lost: the store is locked")
	w.want(t, counts{Refreshes: 1, Calls: 1})
}

// Where the store cannot be read after a refused refresh, nobody knows what another process has
// stored: nothing is signed over it.
func TestARefusedRefreshIsNotDecidedBlindly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(91 * 24 * time.Hour)
	o := w.options()
	o.AdminEmail, o.AdminPassword = sandbox.AdminEmail, secret.New(sandbox.AdminPassword)
	o.Store = &failing{Store: w.store, fresh: []error{nil, errStore}}
	wantFailure(t, w.call(t.Context(), auth.New(o)), failure.Unauthorized, "the store is locked")
	w.want(t, counts{Spent: 1})
}

func TestAPairWithoutARefreshTokenIsSignedInAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.signIn(t)
	rec.Refresh = secret.String{}
	mustDo(t, w.store.Put(t.Context(), tokenstore.Item{Key: adminKey, Record: rec}))
	w.expire(t)
	mustDo(t, w.call(t.Context(), w.admin()))
	w.want(t, counts{SignIns: 1, Calls: 2})
}

// A service that asks to wait has not refused: nobody is signed in again, and the pair is good for
// later.
func TestARefreshThatMustWaitIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(25 * time.Hour)
	w.misbehave(t, `"POST /v1/Auth/RefreshToken: 429 retry-after 30s"`)
	s := w.admin()
	wantFailure(t, w.call(t.Context(), s), failure.RateLimited, "429")
	w.misbehave(t, "")
	w.seen.forget()
	mustDo(t, w.call(t.Context(), s))
	w.want(t, counts{Refreshes: 1, Calls: 1})
}

// A call for which no JWT could be had was not sent: whoever made it is not told that it may have
// been carried out.
func TestALostRenewalLeavesNoDoubtAboutTheCall(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]string{
		"refresh, 503":         `"POST /v1/Auth/RefreshToken: 503"`,
		"refresh, answer lost": `"POST /v1/Auth/RefreshToken: drop-after", "POST /v1/Auth/Login: drop-after"`,
		"sign-in, answer lost": `"POST /v1/Auth/RefreshToken: 401", "POST /v1/Auth/Login: drop-after"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(t)
			w.Move(25 * time.Hour)
			w.misbehave(t, faults)
			err := w.call(t.Context(), w.admin())
			if !failure.Is(err, failure.Unavailable) || failure.MayHaveApplied(err) {
				t.Errorf("got %#v", err)
			}
			if got := w.seen.counts(); got.Calls != 0 {
				t.Errorf("the service saw %+v", got)
			}
		})
	}
}

// A long run outlives many tokens: one that was renewed and has proven good is renewed again when
// its time has come.
func TestALongRunRenewsAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	s := w.person()
	for range 3 {
		w.expire(t)
		mustDo(t, w.call(t.Context(), s))
		w.expire(t)
		mustDo(t, w.call(t.Context(), s))
		w.Move(25 * time.Hour)
		mustDo(t, w.call(t.Context(), s))
	}
	w.want(t, counts{Refreshes: 9, Calls: 15})
}

// Signing in by hand makes a refusal that was remembered void.
func TestASignInByHandEndsARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.person()
	wantFailure(t, w.call(t.Context(), s), failure.Unauthorized, "not signed in")
	_, err := s.LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
	w.Move(25 * time.Hour)
	mustDo(t, w.call(t.Context(), s))
}

// Of two who wait for one renewal, one is interrupted, and it was its work that both waited for:
// the other one does it then.
func TestAnInterruptOfOneIsNotTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := w.options()
		o.Store, _ = tokenstore.Open(tokenstore.Options{Kind: tokenstore.KindMemory})
		asked := 0
		o.AdminEmail = sandbox.AdminEmail
		o.AskPassword = func(ctx context.Context, _ string) (secret.String, error) {
			if asked++; asked == 1 {
				<-ctx.Done()
				return secret.String{}, ctx.Err()
			}
			return secret.New(sandbox.AdminPassword), nil
		}
		s := auth.New(o)
		ctx, interrupt := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- w.call(ctx, s) }()
		synctest.Wait()
		go func() { second <- w.call(t.Context(), s) }()
		synctest.Wait()
		interrupt()
		if err := <-first; !failure.Is(err, failure.Interrupted) {
			t.Errorf("the first: %v", err)
		}
		mustDo(t, <-second)
	})
}
