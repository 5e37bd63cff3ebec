package pace

import (
	"context"
	"errors"
	"fmt"
)

// ErrCircuitOpen says that the service was down for longer than the run had patience.
var ErrCircuitOpen = errors.New("the service is down")

// CircuitOpenError is ErrCircuitOpen with what the service did last.
type CircuitOpenError struct{ Cause error }

// Error says both.
func (e *CircuitOpenError) Error() string { return fmt.Sprintf("%v: %v", ErrCircuitOpen, e.Cause) }

// Is makes it an ErrCircuitOpen.
func (e *CircuitOpenError) Is(target error) bool { return target == ErrCircuitOpen }

// Unwrap is what the service did last.
func (e *CircuitOpenError) Unwrap() error { return e.Cause }

// downAfter is how many rows must have failed, with no answer to anybody between them, for the service to be thought down. Rows are counted and
// not attempts: a row that the service cannot digest fails again and again, and means nothing.
func (p *Pacer) downAfter() int { return max(5, 2*p.limit.now()) }

// note keeps account of the rows that came to nothing since the last answer.
func (p *Pacer) note(row int, v Signal, cause error, probe bool) (down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch v {
	case Answered, RateLimited:
		// While the service is down, only the request that tries it tells that it is back: the others were sent before.
		if probe || !p.downed.Load() {
			p.recovered()
		}
	case TimedOut, Unavailable:
		p.broken(row, cause)
	}
	p.endProbe(probe)
	return p.downed.Load()
}

// broken is called with the lock held.
func (p *Pacer) broken(row int, cause error) {
	p.last = cause
	if len(p.failing) == 0 {
		p.since = p.o.Clock.Now()
	}
	p.failing[row] = true
	switch {
	case p.downed.Load():
		if !p.told {
			p.told = true
			p.o.OnOpen(cause)
		}
		p.wait = min(2*p.wait, p.o.MaxProbeWait)
		p.lost = p.lost || p.o.Clock.Now().Sub(p.since) >= p.o.Patience
	case len(p.failing) >= p.downAfter():
		p.downed.Store(true)
		p.told, p.wait = false, p.o.ProbeWait
	}
}

// recovered is called with the lock held.
func (p *Pacer) recovered() {
	clear(p.failing)
	if !p.downed.Swap(false) {
		return
	}
	if p.told {
		p.o.OnClose()
	}
	p.broadcast()
}

func (p *Pacer) endProbe(probe bool) {
	if probe {
		p.probing = false
		p.broadcast()
	}
}

func (p *Pacer) giveTurn(probe bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endProbe(probe)
}

func (p *Pacer) broadcast() {
	close(p.change)
	p.change = make(chan struct{})
}

// turn returns at once while the service is up. While it is down, one request at a time tries it, after a wait; all others wait here.
func (p *Pacer) turn(ctx context.Context) (probe bool, err error) {
	for p.downed.Load() {
		p.mu.Lock()
		switch {
		case p.lost:
			defer p.mu.Unlock()
			return false, &CircuitOpenError{p.last}
		case !p.downed.Load():
			p.mu.Unlock()
			return false, ctx.Err()
		case !p.probing:
			p.probing = true
			wait := min(p.wait, max(p.o.Patience-p.o.Clock.Now().Sub(p.since), 0))
			p.mu.Unlock()
			if err := p.o.Clock.Wait(ctx, wait); err != nil {
				p.giveTurn(true)
				return false, err
			}
			return true, nil
		}
		change := p.change
		p.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return false, ctx.Err()
}
