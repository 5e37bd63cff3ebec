package userservice

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// LongestRetryAfter is the most that a Retry-After is taken for; the longest block that is known
// is an hour (live).
const LongestRetryAfter = 24 * time.Hour

// retryAfter returns how long an answer asks to wait, by its Retry-After in seconds (fractions
// too) or as a date; 0 where there is none that can be read, or where it lies in the past. A date
// is measured by the Date of the same answer, as the service's clock and this machine's may
// differ.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil || math.IsInf(seconds, 0) {
		switch {
		case !(seconds > 0): // NaN too
			return 0
		case seconds >= LongestRetryAfter.Seconds():
			return LongestRetryAfter
		}
		return max(time.Duration(math.Ceil(seconds*1000))*time.Millisecond, time.Millisecond)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), LongestRetryAfter).Round(time.Second)
}
