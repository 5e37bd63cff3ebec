package pace_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// paced runs a test in virtual time.
func paced(t *testing.T, o pace.Options, test func(t *testing.T, p *pace.Pacer)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o.Clock = pace.Clock{Now: time.Now, Wait: wait}
		if o.OnOpen == nil {
			o.OnOpen, o.OnClose = func(error) {}, func() {}
		}
		test(t, pace.New(o))
	})
}

// service answers requests of a pacer, each by its own worker, and returns how
// many were in flight at most.
func service(
	t *testing.T, p *pace.Pacer, requests int, answer func(n, inFlight int) (time.Duration, pace.Signal),
) (most int) {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	inFlight := 0
	for n := range requests {
		group.Go(func() {
			permit, err := p.Enter(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inFlight++
			most = max(most, inFlight)
			took, signal := answer(n, inFlight)
			mu.Unlock()
			sleep(took)
			mu.Lock()
			inFlight--
			mu.Unlock()
			permit.Done(n, signal, errors.New("trouble"))
		})
	}
	group.Wait()
	return most
}

func TestConcurrencyGrowsToTheCeilingWhileTheServiceKeepsUp(t *testing.T) {
	paced(t, pace.Options{Ceiling: 64}, func(t *testing.T, p *pace.Pacer) {
		began := time.Now()
		most := service(t, p, 6400, func(int, int) (time.Duration, pace.Signal) {
			return 20 * time.Millisecond, pace.Answered
		})
		if most != 64 || p.Limit() != 64 {
			t.Errorf("at most %d in flight, and %d at the end, not 64", most, p.Limit())
		}
		if took := time.Since(began); took > 2200*time.Millisecond {
			t.Errorf("%s for 2s of work at full concurrency", took)
		}
	})
}

func TestConcurrencyFallsOnTooManyRequestsAndOnTimeouts(t *testing.T) {
	for name, signal := range map[string]pace.Signal{"429": pace.RateLimited, "timeout": pace.TimedOut} {
		t.Run(name, func(t *testing.T) {
			paced(t, pace.Options{Ceiling: 64, Patience: time.Hour}, func(t *testing.T, p *pace.Pacer) {
				sent := 0
				service(t, p, 3000, func(_, inFlight int) (time.Duration, pace.Signal) {
					sent++
					if sent > 1000 && inFlight > 16 {
						return 20 * time.Millisecond, signal
					}
					return 20 * time.Millisecond, pace.Answered
				})
				if got := p.Limit(); got > 24 || got < 6 {
					t.Errorf("the limit is %d where the service takes 16", got)
				}
			})
		})
	}
}

// The latency of this service rises with more than ten requests in flight.
func TestConcurrencyFallsOnRisingLatency(t *testing.T) {
	paced(t, pace.Options{Ceiling: 128}, func(t *testing.T, p *pace.Pacer) {
		service(t, p, 20_000, func(_, inFlight int) (time.Duration, pace.Signal) {
			return max(100*time.Millisecond, time.Duration(inFlight)*10*time.Millisecond), pace.Answered
		})
		if got := p.Limit(); got > 60 {
			t.Errorf("the limit is %d where ten in flight are as fast", got)
		}
	})
}

func TestRateIsAHardCap(t *testing.T) {
	paced(t, pace.Options{Ceiling: 32, Rate: 50}, func(t *testing.T, p *pace.Pacer) {
		began := time.Now()
		service(t, p, 201, func(int, int) (time.Duration, pace.Signal) { return time.Millisecond, pace.Answered })
		if took := time.Since(began); took < 4*time.Second || took > 4200*time.Millisecond {
			t.Errorf("201 requests at 50 a second took %s", took)
		}
	})
}

func TestRetryAfterIsHonoredExactly(t *testing.T) {
	paced(t, pace.Options{Ceiling: 8}, func(t *testing.T, p *pace.Pacer) {
		p.RetryAfter(10 * time.Second)
		p.RetryAfter(3 * time.Second) // a shorter one does not replace the longer
		began := time.Now()
		service(t, p, 100, func(int, int) (time.Duration, pace.Signal) {
			if since := time.Since(began); since != 10*time.Second {
				t.Errorf("a request is sent after %s", since)
			}
			return 0, pace.Answered
		})
	})
}

// Requests that wait for their share of the rate have not been sent yet.
func TestRetryAfterStopsRequestsThatWaitForTheRate(t *testing.T) {
	paced(t, pace.Options{Ceiling: 8, Rate: 1}, func(t *testing.T, p *pace.Pacer) {
		began := time.Now()
		var group sync.WaitGroup
		for n := range 4 {
			group.Go(func() {
				permit, err := p.Enter(context.Background())
				if err != nil {
					t.Error(err)
				}
				if after := time.Since(began); after > 0 && after < time.Minute {
					t.Errorf("a request was sent %s after the service asked for a minute", after)
				}
				permit.Done(n, pace.Answered, nil)
			})
		}
		synctest.Wait() // one is sent, the others wait
		p.RetryAfter(time.Minute)
		group.Wait()
	})
}

// The waits between probes double.
func TestServiceThatIsDownIsProbedByOneRequestAtATime(t *testing.T) {
	ups := 0
	o := pace.Options{Ceiling: 32, Patience: time.Hour, ProbeWait: time.Second, MaxProbeWait: 30 * time.Second,
		OnOpen: func(error) {}, OnClose: func() {
			ups++
		}}
	paced(t, o, func(t *testing.T, p *pace.Pacer) {
		began := time.Now()
		tried, alone := 0, true
		service(t, p, 300, func(_, inFlight int) (time.Duration, pace.Signal) {
			if since := time.Since(began); since > 0 && since < 10*time.Minute {
				tried++
				alone = alone && inFlight == 1
			}
			if time.Since(began) < 10*time.Minute {
				return 0, pace.Unavailable
			}
			return 0, pace.Answered
		})
		if !alone || tried > 30 || tried < 15 || ups != 1 {
			t.Errorf("%d probes in ten minutes, alone: %v, closed %d times", tried, alone, ups)
		}
	})
}

// A request that was sent before the service went down may be answered late. Only
// the probe shows that the service is back.
func TestLateAnswerDoesNotCloseTheBreaker(t *testing.T) {
	downs, ups := 0, 0
	o := pace.Options{Ceiling: 32, Patience: time.Hour, ProbeWait: time.Second, MaxProbeWait: 30 * time.Second,
		OnOpen: func(error) {
			downs++
		}, OnClose: func() { ups++ }}
	paced(t, o, func(t *testing.T, p *pace.Pacer) {
		enter := func() pace.Permit {
			permit, err := p.Enter(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return permit
		}
		early := enter()
		for row := 1; !enter().Done(row, pace.Unavailable, errors.New("trouble")); row++ {
			if row > 100 {
				t.Fatal("a hundred rows have failed, and the breaker is closed")
			}
		}
		if !early.Done(0, pace.Answered, nil) {
			t.Error("a late answer closed the breaker")
		}
		began := time.Now()
		if enter().Done(1, pace.Answered, nil) || time.Since(began) < time.Second {
			t.Errorf("the probe was sent after %s, and its answer did not close the breaker", time.Since(began))
		}
	})
	if ups > downs || downs > 1 {
		t.Errorf("opened %d times and closed %d times", downs, ups)
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	paced(t, pace.Options{Ceiling: 1}, func(t *testing.T, p *pace.Pacer) {
		permit, err := p.Enter(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := p.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the wait for a slot ends with %v", err)
		}
		permit.Done(1, pace.Answered, nil)
		if _, err := p.Enter(context.Background()); err != nil {
			t.Errorf("the slot that was freed: %v", err)
		}
	})
}
