package auth_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// guarded is a guard whose waits move its clock, and which notes them.
type guarded struct {
	*clock
	*auth.Guard
	waits []time.Duration
}

// patiently enters, after a wait where that is needed and allowed.
func (g *guarded) patiently(t *testing.T) error {
	t.Helper()
	return g.WithWait(t.Context(), func() error { return g.Enter(t.Context(), host) })
}

func (g *guarded) Now() time.Time { return g.clock.Now() }

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{clock: newClock()}
	g.Guard = &auth.Guard{Dir: t.TempDir(), Now: g.Now}
	g.Wait = func(_ context.Context, d time.Duration) error {
		g.waits = append(g.waits, d)
		g.Move(d)
		return nil
	}
	return g
}

// another is the guard of another process on this machine.
func (g *guarded) another() *auth.Guard { return &auth.Guard{Dir: g.Dir, Now: g.Now} }

func (g *guarded) enter(t *testing.T, times int) {
	t.Helper()
	for range times {
		mustDo(t, g.another().Enter(t.Context(), host))
	}
}

func TestTheSixthSignInOfAMinuteIsNotSent(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 5)
	err := g.Enter(t.Context(), host)
	wantFailure(t, err, failure.RateLimited, "the next one may be sent at "+g.Now().Add(62*time.Second).
		Format("15:04:05")+" (in 1m2s)")
	mustDo(t, g.Enter(t.Context(), "https://another.example.com")) // the limit is each host's own
	g.Move(61 * time.Second)
	wantFailure(t, g.Enter(t.Context(), host), failure.RateLimited, "(in 1s)")
	g.Move(time.Second)
	g.enter(t, 5)
}

func TestAWaitThatIsAllowedIsWaited(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 3)
	g.Move(40 * time.Second)
	g.enter(t, 2)
	told := time.Duration(0)
	g.Notify = func(d time.Duration) { told = d }
	g.MayWait = func(d time.Duration) bool { return d < 30*time.Second }
	mustDo(t, g.patiently(t))
	if len(g.waits) != 1 || g.waits[0] != 22*time.Second || told != g.waits[0] {
		t.Errorf("waited %v, told %v", g.waits, told)
	}
}

func TestAWaitThatIsNotAllowedIsRefused(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 5)
	g.MayWait = func(d time.Duration) bool { return d < 30*time.Second }
	wantFailure(t, g.patiently(t), failure.RateLimited, "sign-in-limit "+host)
	if g.waits != nil {
		t.Errorf("waited %v", g.waits)
	}
}

// Others may take the place that was waited for, again and again: the waits are counted together,
// so that they end.
func TestWaitsThatOthersMakeUselessComeToAnEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit time.Duration
		waits int
	}{"time": {5 * time.Minute, 4}, "rounds": {1000 * time.Hour, 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t)
			g.enter(t, 5)
			g.MayWait = func(d time.Duration) bool { return d < c.limit }
			wait := g.Wait
			g.Wait = func(ctx context.Context, d time.Duration) error {
				defer g.enter(t, 5)
				return wait(ctx, d)
			}
			wantFailure(t, g.patiently(t), failure.RateLimited, "five sign-ins")
			if len(g.waits) != c.waits {
				t.Errorf("waited %v, want %d waits", g.waits, c.waits)
			}
		})
	}
}

func TestACancelledWaitSendsNothing(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 5)
	g.MayWait = func(time.Duration) bool { return true }
	g.Wait = func(context.Context, time.Duration) error { return context.Canceled }
	if err := g.patiently(t); !failure.Is(err, failure.Interrupted) {
		t.Errorf("got %v", err)
	}
}

