package auth_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

func TestAGoodTokenIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	for range 3 {
		mustDo(t, w.call(t.Context(), w.person()))
	}
	w.want(t, counts{Calls: 3})
}

func TestATokenThatIsAboutToExpireIsRefreshedFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left time.Duration
		want counts
	}{
		{61 * time.Second, counts{Calls: 1}},
		{59 * time.Second, counts{Refreshes: 1, Calls: 1}},
		{-time.Hour, counts{Refreshes: 1, Calls: 1}},
	} {
		w := newWorld(t)
		rec := w.signIn(t)
		w.Move(rec.ExpiresAt.Sub(w.Now()) - c.left)
		mustDo(t, w.call(t.Context(), w.person()))
		w.want(t, c.want)
	}
}

// A machine whose clock is off, by minutes or a day, uses a token as long as it lives, and no
// longer.
func TestAClockThatIsOffChangesNothing(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-26 * time.Hour, -10 * time.Minute, 10 * time.Minute, 26 * time.Hour} {
		w := newWorld(t)
		o := w.options()
		o.Now = func() time.Time { return w.Now().Add(off) }
		o.Guard = &auth.Guard{Dir: w.dir, Now: o.Now}
		_, err := auth.New(o).LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
		mustDo(t, err)
		w.seen.forget()
		mustDo(t, w.call(t.Context(), auth.New(o)))
		w.want(t, counts{Calls: 1})
		w.Move(25 * time.Hour)
		mustDo(t, w.call(t.Context(), auth.New(o)))
		w.want(t, counts{Calls: 2, Refreshes: 1})
	}
}

// A clock that was set right after the tokens were stored is found out by the service's 401.
func TestAClockThatWasSetMeanwhileCostsARefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options()
	o.Now = func() time.Time { return w.Now().Add(48 * time.Hour) }
	o.Guard = &auth.Guard{Dir: w.dir, Now: o.Now}
	_, err := auth.New(o).LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
	w.seen.forget()
	w.Move(25 * time.Hour)
	mustDo(t, w.call(t.Context(), w.person()))
	w.want(t, counts{Calls: 2, Refreshes: 1})
}

func TestA401IsRefreshedOnceAndTheCallRepeatedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.signIn(t)
	w.expire(t)
	mustDo(t, w.call(t.Context(), w.admin()))
	w.want(t, counts{Refreshes: 1, Calls: 2})
	now, err := mustStore(t, w.dir).Get(t.Context(), adminKey)
	if err != nil || now.Access == old.Access || now.Refresh == old.Refresh {
		t.Errorf("the new pair is not stored: %v", err)
	}
}

func TestARefusedRefreshSignsInAnewWhereNoPersonIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(91 * 24 * time.Hour)
	mustDo(t, w.call(t.Context(), w.admin()))
	w.want(t, counts{Spent: 1, SignIns: 1, Calls: 1})
}

func TestAUserSignsInByTheInstanceKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.register(t)
	s := w.person()
	do := func() error {
		in, _ := theInstance(t.Context())
		return w.api.WithAuthorizer(s).VerifyToken(t.Context(), userservice.AsUser(made.DeviceToken, in))
	}
	mustDo(t, do())
	w.want(t, counts{SignIns: 1, Calls: 1})
	w.Move(91 * 24 * time.Hour)
	mustDo(t, do())
	w.want(t, counts{SignIns: 2, Spent: 1, Calls: 2})
}

func TestWithoutAWayToSignInTheErrorNamesTheCommandThatMendsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options()
	wantFailure(t, w.call(t.Context(), auth.New(o)), failure.Unauthorized,
		"not signed in as the admin in profile test\nsigned-out admin")
	w.signIn(t)
	w.Move(91 * 24 * time.Hour)
	o.AdminEmail = sandbox.AdminEmail
	err := w.call(t.Context(), auth.New(o))
	wantFailure(t, err, failure.Unauthorized, "the service refused the stored RefreshToken")
	wantFailure(t, err, failure.Unauthorized, "signed-out admin")

	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	o.Instance = nil
	_, err = auth.New(o).Pair(t.Context(), user)
	wantFailure(t, err, failure.Unauthorized, "signed-out "+user)
	o.Instance = func(context.Context) (userservice.Instance, error) {
		return userservice.Instance{}, failure.New(failure.Invalid, "no InstanceKey is set").Because("no-key", "test")
	}
	_, err = auth.New(o).Pair(t.Context(), user)
	wantFailure(t, err, failure.Unauthorized, "no InstanceKey is set\nno-key test")
}

