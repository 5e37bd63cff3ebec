package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The causes of a context that was ended from outside. They are one ending: no further
// request is begun, answers in flight are awaited briefly and recorded, files are
// written.
var (
	errCtrlC      = errors.New("Ctrl-C")
	errTerminated = errors.New("terminated")
	errReaderGone = errors.New("the reader of standard output went away")
)

// exitReaderGone is the exit status after errReaderGone: what a shell reports of a
// process that SIGPIPE ended.
const exitReaderGone = 141

// How long a command may take to end: after Ctrl-C, when a person waits, and after
// anything else, when a system does.
const (
	waitAfterCtrlC = 900 * time.Millisecond
	waitAfterTerm  = 6 * time.Second
)

// Interruptible returns a context that ends on SIGINT, SIGTERM and (unless it is ignored,
// as under nohup) SIGHUP. A second SIGINT or SIGTERM has its default effect: it ends the
// process at once. A second SIGHUP has none, as a terminal that is closed sends several.
// SIGPIPE ends nothing: a write to a closed pipe fails with EPIPE, and Run handles that.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	signals, pipes := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(signals, ends...)
	signal.Notify(pipes, syscall.SIGPIPE) // nothing reads the channel: being notified is what keeps the process alive
	go func() {
		select {
		case s := <-signals:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			if s == os.Interrupt {
				cancel(errCtrlC)
			}
			cancel(errTerminated)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		cancel(nil)
	}
}

// An output is standard output. It reports the first write that fails because nothing
// reads the pipe any more, and clears the spinner.
type output struct {
	io.Writer
	writing func([]byte) (done func())
	gone    func()
}

func (p *output) Write(b []byte) (int, error) {
	done := p.writing(b)
	n, err := p.Writer.Write(b)
	done()
	if isBrokenPipe(err) {
		p.gone()
		return n, err
	}
	if err != nil {
		err = atomicfile.Failure(failure.Failed, "standard output cannot be written", "", err)
	}
	return n, err
}

// isBrokenPipe reports whether a write failed because the reader of a pipe went away.
func isBrokenPipe(err error) bool {
	const errNoData, errBrokenPipe = syscall.Errno(232), syscall.Errno(109) // Windows
	return errors.Is(err, syscall.EPIPE) || runtime.GOOS == "windows" &&
		(errors.Is(err, errNoData) || errors.Is(err, errBrokenPipe))
}

// untilInterrupted runs a command, reports its error and returns the exit status. A
// command that does not end soon after an interrupt (it reads from a pipe that nothing
// writes to, or a library call cannot be canceled) is left behind.
func untilInterrupted(ctx context.Context, app *cmdutil.App, work func(context.Context) error) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pager := app.NewPager()
	app.Streams.Out = &output{pager, app.Streams.Writing, func() { cancel(errReaderGone) }}
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = afterInterrupt(ctx, app, done)
	}
	app.Streams.EndBusy()
	paged := pager.End(!errors.Is(context.Cause(ctx), errTerminated))
	if err == nil {
		return 0
	}
	f := failure.From(err)
	if paged && context.Cause(ctx) == errReaderGone { //nolint:errorlint // the cause itself, not what wraps it
		return 0 // the reader has seen enough
	}
	if context.Cause(ctx) == errReaderGone { //nolint:errorlint // the cause itself, not what wraps it
		if app.HasChanged() {
			report(app, readerGone(f))
		}
		return exitReaderGone
	}
	if f.Code == failure.Interrupted && f.Reason == "" && f.Hint == "" {
		with := *f
		with.Hint = "run the same command again: what was done before stays done"
		if f.MayHaveApplied {
			with.Message += "; it may have been carried out anyway"
			with.Hint = "look what was done before you run the command again"
		}
		f = &with
	}
	report(app, f)
	return f.Code.Exit()
}

// readerGone returns the error of a command that changed something and could not print it all.
func readerGone(f *failure.Error) *failure.Error {
	with := *f
	with.Code = failure.Interrupted
	with.Message = "standard output was closed before everything was printed: " + f.Message
	return &with
}

func afterInterrupt(ctx context.Context, app *cmdutil.App, done <-chan error) error {
	wait := waitAfterTerm
	if context.Cause(ctx) == errCtrlC { //nolint:errorlint // the cause itself, not what wraps it
		wait = waitAfterCtrlC
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		if app.IsSaving() {
			return <-done
		}
		return failure.New(failure.Interrupted, "interrupted while waiting for something that does not end by itself")
	}
}
