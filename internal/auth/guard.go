package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The service's limit (live): five sign-ins a minute from one address; one more blocks it for an hour.
const (
	signInsAMinute = 5
	signInWindow   = time.Minute + 2*time.Second // with room for two clocks that differ
	blockLasts     = time.Hour
)

// Guard keeps this machine's sign-ins within the service's limit, across processes: when each was sent, per host, stands in a file.
type Guard struct {
	Dir    string           // where the file and its lock are
	Now    func() time.Time // the clock
	Ignore bool             // --ignore-guard: record, and refuse only what the service has just blocked
	// MayWait tells whether a wait of this length, all waits of one sign-in together, is worth it (it is under --timeout, and a person or a bulk run
	// is there); nil never waits.
	MayWait func(time.Duration) bool
	Wait    func(context.Context, time.Duration) error // waits, or ends with the context
	Notify  func(wait time.Duration)                   // told before a wait; may be nil

	blocked atomic.Bool // the service has answered this very process with its block: Ignore counts no more
}

// record is what is kept for one host.
type record struct {
	SignIns      []time.Time `json:",omitempty"` // within the last minute
	BlockedUntil time.Time   `json:",omitzero"`
}

// mostWaits is how often one sign-in waits for its place.
const mostWaits = 10

// errFull is in the error of a sign-in that has no place within this minute, and would have one later.
var errFull = errors.New("five sign-ins within a minute")

// Enter is called before each sign-in: it records it, or says when to try again, which is failure.RateLimited. It never waits: Patiently does.
func (g *Guard) Enter(ctx context.Context, host string) error {
	wait, blocked, err := g.reserve(ctx, host)
	if err != nil || wait == 0 {
		return err
	}
	return g.refuse(host, wait, blocked)
}

