package cmdutil

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/job/progress"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// run sends what is not settled, and prints every row.
func (r *jobRun) run(ctx context.Context) error {
	spec := r.Job.Spec
	settings, err := r.Flags.Settings(spec.Requested)
	if err != nil {
		return err
	}
	sends := !r.DryRun && !r.Job.Finished()
	release := func() {}
	if sends {
		if release, err = r.reserveFiles(spec.Requested); err != nil {
			return err
		}
		defer func() { release() }()
	}
	if sends && r.parts.Start != nil {
		if err := r.parts.Start(ctx, spec.Requested); err != nil {
			return err
		}
	}
	if sends {
		r.audit = r.Session.Recorder()
		if r.Resumed {
			r.audit.Resume(ctx, spec.ID, spec.Begun)
		}
	}
	id := spec.ID
	if r.DryRun && !r.Resumed {
		id = ""
	}
	r.out.Begin(id, spec.Requested)
	meter := r.meter(id)
	spinner := func() {}
	emitting := context.WithoutCancel(ctx)
	began := r.App.Now()
	summary, runErr := r.Job.Run(ctx, job.RunOptions{
		Operation: r.parts.Operation, Source: r.parts.Source, DryRun: r.DryRun,
		Concurrency: r.Flags.Concurrency, Rate: settings.Rate, Retries: r.Flags.Retries, FirstWait: r.firstWait(),
		Patience:    r.Flags.Patience,
		MaxFailures: settings.MaxFailures, Clock: pace.Clock{Now: r.App.Now, Wait: wait.Sleep},
		Check:  r.parts.Check,
		Watch:  func(g job.Gauge) { spinner = r.watch(meter, g) },
		Notify: func(n job.Notice) { meter.Aside(func() { r.notify(n) }) },
		Emit:   func(row job.Row) error { return r.emit(emitting, meter, row) },
		Flush:  r.flush,
	})
	meter.Stop()
	spinner()
	release() // what was held is written now
	closeErr := r.out.End(summary)
	if err := r.printer.Flush(); closeErr == nil {
		closeErr = err
	}
	// Whatever ended the run, what was done is kept: a second Ctrl-C ends it.
	defer r.App.Saving()()
	return r.finish(context.WithoutCancel(ctx), summary, began, runErr, closeErr)
}

func (r *jobRun) firstWait() time.Duration {
	if r.App.Retry.First > 0 {
		return r.App.Retry.First
	}
	return time.Second
}

// emit keeps and prints a row that is settled; ctx does not end with the run.
func (r *jobRun) emit(ctx context.Context, meter *progress.Meter, row job.Row) (err error) {
	if r.InstanceErr != nil || r.DryRun && r.parts.HideTokens {
		row.DeviceToken = uuid.Nil // it is derived by a key that is not known, or the service's choice
	}
	if row.Earlier {
		r.audit.Earlier(ctx, r.kept.Command, r.kind.Operation, r.Job.Spec.ID, row)
	} else {
		r.audit.Row(ctx, r.kept.Command, r.kind.Operation, r.Job.Spec.ID, row)
	}
	if row.Outcome == job.Existing && !row.Earlier && len(row.Changes) > 0 {
		r.changedUsers++
		r.changedCells += len(row.Changes)
		for _, c := range row.Changes {
			r.changedFields[c.Field] = true
		}
	}
	if r.parts.Settled != nil && !r.DryRun {
		if err := r.parts.Settled(ctx, row); err != nil {
			return err
		}
	}
	if !r.App.Streams.OutTTY { // the live line is not on standard output
		err = r.out.Add(row)
	} else {
		meter.Aside(func() { err = r.out.Add(row) })
	}
	if err != nil {
		r.failing = err
	}
	return err
}

// flush writes the rows that were printed.
func (r *jobRun) flush() error {
	err := r.printer.Flush()
	if err != nil {
		r.failing = err
	}
	return err
}

// watch shows the run from here on, in place of the spinner, if it is shown at all.
func (r *jobRun) watch(meter *progress.Meter, g job.Gauge) (spinner func()) {
	spinner = func() {}
	if meter.Shows() {
		spinner = r.App.Streams.HoldBusy()
	}
	meter.Watch(g)
	return spinner
}

// meter shows how the run is doing, unless nobody wants to know.
func (r *jobRun) meter(id string) *progress.Meter {
	mode := r.Flags.Progress
	if r.App.Flags.Quiet || r.DryRun {
		mode = progress.None
	}
	return progress.New(progress.Options{Mode: mode, Out: r.App.Streams.Err, TTY: r.App.Streams.ErrTTY, Now: r.App.Now,
		Job: id})
}

// notify prints what a person who watches should know.
func (r *jobRun) notify(n job.Notice) {
	switch n.Kind {
	case job.NoticeRetry:
		r.App.Streams.Note(fmt.Sprintf("%s; failed requests are retried", n.Err))
	case job.NoticeDown:
		r.App.Streams.Note(fmt.Sprintf("the service is down (%s): pausing for %s at most", n.Err, n.Patience))
	case job.NoticeUp:
		r.App.Streams.Note("the service is back: continuing")
	case job.NoticeUngrouped:
		r.App.Streams.Note("the service has no call for many users: registering them one by one")
	case job.NoticeIgnoresCustomToken:
		r.App.Streams.Warn("the service ignores CustomToken and chooses DeviceTokens itself: a registration whose " +
			"answer is lost is not retried, and is unknown")
	}
}