func TestTheServicesBlockIsRememberedForItsHour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ retryAfter, lasts time.Duration }{
		"without Retry-After":          {0, time.Hour},
		"with Retry-After":             {20 * time.Minute, 20 * time.Minute},
		"Retry-After of two hours":     {2 * time.Hour, 2 * time.Hour},
		"Retry-After of half a second": {500 * time.Millisecond, 500 * time.Millisecond},
		"Retry-After of a week":        {7 * 24 * time.Hour, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			mustDo(t, g.Blocked(t.Context(), host, c.retryAfter))
			until := g.Now().Add(c.lasts)
			g.MayWait = func(time.Duration) bool { return true } // it is never waited for
			if at, err := g.another().BlockedUntil(host); err != nil || !at.Equal(until) {
				t.Errorf("blocked until %v, %v", at, err)
			}
			g.Move(c.lasts - time.Millisecond)
			wantFailure(t, g.patiently(t), failure.RateLimited,
				"blocks this machine's address for too many sign-ins, until "+until.Format("15:04:05"))
			mustDo(t, g.Enter(t.Context(), "https://another.example.com"))
			g.Move(time.Millisecond)
			if at, err := g.BlockedUntil(host); err != nil || !at.IsZero() {
				t.Errorf("blocked until %v, %v", at, err)
			}
			mustDo(t, g.Enter(t.Context(), host))
		})
	}
}

// A 429 in answer to a sign-in is written down, and the next one is not sent, by any process.
func TestA429StopsTheNextSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.misbehave(t, `"POST /v1/Auth/Login: 429 empty"`)
	for range 3 {
		_, err := w.person().LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
		wantFailure(t, err, failure.RateLimited, "block")
	}
	w.want(t, counts{SignIns: 1})
}

// A sign-in that was sent in spite of the block, and that the service took, shows that there is
// none any more.
func TestASignInThatTheServiceTakesEndsTheBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.misbehave(t, `"POST /v1/Auth/Login: 429 retry-after 90s"`)
	_, err := w.person().LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	wantFailure(t, err, failure.RateLimited, "no sign-in is sent until "+w.Now().Add(90*time.Second).
		Format("15:04:05")+" (in 1m30s)")
	w.misbehave(t, "")
	o := w.options()
	o.Guard.Ignore = true
	_, err = auth.New(o).LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
	if at, err := w.options().Guard.BlockedUntil(host); err != nil || !at.IsZero() {
		t.Errorf("blocked until %v, %v", at, err)
	}
	_, err = w.person().LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	mustDo(t, err)
}

// Who knows better may ignore what is written down, but not what the service has just said to this
// very process.
func TestIgnoringTheGuard(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 5)
	mustDo(t, g.another().Blocked(t.Context(), host, 0))
	g.Ignore = true
	mustDo(t, g.Enter(t.Context(), host))
	mustDo(t, g.Enter(t.Context(), host))
	mustDo(t, g.Blocked(t.Context(), host, 0))
	wantFailure(t, g.Enter(t.Context(), host), failure.RateLimited, "sign-in-blocked "+host)
}

// A clock that is set back a little loses no sign-in; what lies far from now says nothing, and
// locks nobody out.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 5)
	g.Move(-10 * time.Second)
	wantFailure(t, g.Enter(t.Context(), host), failure.RateLimited, "(in 1m12s)")
	another := newGuarded(t)
	another.enter(t, 3)
	another.Move(-10 * time.Second)
	another.enter(t, 2)
	wantFailure(t, another.Enter(t.Context(), host), failure.RateLimited, "(in 1m2s)")
	g.Move(-24 * time.Hour)
	g.enter(t, 1)
}

// A clock that is set back makes the service's block no longer than it was, in this process and in
// others.
func TestABlockAndAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	mustDo(t, g.Blocked(t.Context(), host, 2*time.Hour))
	g.Move(-30 * 24 * time.Hour)
	for name, guard := range map[string]*auth.Guard{"this process": g.Guard, "another": g.another()} {
		if at, err := guard.BlockedUntil(host); err != nil || !at.Equal(g.Now().Add(2*time.Hour)) {
			t.Errorf("%s: blocked until %v, %v", name, at, err)
		}
	}
	wantFailure(t, g.another().Enter(t.Context(), host), failure.RateLimited, "sign-in-blocked") // it counts from now on
	g.Move(2*time.Hour - time.Second)
	wantFailure(t, g.another().Enter(t.Context(), host), failure.RateLimited, "(in 1s)")
	g.Move(time.Second)
	g.enter(t, 1)
}

