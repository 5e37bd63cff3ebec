// Package wait has the two waits that end with a context: a pause, and the grace in which an
// answer may still come.
package wait

import (
	"context"
	"time"
)

// Sleep waits for d; it ends early, with the context's error, when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AnswerGrace is how long, after an interrupt, the answer to a change is awaited: long enough for
// most, and a command still ends within a second of Ctrl-C.
const AnswerGrace = 600 * time.Millisecond

// Grace returns a context that outlives ctx by the grace, so that a request that was sent can be
// answered after an interrupt. It ends at once where ctx has ended before.
func Grace(ctx context.Context, grace time.Duration) (longer context.Context, stop context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithCancel(ctx)
	}
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		release()
		cancel()
	}
}
