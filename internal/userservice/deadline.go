package userservice

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// deadlines gives the attempts of calls their contexts. Attempts that begin within a step of one
// another share a context and its timer, as a job makes a million of them: an attempt may last for
// the timeout, and up to a step longer.
type deadlines struct {
	timeout time.Duration

	mu   sync.Mutex
	last *shared // nil where no attempt is in flight
}

// The longest step, and how many steps the timeout has at least.
const (
	longestStep  = time.Second
	stepsAtLeast = 16
)

// shared is a context that attempts share. The lock of its deadlines guards it.
type shared struct {
	parent   context.Context
	ctx      context.Context
	cancel   context.CancelFunc
	until    time.Time // attempts that begin later get another
	inFlight int
	free     []*attemptContext
}

// attemptContext is the context of one attempt, and whether its request may have reached the
// service. What a connection carries cannot be called back: from the first header on, it may have
// arrived.
type attemptContext struct {
	context.Context
	sent   atomic.Bool
	shared *shared
}

// begin returns the context of an attempt. The caller must end it.
func (d *deadlines) begin(parent context.Context) *attemptContext {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.last
	if s == nil || s.parent != parent || !now.Before(s.until) {
		step := min(d.timeout/stepsAtLeast, longestStep)
		ctx, cancel := context.WithTimeoutCause(parent, d.timeout+step, errTimeout)
		s = &shared{parent: parent, ctx: ctx, cancel: cancel, until: now.Add(step)}
		d.last = s
	}
	s.inFlight++
	if n := len(s.free); n > 0 {
		a := s.free[n-1]
		s.free = s.free[:n-1]
		return a
	}
	a := &attemptContext{shared: s}
	a.Context = httptrace.WithClientTrace(s.ctx, &httptrace.ClientTrace{WroteHeaders: func() { a.sent.Store(true) }})
	return a
}

// end gives a context back. answered reports that the whole answer was read: then nothing of the
// attempt is left that could still be sent.
func (d *deadlines) end(a *attemptContext, answered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := a.shared
	if s.inFlight--; s.inFlight == 0 {
		s.cancel()
		if d.last == s {
			d.last = nil
		}
		return
	}
	if answered && d.last == s {
		a.sent.Store(false)
		s.free = append(s.free, a)
	}
}
