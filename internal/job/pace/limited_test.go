package pace_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// A limitedService takes limit requests at a time and answers 429 to the rest.
type limitedService struct {
	limit      int
	latency    time.Duration
	retryAfter time.Duration // 0: it does not send the header
	refusal    time.Duration // the time until a 429

	mu       sync.Mutex
	inFlight int
	resume   time.Time
	early    int // requests sent before Retry-After had passed
	refused  int
}

// answer returns the signal of one request.
func (s *limitedService) answer() pace.Signal {
	s.mu.Lock()
	if time.Now().Before(s.resume) {
		s.early++
	}
	if s.inFlight >= s.limit {
		s.refused++
		s.mu.Unlock()
		sleep(s.refusal)
		return pace.RateLimited
	}
	s.inFlight++
	s.mu.Unlock()
	sleep(s.latency * time.Duration(90+rand.IntN(21)) / 100)
	s.mu.Lock()
	s.inFlight--
	s.mu.Unlock()
	return pace.Answered
}

// sleep passes virtual time.
func sleep(d time.Duration) { <-time.After(d) }

// send sends the rows of a job as the engine does: workers that take a row each,
// and wait between the attempts of a row.
func (s *limitedService) send(t *testing.T, p *pace.Pacer, rows, workers int) {
	t.Helper()
	work := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for row := range work {
				for attempt := range 1000 {
					permit, err := p.Enter(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					signal := s.answer()
					if signal == pace.RateLimited && s.retryAfter > 0 {
						p.RetryAfter(s.retryAfter)
						s.mu.Lock()
						s.resume = time.Now().Add(s.retryAfter)
						s.mu.Unlock()
					}
					permit.Done(row, signal, nil)
					if signal == pace.Answered {
						break
					}
					sleep(min(time.Second<<attempt,
						30*time.Second) * time.Duration(50+rand.IntN(101)) / 100)
				}
			}
		})
	}
	for row := range rows {
		work <- row
	}
	close(work)
	group.Wait()
}

func TestServiceThatTakesFewAtATimeIsKeptBusy(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{8, 32} {
		for _, retryAfter := range []time.Duration{0, time.Second, 5 * time.Second} {
			for _, refusal := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
				name := fmt.Sprintf("limit %d, Retry-After %s, 429 after %s", limit, retryAfter, refusal)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						const rows, latency = 2000, 50 * time.Millisecond
						service := &limitedService{limit: limit, latency: latency, retryAfter: retryAfter, refusal: refusal}
						p := pace.New(pace.Options{Ceiling: 64, Patience: time.Hour, Clock: pace.Clock{Now: time.Now, Wait: wait}})
						began := time.Now()
						service.send(t, p, rows, 64)
						took, ideal := time.Since(began), rows*latency/time.Duration(limit)
						most := ideal * 16 / 10
						if retryAfter > time.Second {
							most = ideal + 25*time.Second
						}
						t.Logf("%s: %.2f of the ideal %s, refused %d", took, float64(took)/float64(ideal), ideal, service.refused)
						if took > most {
							t.Errorf("%s, more than %s (ideal %s)", took, most, ideal)
						}
					})
				})
			}
		}
	}
}
