package pace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Signal is what an attempt says about the service.
type Signal uint8

// The signals.
const (
	Answered    Signal = iota // the service works: it said yes, or no to this one request
	RateLimited               // 429: it works, and wants fewer requests
	TimedOut                  // no answer in time
	Unavailable               // no connection, a broken answer, 5xx
	Ignored                   // nothing was learnt: the run is ending
)

// Clock is the time and the waiting for it, handed in so that tests need none.
type Clock struct {
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error // ends early with the context's error
}

// Options say how a run is paced.
type Options struct {
	Ceiling      int           // requests under way at once, at the most
	Rate         float64       // requests a second, at the most; 0 is no cap
	Patience     time.Duration // how long the service may be down before the run gives up
	ProbeWait    time.Duration // the wait before the first try of a service that is down; doubled up to Longest
	MaxProbeWait time.Duration
	Clock        Clock
	// Down is told, when a pause has begun, why; and Up when it is over. Neither may be nil.
	OnOpen  func(cause error)
	OnClose func()
}

// Pacer paces the requests of one run. It is safe for use by many goroutines.
type Pacer struct {
	o       Options
	limit   *limit
	rate    *rate.Limiter // nil: no cap
	until   atomic.Int64  // Retry-After: nobody sends before this moment, in nanoseconds since the epoch; 0 is none
	downed  atomic.Bool
	mu      sync.Mutex
	failing map[int]bool // rows that came to nothing since the last answer
	since   time.Time    // when the first of them did
	told    bool
	probing bool
	wait    time.Duration
	last    error
	change  chan struct{} // closed when probing ends or the service is back
	lost    bool          // patience is at an end
}

// New makes a pacer.
func New(o Options) *Pacer {
	p := &Pacer{o: o, limit: newLimit(o.Ceiling), change: make(chan struct{}), failing: map[int]bool{}}
	if o.Rate > 0 {
		// Time is shared out evenly; a burst would be more than the cap for a moment.
		p.rate = rate.NewLimiter(rate.Limit(o.Rate), 1)
	}
	return p
}

// Limit is how many requests may be under way now.
func (p *Pacer) Limit() int { return p.limit.now() }

// Permit is the leave to send one request; Done must follow.
type Permit struct {
	p     *Pacer
	epoch int
	start time.Time
	probe bool
}

// Enter waits until a request may be sent. Its error is the context's, or ErrCircuitOpen.
func (p *Pacer) Enter(ctx context.Context) (Permit, error) {
	for {
		probe, err := p.turn(ctx)
		if err != nil {
			return Permit{}, err
		}
		if err := p.obeyRetryAfter(ctx); err != nil {
			p.giveTurn(probe)
			return Permit{}, err
		}
		epoch, err := p.limit.enter(ctx)
		if err != nil {
			p.giveTurn(probe)
			return Permit{}, err
		}
		// The world may change while this request waits for room, and while it waits for its share of the rate.
		if !p.closed(probe) {
			err = p.throttle(ctx)
			if err == nil && !p.closed(probe) {
				return Permit{p: p, epoch: epoch, start: p.o.Clock.Now(), probe: probe}, nil
			}
		}
		p.limit.leave(epoch, 0, Ignored)
		p.giveTurn(probe)
		if err != nil {
			return Permit{}, err
		}
	}
}

// closed tells whether nobody may send now, save for the one who tries a service that is down.
func (p *Pacer) closed(probe bool) bool { return (!probe && p.downed.Load()) || p.mustWait() > 0 }

func (p *Pacer) throttle(ctx context.Context) error {
	if p.rate == nil {
		return ctx.Err()
	}
	now := p.o.Clock.Now()
	if d := p.rate.ReserveN(now, 1).DelayFrom(now); d > 0 {
		return p.o.Clock.Wait(ctx, d)
	}
	return nil
}

// RetryAfter stops everyone for so long.
func (p *Pacer) RetryAfter(d time.Duration) {
	until := p.o.Clock.Now().Add(d).UnixNano()
	for {
		old := p.until.Load()
		if old >= until || p.until.CompareAndSwap(old, until) {
			return
		}
	}
}

func (p *Pacer) mustWait() time.Duration {
	until := p.until.Load()
	if until == 0 {
		return 0
	}
	return time.Duration(until - p.o.Clock.Now().UnixNano())
}

func (p *Pacer) obeyRetryAfter(ctx context.Context) error {
	for {
		d := p.mustWait()
		if d <= 0 {
			return nil
		}
		if err := p.o.Clock.Wait(ctx, d); err != nil {
			return err
		}
	}
}

// Done ends a request for a row. cause is why it was TimedOut or Unavailable. It returns whether the service is thought to be down: the failure is
// then the service's and not to be counted against the row.
func (m Permit) Done(row int, v Signal, cause error) (down bool) {
	m.p.limit.leave(m.epoch, m.p.o.Clock.Now().Sub(m.start), v)
	return m.p.note(row, v, cause, m.probe)
}
