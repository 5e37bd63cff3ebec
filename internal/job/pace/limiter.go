// Package pace decides when a bulk run may send its next request: how many are under way at once, how many a second, and whether
// the service is to be left alone for a while.
//
// The limit of concurrency is our own small one: failsafe-go's adaptive limiter knows latency alone, so that a service which
// refuses quickly (429) makes it grow, and its clock cannot be handed in.
package pace

import (
	"context"
	"sync"
	"time"
)

// The rule of the limit. It starts low and doubles each round while all is well, until the first trouble; after that it grows by
// one a round. A 429 or a timeout halves it; latency that has doubled, and by more than a moment, takes a tenth off.
const (
	firstLimit     = 8
	afterTrouble   = 0.5
	afterLatency   = 0.9
	latencyFactor  = 2.0
	minLatencyRise = 50 * time.Millisecond
	// baselineDecay is how fast the baseline follows when latency has risen for good: by this part of the difference a window, and only at so few
	// requests that the rise cannot be our own doing.
	baselineDecay = 0.1
	minWindow     = 16 // answers in a window
)

// limit is a semaphore whose size follows how the service fares.
type limit struct {
	mu       sync.Mutex
	wake     *sync.Cond
	ceiling  float64
	size     float64
	growing  bool // doubling each round
	inFlight int
	peak     int // the most that were under way lately
	epoch    int // counts the falls: one round of failures is one trouble

	window   int // answers in the window
	span     int // how many it is to have; settled when it begins, as the limit may grow by the answer
	sum      time.Duration
	baseline time.Duration
}

func newLimit(ceiling int) *limit {
	l := &limit{ceiling: float64(max(ceiling, 1)), growing: true}
	l.size = min(l.ceiling, firstLimit)
	l.wake = sync.NewCond(&l.mu)
	return l
}

// enter waits for room and returns the epoch that the request belongs to.
func (l *limit) enter(ctx context.Context) (epoch int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full() {
		stop := context.AfterFunc(ctx, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.wake.Broadcast()
		})
		defer stop()
	}
	for l.full() && ctx.Err() == nil {
		l.wake.Wait()
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	l.inFlight++
	l.peak = max(l.peak, l.inFlight)
	return l.epoch, nil
}

func (l *limit) full() bool { return l.inFlight >= max(int(l.size), 1) }

// leave gives the room back. took is how long the answer took; trouble tells that the service asked for less.
func (l *limit) leave(epoch int, took time.Duration, signal Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	switch {
	case (signal == RateLimited || signal == TimedOut) && epoch == l.epoch:
		l.fall(afterTrouble)
	case signal == Answered:
		l.grow()
		l.watch(took)
	}
	// One for the room given back, one for the room that may have been added.
	l.wake.Signal()
	l.wake.Signal()
}

func (l *limit) fall(to float64) {
	l.size = max(l.size*to, 1)
	l.growing = false
	l.epoch++
	l.window, l.sum = 0, 0
}

// grow lets the limit rise, up to twice what is made use of.
func (l *limit) grow() {
	if l.size >= 2*float64(l.peak) {
		return
	}
	step := 1 / l.size
	if l.growing {
		step = 1
	}
	l.size = min(l.size+step, l.ceiling)
}

// watch compares the latency of a window with the best that is known.
func (l *limit) watch(took time.Duration) {
	if l.window == 0 {
		l.span = max(minWindow, 2*int(l.size))
	}
	l.window++
	l.sum += took
	if l.window < l.span {
		return
	}
	mean := l.sum / time.Duration(l.window)
	l.window, l.sum, l.peak = 0, 0, l.inFlight
	switch {
	case l.baseline == 0 || mean < l.baseline:
		l.baseline = mean
	case mean > time.Duration(latencyFactor*float64(l.baseline)) && mean-l.baseline > minLatencyRise:
		l.fall(afterLatency)
	}
	if l.size <= firstLimit {
		l.baseline += time.Duration(baselineDecay * float64(mean-l.baseline))
	}
}

func (l *limit) now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(int(l.size), 1)
}
