// Package pace decides when a job may send its next request. It combines a
// limit of requests in flight that adapts to the service (limiter.go,
// memory.go), a cap of requests a second, Retry-After, and a circuit breaker
// for a service that is down (breaker.go).
//
// failsafe-go's adaptive limiter was tried and does not fit: it knows latency
// only, so a service that refuses quickly (429) makes it grow, and its clock
// cannot be injected.
package pace

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Signal is what an attempt says about the service.
type Signal uint8

// The signals.
const (
	Answered    Signal = iota // the service works: it accepted or rejected this one request
	RateLimited               // 429: it works, and wants fewer requests
	TimedOut                  // no answer in time
	Unavailable               // no connection, a broken answer, 5xx
	Ignored                   // says nothing, for example because the run is ending
)

// Clock is the time and the waiting for it. Now must carry the monotonic clock,
// as time.Now does. Wait ends early with the context's error.
type Clock struct {
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Options configure a Pacer.
type Options struct {
	Ceiling      int           // most requests in flight
	Rate         float64       // most requests a second; 0: no cap
	Patience     time.Duration // how long the service may be down before Enter fails
	ProbeWait    time.Duration // the wait before the first probe of a service that is down; doubles
	MaxProbeWait time.Duration
	Clock        Clock
	// OnOpen is called when the breaker has opened and the first probe has failed,
	// OnClose when the service is back after that. Neither may be nil, nor call the
	// Pacer.
	OnOpen  func(cause error)
	OnClose func()
}

// A Pacer paces the requests of one run. It is safe for concurrent use.
type Pacer struct {
	o       Options
	start   time.Time // times are durations since then, on the monotonic clock
	limiter *limiter
	rate    *rate.Limiter // nil: no cap
	until   atomic.Int64  // nothing is sent before (Retry-After), in ns since start
	breaker breaker
}

// New returns a pacer. The limit starts at 8 requests in flight, or at the ceiling
// where that is lower.
func New(o Options) *Pacer {
	p := &Pacer{o: o, start: o.Clock.Now(), limiter: newLimiter(o.Ceiling)}
	p.breaker.change = make(chan struct{})
	p.breaker.failing = map[int]bool{}
	if o.Rate > 0 {
		p.rate = rate.NewLimiter(rate.Limit(o.Rate), 1) // a burst would exceed the cap
	}
	return p
}

// Limit returns how many requests may be in flight now.
func (p *Pacer) Limit() int { return p.limiter.now() }

func (p *Pacer) now() time.Duration { return p.o.Clock.Now().Sub(p.start) }

// A Permit allows one request. Its holder must call Done.
type Permit struct {
	p       *Pacer
	slot    slot
	entered time.Duration
	probe   bool
}

// Enter waits until a request may be sent. Its error is the context's, or an
// ErrCircuitOpen.
func (p *Pacer) Enter(ctx context.Context) (Permit, error) {
	for {
		probe, err := p.awaitClosed(ctx)
		if err != nil {
			return Permit{}, err
		}
		if err := p.awaitRetryAfter(ctx); err != nil {
			p.endProbe(probe)
			return Permit{}, err
		}
		s, err := p.limiter.enter(ctx)
		if err != nil {
			p.endProbe(probe)
			return Permit{}, err
		}
		// Much may change while this request waits for a slot, and for its share of the rate.
		if !p.blocked(probe) {
			err = p.throttle(ctx)
			if err == nil && !p.blocked(probe) {
				return Permit{p: p, slot: s, entered: p.now(), probe: probe}, nil
			}
		}
		p.limiter.leave(s, 0, 0, Ignored)
		p.endProbe(probe)
		if err != nil {
			return Permit{}, err
		}
	}
}

// blocked reports whether nothing but a probe may be sent now.
func (p *Pacer) blocked(probe bool) bool {
	return (!probe && p.breaker.open.Load()) || p.retryAfter() > 0
}

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

// RetryAfter stops all requests for d. Call it before Done of the request whose
// answer asked for it: then no request is let in between the two.
func (p *Pacer) RetryAfter(d time.Duration) {
	until := p.now() + d
	for {
		old := p.until.Load()
		if old >= int64(until) || p.until.CompareAndSwap(old, int64(until)) {
			break
		}
	}
	p.limiter.pause(until, d)
}

// retryAfter returns the time that is left to wait, or 0.
func (p *Pacer) retryAfter() time.Duration {
	until := time.Duration(p.until.Load())
	if until == 0 {
		return 0
	}
	return max(until-p.now(), 0)
}

func (p *Pacer) awaitRetryAfter(ctx context.Context) error {
	for {
		d := p.retryAfter()
		if d == 0 {
			return nil
		}
		if err := p.o.Clock.Wait(ctx, d); err != nil {
			return err
		}
	}
}

// Done ends a request for a row. cause is why it was TimedOut or Unavailable. Done
// reports whether the breaker is open: the failure is then the service's, and not
// to be counted against the row.
func (m Permit) Done(row int, s Signal, cause error) (down bool) {
	now := m.p.now()
	m.p.limiter.leave(m.slot, now-m.entered, now, s)
	return m.p.note(row, s, cause, m.probe, now)
}
