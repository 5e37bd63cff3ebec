package auth_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// waiting is a source that signs the admin in after a wait for the guard, in which something is
// done. The clock moves by the wait.
func (w *world) waiting(during func(wait time.Duration)) *auth.Source {
	o := w.options()
	o.AdminEmail, o.AdminPassword = sandbox.AdminEmail, secret.New(sandbox.AdminPassword)
	o.Guard.MayWait = func(time.Duration) bool { return true }
	o.Guard.Wait = func(_ context.Context, d time.Duration) error {
		during(d)
		w.Move(d)
		return nil
	}
	return auth.New(o)
}

// fillTheMinute uses up what is left of a minute's sign-ins.
func (w *world) fillTheMinute(t *testing.T) {
	t.Helper()
	for w.options().Guard.Enter(t.Context(), host) == nil {
	}
}

func (w *world) wantNoLockHeld(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.dir, "locks", "*.lock"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no locks to look at: %v", err)
	}
	for _, path := range paths {
		l := flock.New(path)
		if free, err := l.TryLock(); err != nil || !free {
			t.Errorf("%s is held: %v", path, err)
		}
		mustDo(t, l.Unlock())
	}
}

// Who waits for a place in the guard's minute holds nobody up: another process that needs the same
// pair learns at once when a sign-in may be sent, and another pair is renewed. The pair that was
// refused before the wait is not sent again after it.
func TestAWaitForTheGuardHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	user := w.register(t)
	_, err := w.person().Keep(t.Context(), user.DeviceToken, *user.Pair)
	mustDo(t, err)
	w.Move(91 * 24 * time.Hour)
	_, err = w.person().LoginUser(t.Context(), user.DeviceToken)
	mustDo(t, err)
	w.fillTheMinute(t)
	w.seen.forget()
	waits := 0
	s := w.waiting(func(time.Duration) {
		waits++
		w.wantNoLockHeld(t)
		wantFailure(t, w.call(t.Context(), w.admin()), failure.RateLimited, "the next one may be sent at")
		_, err := w.person().Refresh(t.Context(), user.DeviceToken)
		mustDo(t, err)
		w.want(t, counts{Spent: 2, Refreshes: 1}) // both have found the admin's pair refused
	})
	mustDo(t, w.call(t.Context(), s))
	w.want(t, counts{Spent: 2, Refreshes: 1, SignIns: 1, Calls: 1})
	if waits != 1 {
		t.Errorf("%d waits", waits)
	}
}

// After the wait the pair is read again: one that another process has stored meanwhile is used,
// and no sign-in is sent for it.
func TestWhatIsRenewedDuringTheWaitIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustDo(t, w.call(t.Context(), w.admin()))
	w.Move(91 * 24 * time.Hour)
	w.fillTheMinute(t)
	w.seen.forget()
	s := w.waiting(func(wait time.Duration) {
		w.Move(wait)
		w.signIn(t)
	})
	mustDo(t, w.call(t.Context(), s))
	w.want(t, counts{Calls: 1})
}

// A sign-in by hand waits without the lock too.
func TestASignInByHandWaitsWithoutTheLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.fillTheMinute(t)
	waits := 0
	_, err := w.waiting(func(time.Duration) {
		waits++
		w.wantNoLockHeld(t)
		mustDo(t, w.call(t.Context(), w.person()))
	}).LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
	if waits != 1 {
		t.Errorf("%d waits", waits)
	}
}

// Another process's renewal is waited for as long as --timeout says, and the person who waits is
// told after a second.
func TestTheWaitForAnotherProcessEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.signIn(t)
		w.duringARefresh(t, func() {
			began := time.Now()
			var told atomic.Int64
			o := w.options()
			o.Timeout, o.OnLockWait = 5*time.Second, func() { told.Store(int64(time.Since(began))) }
			_, err := auth.New(o).Refresh(t.Context(), auth.Admin)
			wantFailure(t, err, failure.Unauthorized,
				fmt.Sprintf("waiting for another telematicsctl, which renews tokens: process %d has held ", os.Getpid()))
			if took := time.Since(began); took != 5*time.Second || told.Load() != int64(time.Second) {
				t.Errorf("it took %s, and was told after %s", took, time.Duration(told.Load()))
			}
			wantFailure(t, auth.New(o).Remove(t.Context(), auth.Admin), failure.Unauthorized, " for 5s")
		})
	})
}