func TestThePasswordIsTheEnvironmentsElseTheStoredOneElseAskedFor(t *testing.T) {
	t.Parallel()
	right, wrong := secret.New(sandbox.AdminPassword), secret.New("not the password")
	for name, c := range map[string]struct {
		change func(*auth.Options)
		saved  [2]string // email address and password
		asked  int
		code   failure.Code
	}{
		"environment": {change: func(o *auth.Options) { o.AdminPassword = right }},
		"environment over stored": {change: func(o *auth.Options) {
			o.AdminPassword = wrong
		}, saved: [2]string{sandbox.AdminEmail, sandbox.AdminPassword}, code: failure.Unauthorized},
		"stored": {saved: [2]string{sandbox.AdminEmail, sandbox.AdminPassword}},
		"stored, with its own address": {change: func(o *auth.Options) {
			o.AdminEmail = ""
		}, saved: [2]string{sandbox.AdminEmail, sandbox.AdminPassword}},
		"stored for another address":     {saved: [2]string{"other@example.com", sandbox.AdminPassword}, asked: 1},
		"asked for":                      {asked: 1},
		"nobody to ask":                  {change: func(o *auth.Options) { o.AskPassword = nil }, code: failure.Unauthorized},
		"nobody knows the email address": {change: func(o *auth.Options) { o.AdminEmail = "" }, code: failure.Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			asked := 0
			o := w.options()
			o.AdminEmail = sandbox.AdminEmail
			o.AskPassword = func(_ context.Context, email string) (secret.String, error) {
				asked++
				if email != sandbox.AdminEmail {
					t.Errorf("asked for the password of %q", email)
				}
				return right, nil
			}
			if c.change != nil {
				c.change(&o)
			}
			s := auth.New(o)
			if c.saved[0] != "" {
				mustDo(t, s.SavePassword(t.Context(), c.saved[0], secret.New(c.saved[1])))
			}
			if err := w.call(t.Context(), s); failure.CodeOf(err) != c.code {
				t.Errorf("got %v, want code %q", err, c.code)
			}
			if asked != c.asked {
				t.Errorf("asked %d times, want %d", asked, c.asked)
			}
		})
	}
}

// A stored password is for the host that took it, and is never sent to another.
func TestAStoredPasswordGoesToItsOwnHostAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustDo(t, w.person().SavePassword(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword)))
	o := w.options()
	o.API = newAPI(t, "https://other.example.com", w.wire(t, sandbox.Transport(w.seen.counting(w.box))))
	if has, err := auth.New(o).HasAdmin(t.Context()); has || err != nil {
		t.Errorf("has %v, %v", has, err)
	}
	wantFailure(t, w.call(t.Context(), auth.New(o)), failure.Unauthorized, "not signed in")
	w.want(t, counts{})
}

// The same of a pair.
func TestAPairGoesToItsOwnHostAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	o := w.options()
	o.API = newAPI(t, "https://other.example.com", w.wire(t, sandbox.Transport(w.seen.counting(w.box))))
	wantFailure(t, w.call(t.Context(), auth.New(o)), failure.Unauthorized, "not signed in")
	w.want(t, counts{})
}

// While a person is at the prompt, others are not held up; what they renew meanwhile is used.
func TestThePersonIsAskedWithoutTheLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options()
	o.AdminEmail = sandbox.AdminEmail
	o.AskPassword = func(ctx context.Context, _ string) (secret.String, error) {
		return secret.New("mistyped"), w.call(ctx, w.admin())
	}
	mustDo(t, w.call(t.Context(), auth.New(o)))
	w.want(t, counts{SignIns: 1, Calls: 2})
}