// Patiently does work that may call Enter. Where that has no place for a sign-in, the work is done anew after the wait for one, if such a wait is allowed.
// The work must have let go of its locks when it ends: nobody else may have to wait along.
func (g *Guard) Patiently(ctx context.Context, work func() error) error {
	waited := time.Duration(0)
	for round := 1; ; round++ {
		err := work()
		if !errors.Is(err, errFull) {
			return err
		}
		wait := failure.From(err).RetryAfter
		// Other processes may take the place that was waited for: the waits are counted together, so that they come to an end.
		waited += wait
		if round > mostWaits || g.MayWait == nil || !g.MayWait(waited) {
			return err
		}
		if g.Notify != nil {
			g.Notify(wait)
		}
		if err := g.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// blockedFor is how long no sign-in is sent after a 429 to one: as long as the service says, but no less than the minute that its limit
// counts, as a second that a gateway on the way asks for would lead into the real block; an hour where nothing is said.
func blockedFor(retryAfter time.Duration) time.Duration {
	if retryAfter <= 0 {
		return blockLasts
	}
	return max(retryAfter, signInWindow)
}

// Blocked records that the service answered a sign-in with 429: for as long as blockedFor says, none is sent.
func (g *Guard) Blocked(ctx context.Context, host string, retryAfter time.Duration) error {
	g.blocked.Store(true)
	return g.change(ctx, host, func(r *record) {
		r.BlockedUntil = g.Now().Add(blockedFor(retryAfter) + time.Second - 1).UTC().Truncate(time.Second)
	})
}

// Passed records that the service took a sign-in that was sent in spite of the guard: there is no block any more.
func (g *Guard) Passed(ctx context.Context, host string) error {
	if !g.Ignore {
		return nil
	}
	return g.change(ctx, host, func(r *record) { r.BlockedUntil = time.Time{} })
}

// Check is the error of a sign-in that the service's block stands against, so that nobody types a password for it; it records nothing.
func (g *Guard) Check(host string) error {
	until, err := g.BlockedUntil(host)
	if err != nil || until.IsZero() || g.Ignore {
		return err
	}
	return g.refuse(host, until.Sub(g.Now()), true)
}

// BlockedUntil is when the service's own block of this machine ends; zero where there is none.
func (g *Guard) BlockedUntil(host string) (time.Time, error) {
	all, err := g.load()
	r := all[host]
	if _, blocked := r.wait(g.Now()); err != nil || !blocked {
		return time.Time{}, err
	}
	return r.BlockedUntil, nil
}

// reserve records a sign-in now, or says how long to wait before one may be recorded.
func (g *Guard) reserve(ctx context.Context, host string) (wait time.Duration, blocked bool, err error) {
	err = g.change(ctx, host, func(r *record) {
		now := g.Now()
		wait, blocked = r.wait(now)
		if g.Ignore && !g.blocked.Load() {
			wait = 0
		}
		if wait == 0 {
			r.SignIns = append(r.SignIns, now.UTC())
		}
	})
	return wait, blocked, err
}

// wait drops what is past, and tells how long the next sign-in must wait.
func (r *record) wait(now time.Time) (wait time.Duration, blocked bool) {
	recent := r.SignIns[:0]
	for _, at := range r.SignIns {
		// A moment a little in the future is a clock that was set back a little; one far from now says nothing.
		if now.Sub(at).Abs() < signInWindow {
			recent = append(recent, at)
		}
	}
	slices.SortFunc(recent, time.Time.Compare)
	r.SignIns = recent
	if left := r.BlockedUntil.Sub(now); left > 0 && left <= longestBlock {
		return left, true
	}
	r.BlockedUntil = time.Time{}
	if len(recent) < signInsAMinute {
		return 0, false
	}
	return recent[len(recent)-signInsAMinute].Add(signInWindow).Sub(now), false
}

// longestBlock bounds what a clock that was wrong, or a strange Retry-After, can lock out.
const longestBlock = 2 * time.Hour

func (g *Guard) refuse(host string, wait time.Duration, blocked bool) error {
	at := g.at(wait)
	e := &failure.Error{Code: failure.RateLimited, RetryAfter: wait}
	if blocked {
		e.Message = "sign in: " + host + " has blocked this machine's address for too many sign-ins, until " + at
		e.Hint = "wait until then, or use tokens that are stored already; --ignore-guard of `auth login`, `token refresh` and `token print` tries all the same"
		return e
	}
	e.Cause = errFull
	e.Message = "sign in: five sign-ins were sent within a minute, and a sixth would block this address for an hour; the next may be sent at " + at
	e.Hint = "try again then; a command at a terminal, or a run of several users, waits by itself with --timeout " + seconds(wait+time.Second).String() + " or more"
	return e
}

// at is a moment that is so far off, by the clock and by the wait.
func (g *Guard) at(wait time.Duration) string {
	return g.Now().Add(wait).Format("15:04:05") + " (in " + seconds(wait).String() + ")"
}

// seconds is a wait in whole seconds, never less than it is.
func seconds(wait time.Duration) time.Duration { return (wait + time.Second - 1).Truncate(time.Second) }

func (g *Guard) path() string { return filepath.Join(g.Dir, "sign-ins.json") }

func (g *Guard) load() (map[string]record, error) {
	all := map[string]record{}
	data, err := os.ReadFile(g.path())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the sign-in guard cannot be read", err)
	}
	if json.Unmarshal(data, &all) != nil {
		return map[string]record{}, nil // it holds a minute's memory: a damaged one is begun anew
	}
	return all, nil
}

func (g *Guard) change(ctx context.Context, host string, change func(*record)) error {
	unlock, err := lockFile(ctx, g.path()+".lock", guardLockLimit)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := g.load()
	if err != nil {
		return err
	}
	r := all[host]
	change(&r)
	all[host] = r
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return failure.Wrap(failure.Failed, "the sign-in guard cannot be written", err)
	}
	if err := atomicfile.WriteFile(g.path(), data, 0o600); err != nil {
		return failure.Wrap(failure.Failed, "the sign-in guard cannot be written", err)
	}
	return nil
}

// guardLockLimit is how long another process may hold the guard's file, which takes it some milliseconds.
const guardLockLimit = 10 * time.Second

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 5 * time.Millisecond

// lockFile takes a lock between processes, waiting for at most the limit. A process that dies lets go of it.
func lockFile(ctx context.Context, path string, limit time.Duration) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, failure.Wrap(failure.Failed, "the state folder cannot be made", err).WithHint("name another by TELEMATICSCTL_STATE_DIR")
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := flock.New(path)
	if _, err := l.TryLockContext(timed, lockPoll); err != nil {
		return nil, failure.Wrap(failure.From(err).Code, "waiting for another telematicsctl to finish", err).
			WithHint("see what that one is waiting for; the lock is " + path)
	}
	return func() { _ = l.Unlock() }, nil
}
