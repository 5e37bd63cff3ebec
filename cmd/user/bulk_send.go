package user

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	newjob "github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/progress"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// largestStored is how many pairs a bulk run may put into the token store.
const largestStored = 100

// send runs the engine and accounts for what it did: the rows to standard output as they come, the pairs, the job's status, the files.
func (r *bulkRun) send(ctx context.Context) error {
	engine, err := r.engine(ctx)
	if err != nil {
		return err
	}
	pairs, err := r.openPairs()
	if err != nil {
		return err
	}
	if err := r.setStatus(journal.Running, job.Totals{}); err != nil {
		return errors.Join(err, pairs.close(ctx))
	}
	id := r.spec.ID
	if r.dryRun && !r.resumed {
		id = ""
	}
	out := render.NewStream(r.printer, bulkView, render.Frame{Head: bulkHead{Job: id, Requested: r.spec.Requested}, Key: "Users"})
	began := r.k.Now()
	meter := r.meter(id)
	engine.Watch = func(g job.Gauge) { meter.Watch(gauge(g)) }
	engine.Note = func(text string) { meter.Aside(func() { r.k.Streams.Note(text) }) }
	var why trouble
	engine.Emit = func(res job.Result) (err error) {
		why.add(res.Cause)
		if err := pairs.add(context.WithoutCancel(ctx), res); err != nil {
			return err
		}
		if !r.k.Streams.OutTTY { // the live line is elsewhere
			return out.Add(shown(res, r.k.Flags.ShowTokens))
		}
		meter.Aside(func() { err = out.Add(shown(res, r.k.Flags.ShowTokens)) })
		return err
	}
	totals, runErr := engine.Run(ctx)
	meter.Stop()
	closeErr := out.Close(bulkTail{totals.Created, totals.Existing, totals.Failed, totals.Unknown})
	// The users exist whatever ended the run: even after Ctrl-C their pairs are kept, and the files written to their end. A second one ends it.
	defer r.k.Saving()()
	storeErr := pairs.close(context.WithoutCancel(ctx))
	if r.dryRun {
		return r.endDryRun(totals, runErr, closeErr)
	}
	statusErr := r.setStatus(stateOf(totals), totals)
	r.account(totals, r.k.Now().Sub(began))
	filesErr := r.lateFiles(r.writeFiles(context.WithoutCancel(ctx)), totals)
	switch {
	case runErr != nil && filesErr != nil && !errors.Is(filesErr, input.ErrChanged): // of a file that was changed runErr tells, or its next run
		r.k.Streams.Warn(failure.From(filesErr).Error())
		fallthrough
	case runErr != nil:
		return r.endedEarly(runErr, totals)
	case storeErr != nil, closeErr != nil, filesErr != nil, statusErr != nil:
		return errors.Join(storeErr, closeErr, filesErr, statusErr)
	}
	return r.partial(totals, why)
}

// gauge is what the meter reads.
func gauge(g job.Gauge) newjob.Gauge {
	return newjob.Gauge{Limit: g.Limit, Tally: func() newjob.Tally {
		t := g.Totals()
		return newjob.Tally{Requested: t.Requested, Settled: t.Sent, Outcomes: map[newjob.Outcome]int{
			newjob.Created: t.Created, newjob.Existing: t.Existing, newjob.Failed: t.Failed, newjob.Unknown: t.Unknown,
		}}
	}}
}

// meter shows how the run is doing, unless nobody wants to know.
func (r *bulkRun) meter(job string) *progress.Meter {
	mode := r.pace.progress
	if r.k.Flags.Quiet || r.dryRun {
		mode = progress.None
	}
	return progress.New(progress.Options{Mode: mode, Out: r.k.Streams.Err, TTY: r.k.Streams.ErrTTY, Now: r.k.Now, Job: job})
}