// Whatever happens to the file, it is never acted upon: its copy says the same. Where both are
// damaged, they may have held a block of the service.
func TestADamagedGuard(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"half of it":         func(b []byte) []byte { return b[:len(b)/2] },
		"a flipped bit":      func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"a flipped checksum": func(b []byte) []byte { b[40] ^= 1; return b },
		"no first line":      func(b []byte) []byte { _, rest, _ := bytes.Cut(b, []byte("\n")); return rest },
		"a missing member":   func([]byte) []byte { return atomicfile.Frame("sign-in-guard", 1, []byte(`{}`)) },
		"null":               func([]byte) []byte { return atomicfile.Frame("sign-in-guard", 1, []byte(`null`)) },
		"an older version":   func([]byte) []byte { return atomicfile.Frame("sign-in-guard", 0, []byte(`{"Hosts":{}}`)) },
		"another file":       func([]byte) []byte { return atomicfile.Frame("index", 1, []byte(`{"Hosts":{}}`)) },
		"not ours":           func([]byte) []byte { return []byte(`{"https://h": {}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t)
			mustDo(t, g.Blocked(t.Context(), host, 20*time.Hour))
			path := filepath.Join(g.Dir, "sign-ins")
			data, err := os.ReadFile(path)
			mustDo(t, err)
			mustDo(t, os.WriteFile(path, damage(slices.Clone(data)), 0o600))
			if at, err := g.another().BlockedUntil(host); err != nil || !at.Equal(g.Now().Add(20*time.Hour)) {
				t.Errorf("by the copy blocked until %v, %v", at, err)
			}
			mustDo(t, g.another().Enter(t.Context(), "https://another.example.com")) // which repairs both

			mustDo(t, os.WriteFile(path, damage(slices.Clone(data)), 0o600))
			mustDo(t, os.WriteFile(path+".copy", damage(slices.Clone(data)), 0o600))
			wantFailure(t, g.another().Enter(t.Context(), host), failure.RateLimited, "(in 1h0m0s)")
			wantFailure(t, g.another().Enter(t.Context(), "https://another.example.com"), failure.RateLimited,
				"sign-in-guard-damaged")
			g.Move(time.Hour)
			mustDo(t, g.another().Enter(t.Context(), host))
		})
	}
}

// One of a newer version is neither acted upon nor replaced.
func TestAGuardOfANewerVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	path := filepath.Join(g.Dir, "sign-ins")
	newer := atomicfile.Frame("sign-in-guard", 2, []byte(`{"Hosts":{}}`))
	mustDo(t, os.WriteFile(path, newer, 0o600))
	wantFailure(t, g.Enter(t.Context(), host), failure.Unauthorized, "sign-in-guard-newer "+path)
	wantFailure(t, g.Blocked(t.Context(), host, 0), failure.Unauthorized, "sign-in-guard-newer")
	_, err := g.another().BlockedUntil(host)
	wantFailure(t, err, failure.Unauthorized, "sign-in-guard-newer")
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, newer) {
		t.Errorf("it was changed: %s, %v", data, err)
	}
}

// The format of the file: a change of it is a new version.
func TestTheGuardsFormat(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.enter(t, 1)
	mustDo(t, g.Blocked(t.Context(), host, 90*time.Second))
	data, err := os.ReadFile(filepath.Join(g.Dir, "sign-ins"))
	mustDo(t, err)
	content, err := atomicfile.Unframe("sign-in-guard", 1, data)
	mustDo(t, err)
	const want = `{"Hosts":{"` + host +
		`":{"SignIns":["2026-11-22T12:00:00Z"],"Block":{"At":"2026-11-22T12:00:00Z","Lasts":90000000000}}}}`
	if string(content) != want {
		t.Errorf("got  %s\nwant %s", content, want)
	}
}

// A guard that cannot be read or written stops the sign-in: one that is not recorded could be the
// sixth.
func TestAGuardThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	mustDo(t, os.Mkdir(filepath.Join(g.Dir, "sign-ins"), 0o700))
	wantFailure(t, g.Enter(t.Context(), host), failure.Unauthorized, "the sign-in guard cannot be read")
	mustDo(t, os.Remove(filepath.Join(g.Dir, "sign-ins")))
	mustDo(t, os.Remove(g.Dir+"/sign-ins.lock"))
	mustDo(t, os.Mkdir(g.Dir+"/sign-ins.lock", 0o700))
	wantFailure(t, g.Enter(t.Context(), host), failure.Unauthorized, "the sign-in guard cannot be locked")
}
