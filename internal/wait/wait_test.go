package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/wait"
)

func TestSleepEndsWithItsTimeOrItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := wait.Sleep(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Error(err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		err := wait.Sleep(ctx, time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Error(err, time.Since(begun))
		}
	})
}

func TestGraceOutlivesAnInterrupt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		longer, stop := wait.Grace(ctx, time.Second)
		defer stop()
		_ = wait.Sleep(t.Context(), time.Minute)
		interrupt()
		interrupted := time.Now()
		<-longer.Done()
		if took := time.Since(interrupted); took != time.Second {
			t.Errorf("the context outlived the interrupt by %s", took)
		}
		late, stopLate := wait.Grace(ctx, time.Second)
		defer stopLate()
		if late.Err() == nil {
			t.Error("a context that has ended has a grace")
		}
	})
}
