package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// errCtrlC is the cause of a context that Ctrl-C ended; SIGTERM ends one without it.
var errCtrlC = errors.New("interrupted")

// How long a command has to account for what it has done: after Ctrl-C, when a person waits, and after SIGTERM, when a system does.
const (
	waitAfterInterrupt = 900 * time.Millisecond
	waitAfterTerm      = 6 * time.Second
)

// Interruptible is a context that ends with Ctrl-C or SIGTERM. The second signal is the system's own: it ends the process at once.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			if s == os.Interrupt {
				cancel(errCtrlC)
			}
			cancel(nil)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// untilInterrupted does a command's work and reports its error. A command that does not end within a second of Ctrl-C (it reads from a
// pipe that nobody writes to, or a library call has no way out) is left behind.
func untilInterrupted(ctx context.Context, k *cmdutil.App, work func() error) int {
	done := make(chan error, 1)
	go func() { done <- work() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = afterInterrupt(ctx, k, done)
	}
	if err == nil {
		return 0
	}
	f := failure.From(err)
	if f.Code == failure.Interrupted && f.Hint == "" {
		with := *f
		with.Hint = "give the same command again; what was done before is done"
		f = &with
	}
	report(k, f)
	return f.Code.Exit()
}

func afterInterrupt(ctx context.Context, k *cmdutil.App, done <-chan error) error {
	wait := waitAfterTerm
	if errors.Is(context.Cause(ctx), errCtrlC) {
		wait = waitAfterInterrupt
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		if k.IsSaving() {
			return <-done
		}
		return failure.New(failure.Interrupted, "interrupted while waiting for something that has no end of its own")
	}
}
