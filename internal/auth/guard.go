package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The service's limit (live): five sign-ins a minute from one address; one more blocks it for an
// hour.
const (
	signInsAMinute = 5
	signInWindow   = time.Minute + 2*time.Second // with room for two clocks that differ
	blockLasts     = time.Hour
)

// A Guard keeps this machine's sign-ins within the service's limit, across processes. A file holds
// when each was sent, by host, and the service's own block. Within a process the monotonic clock
// counts, so that a clock that is set changes nothing. A Guard is safe for use by many goroutines.
type Guard struct {
	Dir    string           // the folder of the file and its lock
	Now    func() time.Time // the clock
	Ignore bool             // refuse only what the service has just blocked; record anyway
	// MayWait reports whether a wait of this length is acceptable, all waits of one sign-in
	// together; nil never waits.
	MayWait func(time.Duration) bool
	Wait    func(context.Context, time.Duration) error // waits, or ends with the context
	Notify  func(wait time.Duration)                   // called before a wait; may be nil

	mu  sync.Mutex
	own map[string]hostState // of this process, with monotonic times
}

// maxWaits is how often one sign-in waits for its place.
const maxWaits = 10

// errFull is in the error of a sign-in that has no place within this minute, and would have one
// later.
var errFull = errors.New("five sign-ins within a minute")

// Enter is called before each sign-in: it records the sign-in, or fails with failure.RateLimited,
// which says when to try again. It never waits; WithWait does.
func (g *Guard) Enter(ctx context.Context, host string) error {
	var wait time.Duration
	var why failure.Reason
	err := g.update(ctx, func(s *guardState) {
		now := g.Now()
		h := s.Hosts[host]
		h.forget(now)
		if wait, why = g.wait(host, h, s.lost(now), now); wait == 0 {
			h.SignIns = append(h.SignIns, now.UTC())
			g.note(host, func(own *hostState) { own.SignIns = append(own.SignIns, now) })
		}
		s.Hosts[host] = h
	})
	if err != nil || wait == 0 {
		return err
	}
	return g.refuse(host, wait, why)
}

// wait returns how long the next sign-in must wait, and why. h is what the file says of the host,
// and lost how long a damaged file is made up for.
func (g *Guard) wait(host string, h hostState, lost time.Duration, now time.Time) (time.Duration, failure.Reason) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.own[host]
	if g.Ignore {
		return max(0, own.Block.left(now)), ReasonBlocked
	}
	if left := own.Block.orStored(h.Block).left(now); left > 0 {
		return left, ReasonBlocked
	}
	full := max(0, h.full(now), own.full(now))
	if lost > full {
		return lost, ReasonGuardDamaged
	}
	return full, ReasonSignInLimit
}

// note changes what this process remembers of a host.
func (g *Guard) note(host string, change func(*hostState)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.own == nil {
		g.own = map[string]hostState{}
	}
	own := g.own[host]
	own.forget(g.Now())
	change(&own)
	g.own[host] = own
}

// WithWait does work that may call Enter. Where that has no place for a sign-in, the work is done
// again after the wait for one, if such a wait is allowed. The work must have released its locks
// when it ends, so that no other process waits too.
func (g *Guard) WithWait(ctx context.Context, work func() error) error {
	waited := time.Duration(0)
	for round := 1; ; round++ {
		err := work()
		if !errors.Is(err, errFull) {
			return err
		}
		wait := failure.From(err).RetryAfter
		// Other processes may take the place that was waited for: the waits are counted together,
		// so that they end.
		waited += wait
		if round > maxWaits || g.MayWait == nil || !g.MayWait(waited) {
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

// Blocked records that the service answered a sign-in with 429: none is sent for as long as
// Retry-After says, at most a day, or for an hour where it says nothing.
func (g *Guard) Blocked(ctx context.Context, host string, retryAfter time.Duration) error {
	now := g.Now()
	lasts := blockFor(retryAfter)
	g.note(host, func(own *hostState) { own.Block = block{At: now, Lasts: lasts} })
	return g.update(ctx, func(s *guardState) {
		h := s.Hosts[host]
		h.Block = block{At: now.UTC(), Lasts: lasts}
		s.Hosts[host] = h
	})
}

func blockFor(retryAfter time.Duration) time.Duration {
	if retryAfter <= 0 {
		return blockLasts
	}
	return min(retryAfter, longestBlock)
}

// Unblock records that the service took a sign-in that was sent in spite of the guard: there is no
// block any more.
func (g *Guard) Unblock(ctx context.Context, host string) error {
	if !g.Ignore {
		return nil
	}
	g.note(host, func(own *hostState) { own.Block = block{} })
	return g.update(ctx, func(s *guardState) {
		h := s.Hosts[host]
		h.Block = block{}
		s.Hosts[host] = h
	})
}

// Check returns the error of a sign-in during the service's block, so that nobody types a password
// for it. It records nothing.
func (g *Guard) Check(host string) error {
	until, err := g.BlockedUntil(host)
	if err != nil || until.IsZero() || g.Ignore {
		return err
	}
	return g.refuse(host, until.Sub(g.Now()), ReasonBlocked)
}

// BlockedUntil returns when the service's own block of this machine ends; zero where there is none.
func (g *Guard) BlockedUntil(host string) (time.Time, error) {
	s, err := g.load()
	if err != nil {
		return time.Time{}, err
	}
	now := g.Now()
	g.mu.Lock()
	own := g.own[host].Block
	g.mu.Unlock()
	if left := own.orStored(s.Hosts[host].Block).left(now); left > 0 {
		return now.Add(left), nil
	}
	return time.Time{}, nil
}

// Standing returns how many sign-ins were sent to a host from this machine within the last minute,
// and the error of the next one where it would be refused for longer than that. It records nothing.
func (g *Guard) Standing(host string) (recent int, err error) {
	s, err := g.load()
	if err != nil {
		return 0, err
	}
	h, now := s.Hosts[host], g.Now()
	wait, why := g.wait(host, h, s.lost(now), now)
	if wait > 0 && why != ReasonSignInLimit {
		err = g.refuse(host, wait, why)
	}
	return len(h.recent(now)), err
}

func (g *Guard) refuse(host string, wait time.Duration, why failure.Reason) error {
	e := &failure.Error{Code: failure.RateLimited, RetryAfter: wait, Subject: host, Reason: why}
	switch why {
	case ReasonBlocked:
		e.Message = "sign in: " + host + " blocks this machine's address for too many sign-ins, until " + g.at(wait)
		return e
	case ReasonGuardDamaged:
		e.Message = "sign in: the record of earlier sign-ins is damaged, and the service may block this address; " +
			"the next one may be sent at " + g.at(wait)
		return e
	}
	e.Cause = errFull
	e.Message = "sign in: the limit is five sign-ins a minute, and one more would block this address for an hour; " +
		"the next one may be sent at " + g.at(wait)
	return e
}

// at returns the moment after a wait, and the wait, as text.
func (g *Guard) at(wait time.Duration) string {
	return g.Now().Add(wait).Format("15:04:05") + " (in " + wholeSeconds(wait).String() + ")"
}

// wholeSeconds returns a wait in whole seconds, rounded up.
func wholeSeconds(wait time.Duration) time.Duration {
	return (wait + time.Second - 1).Truncate(time.Second)
}
