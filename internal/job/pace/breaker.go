package pace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrCircuitOpen means that the service was down for longer than Patience.
var ErrCircuitOpen = errors.New("the service is down")

// A CircuitOpenError is an ErrCircuitOpen with the last failure of the service.
type CircuitOpenError struct{ Cause error }

func (e *CircuitOpenError) Error() string { return fmt.Sprintf("%v: %v", ErrCircuitOpen, e.Cause) }

// Is reports whether target is ErrCircuitOpen.
func (e *CircuitOpenError) Is(target error) bool { return target == ErrCircuitOpen }

// Unwrap returns the last failure of the service.
func (e *CircuitOpenError) Unwrap() error { return e.Cause }

// A breaker opens when many rows in a row have failed and nothing was answered.
// While it is open one request at a time probes the service, and all others wait.
type breaker struct {
	open  atomic.Bool
	clean atomic.Bool // nothing failed since the last answer: the lock is not needed

	mu        sync.Mutex
	failing   map[int]bool  // rows that failed since the last answer
	since     time.Duration // when the first of them did
	announced bool          // OnOpen was called
	probing   bool
	wait      time.Duration
	last      error
	change    chan struct{} // closed when a probe ends or the breaker closes
	exhausted bool          // down for longer than Patience
}

// threshold is how many rows must fail, with no answer between them, to open the
// breaker. Rows count, not attempts: a row that the service cannot process fails
// again and again, and says nothing about the service.
func (p *Pacer) threshold() int { return max(5, 2*p.limiter.now()) }

// note records a signal and reports whether the breaker is open.
func (p *Pacer) note(row int, s Signal, cause error, probe bool, now time.Duration) (open bool) {
	b := &p.breaker
	succeeded := s == Answered || s == RateLimited
	if !probe && succeeded && b.clean.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case succeeded:
		// While the breaker is open, only the probe shows that the service is back: the
		// others were sent before.
		if probe || !b.open.Load() {
			p.close()
		}
	case s == TimedOut || s == Unavailable:
		p.failed(row, cause, now)
	}
	b.endProbe(probe)
	return b.open.Load()
}

// failed is called with the lock held.
func (p *Pacer) failed(row int, cause error, now time.Duration) {
	b := &p.breaker
	b.clean.Store(false)
	b.last = cause
	if len(b.failing) == 0 {
		b.since = now
	}
	b.failing[row] = true
	switch {
	case b.open.Load():
		if !b.announced {
			b.announced = true
			p.o.OnOpen(cause)
		}
		b.wait = min(2*b.wait, p.o.MaxProbeWait)
		b.exhausted = b.exhausted || now-b.since >= p.o.Patience
	case len(b.failing) >= p.threshold():
		b.open.Store(true)
		b.announced, b.wait = false, p.o.ProbeWait
	}
}

// close is called with the lock held.
func (p *Pacer) close() {
	b := &p.breaker
	clear(b.failing)
	b.clean.Store(true)
	if !b.open.Swap(false) {
		return
	}
	if b.announced {
		p.o.OnClose()
	}
	b.broadcast()
}

func (b *breaker) endProbe(probe bool) {
	if probe {
		b.probing = false
		b.broadcast()
	}
}

func (b *breaker) broadcast() {
	close(b.change)
	b.change = make(chan struct{})
}

// endProbe gives the turn to probe to another request.
func (p *Pacer) endProbe(probe bool) {
	p.breaker.mu.Lock()
	defer p.breaker.mu.Unlock()
	p.breaker.endProbe(probe)
}

// awaitClosed returns at once while the breaker is closed. While it is open one
// request at a time becomes the probe, after a wait; all others wait here.
func (p *Pacer) awaitClosed(ctx context.Context) (probe bool, err error) {
	b := &p.breaker
	for b.open.Load() {
		b.mu.Lock()
		switch {
		case b.exhausted:
			defer b.mu.Unlock()
			return false, &CircuitOpenError{b.last}
		case !b.open.Load():
			b.mu.Unlock()
			return false, ctx.Err()
		case !b.probing:
			b.probing = true
			wait := min(b.wait, max(p.o.Patience-(p.now()-b.since), 0))
			b.mu.Unlock()
			if err := p.o.Clock.Wait(ctx, wait); err != nil {
				p.endProbe(true)
				return false, err
			}
			return true, nil
		}
		change := b.change
		b.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return false, ctx.Err()
}
