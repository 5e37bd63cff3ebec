package pace

import (
	"context"
	"sync"
	"time"
)

// The limit starts low and doubles each round (slow start) until the first
// trouble; then it grows by one a round. What lowers it:
//
//   - 429: see memory.go. The level that failed is remembered.
//   - A timeout halves it.
//   - Latency that has doubled, and by more than minLatencyRise, takes a tenth off.
const (
	firstLimit     = 8
	afterTrouble   = 0.5
	afterLatency   = 0.9
	latencyFactor  = 2.0
	minLatencyRise = 50 * time.Millisecond
	// baselineDecay is the part of the difference by which the baseline follows a
	// lasting rise of latency each window. It applies only at a limit of at most
	// firstLimit, where the rise cannot be caused by this client.
	baselineDecay = 0.1
	minWindow     = 16 // answers in a window
)

// A limiter is a FIFO semaphore with an adaptive size: AIMD with slow start, a
// latency signal, and a memory of the level that was answered 429.
type limiter struct {
	mu       sync.Mutex
	ceiling  float64
	size     float64
	growing  bool // slow start
	inFlight int
	peak     int // highest inFlight in this window
	epoch    int // counts the decreases, so that one round of failures is one decrease
	memory   memory
	queue    queue

	window   int // answers in the window
	span     int // answers that complete the window
	sum      time.Duration
	baseline time.Duration
}

// A slot is room for one request.
type slot struct {
	epoch int // of the limiter when the request was let in
	level int // requests in flight then, this one included
}

func newLimiter(ceiling int) *limiter {
	ceiling = max(ceiling, 1)
	l := &limiter{ceiling: float64(ceiling), growing: true, memory: newMemory(ceiling)}
	l.size = min(l.ceiling, firstLimit)
	return l
}

// enter waits for a slot, in order of arrival. Its error is the context's.
func (l *limiter) enter(ctx context.Context) (slot, error) {
	if err := ctx.Err(); err != nil {
		return slot{}, err
	}
	l.mu.Lock()
	if l.queue.empty() && l.hasRoom() {
		s := l.take()
		l.mu.Unlock()
		return s, nil
	}
	w := l.queue.push()
	l.mu.Unlock()
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := w.slot
	switch {
	case err == nil:
	case w.granted: // at the same time
		<-w.ready
		l.release()
	default:
		l.queue.remove(w)
	}
	l.queue.recycle(w)
	return s, err
}

func (l *limiter) hasRoom() bool { return l.inFlight < max(int(l.size), 1) }

func (l *limiter) take() slot {
	l.inFlight++
	l.peak = max(l.peak, l.inFlight)
	return slot{epoch: l.epoch, level: l.inFlight}
}

func (l *limiter) release() {
	l.inFlight--
	for l.hasRoom() && !l.queue.empty() {
		l.queue.grant(l.take())
	}
}

// leave frees a slot. took is the time to the answer, now the time on the
// pacer's clock.
func (l *limiter) leave(s slot, took, now time.Duration, signal Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch signal {
	case Answered:
		if s.epoch == l.epoch {
			l.memory.succeeded(s.level)
		}
		l.grow(now)
		l.observe(took)
	case RateLimited:
		l.rateLimited(s, now)
	case TimedOut:
		if s.epoch == l.epoch {
			l.shrink(l.size * afterTrouble)
		}
	case Unavailable, Ignored:
	}
	l.release()
}

func (l *limiter) rateLimited(s slot, now time.Duration) {
	if s.epoch == l.epoch {
		level := min(s.level, int(l.size))
		if l.growing {
			level -= level / 8 // requests sent at once overtake one another
		}
		l.shrink(l.memory.failed(level, now))
		l.memory.epoch = s.epoch
		return
	}
	if l.memory.lowered(s) {
		l.size = max(min(l.size, float64(l.memory.level-1)), 1)
	}
}

// pause tells that nothing is sent until the given time: the quiet time starts then.
func (l *limiter) pause(until, retryAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory.pause(until, retryAfter)
}

func (l *limiter) shrink(size float64) {
	l.size = max(size, 1)
	l.growing = false
	l.epoch++
	l.window, l.sum = 0, 0
}

// grow raises the limit: up to twice what is in use, and below a level that is
// remembered as failed.
func (l *limiter) grow(now time.Duration) {
	if l.size >= 2*float64(l.peak) {
		return
	}
	step := 1 / l.size
	if l.growing {
		step = 1
	}
	l.size = max(l.size, min(l.size+step, l.ceiling, l.memory.highest(now, l.ceiling)))
	l.memory.reached(int(l.size))
}

// observe compares the latency of a window with the lowest known.
func (l *limiter) observe(took time.Duration) {
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
		l.shrink(l.size * afterLatency)
	}
	if l.size <= firstLimit {
		l.baseline += time.Duration(baselineDecay * float64(mean-l.baseline))
	}
}

func (l *limiter) now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(int(l.size), 1)
}