// endDryRun says what would have been sent.
func (r *bulkRun) endDryRun(t job.Totals, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return err
	}
	how := "one by one"
	if r.spec.Quantity != nil && r.spec.Quantity.BatchSize > 0 {
		how = "in calls of up to " + cmdutil.Count(r.spec.Quantity.BatchSize, "user", "users")
	}
	text := "Dry run: nothing would be sent"
	if n := t.NotSent(); n > 0 {
		text = fmt.Sprintf("Dry run: %s would be registered %s, at most %s at once; nothing was sent", cmdutil.Count(n, "user", "users"), how, cmdutil.Count(r.pace.concurrency, "request", "requests"))
	}
	if n := t.Created + t.Existing + t.Unknown; n > 0 {
		text += "; " + cmdutil.Count(n, "row is done", "rows are done")
	}
	switch {
	case t.Failed > 0 && r.resumed:
		text += "; " + cmdutil.Count(t.Failed, "row failed and is not tried again", "rows failed and are not tried again")
	case t.Failed > 0:
		text += "; " + cmdutil.Count(t.Failed, "row is not valid", "rows are not valid")
	}
	r.k.Streams.Note(text)
	return nil
}

func stateOf(t job.Totals) string {
	if t.Done() {
		return journal.Finished
	}
	return journal.Stopped
}

func (r *bulkRun) setStatus(state string, t job.Totals) error {
	if r.dryRun || r.done { // a finished job that is given again keeps the account of what it did
		return nil
	}
	return r.job.SetStatus(journal.Status{State: state, Updated: r.k.Now().UTC(), Created: t.Created, Existing: t.Existing, Failed: t.Failed, Unknown: t.Unknown})
}

// account tells how the run went, so that it can be pasted into a ticket.
func (r *bulkRun) account(t job.Totals, took time.Duration) {
	r.k.Streams.Note(summary(t))
	if t.Sent == 0 {
		return
	}
	text := fmt.Sprintf("Job %s: %s in %s", r.spec.ID, cmdutil.Count(t.Sent, "row", "rows"), took.Round(10*time.Millisecond))
	if s := took.Seconds(); s >= 1 {
		text += fmt.Sprintf(" (%.1f a second)", float64(t.Sent)/s)
	}
	r.k.Streams.Note(text)
}

// writeFiles writes the files that were asked for, however the run has ended. Rows that it did not come to have no outcome in them.
func (r *bulkRun) writeFiles(ctx context.Context) error {
	o := r.spec.Outputs
	if o.Results != "" {
		blank, err := job.WriteResults(ctx, o.Results, r.source, r.table)
		if err != nil {
			return err
		}
		text := "Results are in " + o.Results
		if blank > 0 {
			text += "; " + cmdutil.Count(blank, "row that was not sent has", "rows that were not sent have") + " no Outcome there"
		}
		r.k.Streams.Note(text)
	}
	if o.FailedOut == "" {
		return nil
	}
	left, err := job.WriteFailed(ctx, o.FailedOut, r.source, r.table)
	if err == nil {
		r.k.Streams.Note(cmdutil.Count(left.Failed, "row that failed is", "rows that failed are") + " in " + o.FailedOut)
		r.noteLeft(left)
	}
	return err
}

// noteLeft says of rows that are unknown, or that are tried again, why they are not in the file of --failed-out.
func (r *bulkRun) noteLeft(left job.Left) {
	if left.Kept > 0 {
		r.k.Streams.Note(cmdutil.Count(left.Kept, "row that failed is", "rows that failed are") + " not in it, as given back they would be other users: " + r.onward() + " tries them again")
	}
	if left.Again > 0 {
		r.k.Streams.Note(cmdutil.Count(left.Again, "row is", "rows are") + " unknown, and not in it, as their users may be there: " + r.onward() + " tries them again")
	}
	if left.Lost > 0 {
		r.k.Streams.Note(cmdutil.Count(left.Lost, "row is", "rows are") + " unknown, and not in it, as their users may be there: they are never sent again. Look for them at the service before you register them anew")
	}
}
