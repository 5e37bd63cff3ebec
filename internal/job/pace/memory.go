package pace

import "time"

// How the memory of a 429 works. A service that takes L requests at a time
// answers 429 to the next one, and each 429 may cost a Retry-After in which
// nothing is sent. So the level that failed is remembered, and the limit stays
// one below it for a quiet time. Then it grows again, which probes the level.
// A probe that fails doubles the quiet time.
const (
	minQuiet = 2 * time.Second
	// quietFactor makes the quiet time longer where a failed probe costs more: at
	// most one part in so many of a run is spent on Retry-After.
	quietFactor = 10
	maxDoubling = 16 // the quiet time is at most this many times the first
	// provenRounds: a level that answered this many rounds of requests is not what
	// a single 429 is about: the service has changed, or refuses at random.
	provenRounds = 4
)

// A memory is what is known of the levels (requests in flight) of a service.
// The limiter's lock guards it. Times are on the pacer's clock.
type memory struct {
	level   int // the level that failed; 0: none
	floor   int // level is not lowered below this by other 429s of the same round
	epoch   int // of the requests that failed with it
	strikes int // failures since the last quiet time
	quiet   time.Duration
	first   time.Duration // the quiet time before any doubling
	probeAt time.Duration // when the quiet time ends
	resume  time.Duration // when Retry-After ends
	// answers counts by level the requests that were answered since that level failed.
	answers []int
}

func newMemory(ceiling int) memory {
	return memory{first: minQuiet, quiet: minQuiet, answers: make([]int, ceiling+1)}
}

func (m *memory) succeeded(level int) { m.answers[level]++ }

// failed notes a 429 at a level and returns the limit to continue with.
func (m *memory) failed(level int, now time.Duration) float64 {
	if now >= m.probeAt {
		m.strikes = 0
	}
	m.strikes++
	if m.proven(level) {
		for i := range m.answers {
			m.answers[i] /= 2 // a second one soon is about the level
		}
		m.floor = len(m.answers) // nor are the other 429s of this round
		return float64(level) * afterTrouble
	}
	if m.level > 0 && now >= m.probeAt { // the probe failed
		m.quiet = min(2*m.quiet, maxDoubling*m.first)
	}
	m.level, m.floor = level, level/2
	clear(m.answers[level:])
	m.probeAt = max(now, m.resume) + m.quiet
	switch m.strikes {
	case 1:
		return float64(level - 1)
	case 2:
		return float64(level * 7 / 8)
	default:
		return float64(level) * afterTrouble
	}
}

// proven reports whether requests at this level and above were answered so often
// that a single 429 does not refute it.
func (m *memory) proven(level int) bool {
	n := 0
	for _, answers := range m.answers[level:] {
		n += answers
	}
	return n >= provenRounds*level
}

// lowered notes another 429 of the round that failed last, and reports whether
// its level is the lower one: requests overtake one another.
func (m *memory) lowered(s slot) bool {
	if s.epoch != m.epoch || m.level == 0 || s.level >= m.level || s.level <= m.floor {
		return false
	}
	m.level = s.level
	clear(m.answers[s.level:])
	return true
}

// pause notes a Retry-After. The quiet time starts at its end.
func (m *memory) pause(until, retryAfter time.Duration) {
	if first := quietFactor * retryAfter; first > m.first {
		m.quiet = m.quiet / m.first * first
		m.first = first
	}
	if until > m.resume {
		m.resume = until
		if m.level > 0 {
			m.probeAt = max(m.probeAt, until+m.quiet)
		}
	}
}

// highest returns the highest limit for now.
func (m *memory) highest(now time.Duration, ceiling float64) float64 {
	if m.level > 0 && now < m.probeAt {
		return float64(max(m.level-1, 1))
	}
	return ceiling
}

// reached notes that the limit has grown to a size. A level that failed is
// forgotten once the limit is well above it.
func (m *memory) reached(size int) {
	if m.level > 0 && size > m.level+m.level/4+1 {
		m.level, m.strikes, m.quiet = 0, 0, m.first
	}
}
