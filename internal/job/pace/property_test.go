package pace_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

var errTrouble = errors.New("trouble")

// A chaoticService answers by chance, after any time, and remembers what was
// sent when.
type chaoticService struct {
	random   *rand.Rand
	ceiling  int
	mu       sync.Mutex
	inFlight int
	most     int
	resume   time.Time // end of the Retry-After that was given
	early    int       // requests sent before that
}

func (s *chaoticService) answer() (took time.Duration, signal pace.Signal, retryAfter time.Duration) {
	took = time.Duration(s.random.IntN(200)) * time.Millisecond
	chance := s.random.Float64()
	switch {
	case chance < 0.03:
		return took, pace.RateLimited, time.Duration(s.random.IntN(5)) * time.Second
	case chance < 0.06:
		return took, pace.TimedOut, 0
	case chance < 0.1:
		return took, pace.Unavailable, 0
	}
	return took, pace.Answered, 0
}

// call makes one request of a row, and reports whether it was answered.
func (s *chaoticService) call(ctx context.Context, p *pace.Pacer, row int) (bool, error) {
	permit, err := p.Enter(ctx)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	if time.Now().Before(s.resume) {
		s.early++
	}
	took, signal, retryAfter := s.answer()
	s.mu.Unlock()
	sleep(took)
	s.mu.Lock()
	s.inFlight--
	if retryAfter > 0 {
		p.RetryAfter(retryAfter)
		if until := time.Now().Add(retryAfter); until.After(s.resume) {
			s.resume = until
		}
	}
	s.mu.Unlock()
	permit.Done(row, signal, errTrouble)
	return signal == pace.Answered, nil
}

// send sends rows until each is answered. Now and then somebody stops waiting.
func (s *chaoticService) send(t *testing.T, p *pace.Pacer, rows, workers int) {
	t.Helper()
	work := make(chan int)
	began := time.Now()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for row := range work {
				for answered := false; !answered; {
					if time.Since(began) > 24*time.Hour {
						t.Errorf("row %d is not sent for a day", row)
						break
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+row%7)*time.Second)
					var err error
					answered, err = s.call(ctx, p, row)
					cancel()
					if err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
						return
					}
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

// Whatever the service does and whoever stops waiting: all rows are sent, never
// more at once than the ceiling, and none before Retry-After has passed.
func TestAllRowsAreSentWhateverTheServiceDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := &chaoticService{random: random, ceiling: 1 + random.IntN(40)}
			p := pace.New(pace.Options{
				Ceiling: s.ceiling, Rate: float64(seed%2) * 100, Patience: time.Hour,
				ProbeWait: time.Second, MaxProbeWait: 10 * time.Second,
				Clock:  pace.Clock{Now: time.Now, Wait: wait},
				OnOpen: func(error) {}, OnClose: func() {},
			})
			s.send(t, p, 400, 50)
			if s.most > s.ceiling || s.early > 0 {
				t.Errorf("seed %d: %d in flight with a ceiling of %d, %d sent before Retry-After", seed, s.most, s.ceiling, s.early)
			}
			if limit := p.Limit(); limit < 1 || limit > s.ceiling {
				t.Errorf("seed %d: the limit is %d with a ceiling of %d", seed, limit, s.ceiling)
			}
		})
	}
}

// After an outage of any length within the patience, the service is used as before.
func TestServiceThatIsBackIsUsedAgain(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{time.Second, time.Minute, 50 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			opened, closed := 0, 0
			p := pace.New(pace.Options{
				Ceiling: 32, Patience: time.Hour, ProbeWait: 100 * time.Millisecond, MaxProbeWait: 30 * time.Second,
				Clock:  pace.Clock{Now: time.Now, Wait: wait},
				OnOpen: func(error) { opened++ }, OnClose: func() { closed++ },
			})
			began := time.Now()
			var group sync.WaitGroup
			for worker := range 32 {
				group.Go(func() {
					for time.Since(began) < outage+time.Minute {
						permit, err := p.Enter(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						signal := pace.Answered
						if time.Since(began) < outage {
							signal = pace.Unavailable
						}
						sleep(20 * time.Millisecond)
						permit.Done(worker, signal, errTrouble)
					}
				})
			}
			group.Wait()
			if opened != 1 || closed != 1 || p.Limit() != 32 {
				t.Errorf("outage of %s: opened %d times, closed %d times, %d in flight", outage, opened, closed, p.Limit())
			}
		})
	}
}

func TestServiceThatStaysDownEndsTheRunAfterThePatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Options{
			Ceiling: 32, Patience: 10 * time.Minute, ProbeWait: time.Second, MaxProbeWait: 30 * time.Second,
			Clock:  pace.Clock{Now: time.Now, Wait: wait},
			OnOpen: func(error) {}, OnClose: func() {},
		})
		began := time.Now()
		var group sync.WaitGroup
		for worker := range 32 {
			group.Go(func() {
				for {
					permit, err := p.Enter(t.Context())
					if err != nil {
						if !errors.Is(err, pace.ErrCircuitOpen) || !errors.Is(err, errTrouble) {
							t.Errorf("%v", err)
						}
						return
					}
					permit.Done(worker, pace.Unavailable, errTrouble)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took != 10*time.Minute {
			t.Errorf("the run ended after %s", took)
		}
	})
}

func BenchmarkEnterAndDone(b *testing.B) {
	p := pace.New(pace.Options{Ceiling: 64, Clock: pace.Clock{Now: time.Now, Wait: wait}})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		permit, err := p.Enter(ctx)
		if err != nil {
			b.Fatal(err)
		}
		permit.Done(1, pace.Answered, nil)
	}
}

// BenchmarkEnterAndDoneInAQueue has more workers than requests may be in flight.
func BenchmarkEnterAndDoneInAQueue(b *testing.B) {
	p := pace.New(pace.Options{Ceiling: 2, Clock: pace.Clock{Now: time.Now, Wait: wait}})
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			permit, err := p.Enter(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			runtime.Gosched()
			permit.Done(1, pace.Answered, nil)
		}
	})
}

func TestRequestAllocatesNothing(t *testing.T) {
	p := pace.New(pace.Options{Ceiling: 64, Clock: pace.Clock{Now: time.Now, Wait: wait}})
	if n := testing.AllocsPerRun(1000, func() {
		permit, _ := p.Enter(t.Context())
		permit.Done(1, pace.Answered, nil)
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}