// A pair that another process has renewed while ours was being refused is neither removed nor
// signed over.
func TestARefusedRefreshLooksAgainBeforeItDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	stale, err := w.store.Get(t.Context(), adminKey)
	mustDo(t, err)
	_, err = w.person().Refresh(t.Context(), auth.Admin)
	mustDo(t, err)
	w.seen.forget()
	o := w.options()
	o.Store = &behind{Store: w.store, stale: stale, reads: 2}
	w.Move(25 * time.Hour)
	_, err = auth.New(w.options()).Refresh(t.Context(), auth.Admin)
	mustDo(t, err)
	mustDo(t, w.call(t.Context(), auth.New(o)))
	w.want(t, counts{Refreshes: 1, Spent: 1, Calls: 1})
}

// behind is a store whose first reads are out of date.
type behind struct {
	tokenstore.Store
	stale tokenstore.Record
	reads int
}

func (b *behind) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Record, error) {
	return b.Fresh(ctx, key)
}

func (b *behind) Fresh(ctx context.Context, key tokenstore.Key) (tokenstore.Record, error) {
	if b.reads--; b.reads >= 0 {
		return b.stale, nil
	}
	return b.Store.Fresh(ctx, key)
}

func TestGoroutinesShareOneRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(25 * time.Hour)
	s := w.person()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if err := w.call(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.want(t, counts{Refreshes: 1, Calls: 64})
}

func TestGoroutinesThatAreAllAnswered401ShareOneRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.expire(t)
	s := w.person()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if err := w.call(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := w.seen.counts(); got.Refreshes != 1 || got.Spent != 0 || got.SignIns != 0 {
		t.Errorf("the service saw %+v", got)
	}
}

// Processes side by side that each found the same pairs in a list renew each of them once among
// them, even where a pair that was renewed is one that they were asked for, too.
func TestAPairThatWasRenewedSinceItWasListedIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(time.Hour)
	listed, err := mustStore(t, w.dir).List(t.Context(), adminKey.Profile)
	mustDo(t, err)
	first, err := w.person().RefreshListed(t.Context(), listed[0])
	mustDo(t, err)
	second, err := w.person().RefreshListed(t.Context(), listed[0])
	mustDo(t, err)
	if first.Access != second.Access {
		t.Error("another pair was got")
	}
	w.want(t, counts{Refreshes: 1})
	w.Move(time.Hour)
	listed, err = mustStore(t, w.dir).List(t.Context(), adminKey.Profile)
	mustDo(t, err)
	_, err = w.person().RefreshListed(t.Context(), listed[0])
	mustDo(t, err)
	w.want(t, counts{Refreshes: 2})
}

// With Ctrl-C in the middle of a refresh, the answer that is on its way is still stored.
func TestAnInterruptDoesNotLoseAPair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(25 * time.Hour)
	ctx, interrupt := context.WithCancel(t.Context())
	o := w.options()
	o.API = newAPI(t, host, w.through(t, interrupt, func() {}))
	_, err := auth.New(o).Refresh(ctx, auth.Admin)
	mustDo(t, err)
	mustDo(t, w.call(t.Context(), w.person()))
	w.want(t, counts{Refreshes: 1, Calls: 1})
}

// An answer that was lost on the way is asked for once more; where the pair was spent by it, the
// admin is signed in again.
func TestARefreshWhoseAnswerWasLostIsMended(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault string
		want  counts
	}{
		"spent":     {`"POST /v1/Auth/RefreshToken: 503 after"`, counts{SignIns: 1, Spent: 1}},
		"not spent": {`"POST /v1/Auth/RefreshToken: 503"`, counts{Refreshes: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.signIn(t)
			w.Move(25 * time.Hour)
			w.misbehave(t, c.fault)
			o := w.options()
			o.AdminEmail, o.AdminPassword = sandbox.AdminEmail, secret.New(sandbox.AdminPassword)
			var once sync.Once
			o.API = newAPI(t, host, w.through(t, func() {}, func() {
				once.Do(func() {
					w.misbehave(t, "")
					w.seen.forget()
				})
			}))
			_, err := auth.New(o).Pair(t.Context(), auth.Admin)
			mustDo(t, err)
			w.want(t, c.want)
		})
	}
}

// through is the way to the service, with something done before each request and something after.
func (w *world) through(t testing.TB, before, after func()) http.RoundTripper {
	next := w.wire(t, sandbox.Transport(w.seen.counting(w.box)))
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		before()
		resp, err := next.RoundTrip(r)
		after()
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
