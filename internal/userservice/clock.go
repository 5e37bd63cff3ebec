package userservice

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// clock knows how far the service's clock is ahead of this machine's, by the Date of its
// last answer.
type clock struct {
	ahead atomic.Int64 // nanoseconds; unknownAhead before the first answer
	last  atomic.Value // the last Date, a string
}

const unknownAhead = math.MinInt64

func newClock() *clock {
	c := new(clock)
	c.ahead.Store(unknownAhead)
	return c
}

// observe reads the Date of an answer, which has whole seconds.
func (c *clock) observe(h http.Header) {
	date := h.Get("Date")
	if last, _ := c.last.Load().(string); date == last { // it was seen when its second was younger
		return
	}
	c.last.Store(date)
	if at, err := http.ParseTime(date); err == nil {
		c.ahead.Store(int64(time.Until(at)))
	}
}

// ServiceTime returns a time of this machine's clock by the service's clock, to about a
// second; false while there was no answer that tells.
func (c *Client) ServiceTime(t time.Time) (time.Time, bool) {
	ahead := c.clock.ahead.Load()
	if ahead == unknownAhead {
		return t, false
	}
	return t.Add(time.Duration(ahead)), true
}
