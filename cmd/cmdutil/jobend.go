package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// finish writes the files, says how it went and chooses the error.
func (r *jobRun) finish(ctx context.Context, s job.Summary, began time.Time, runErr, closeErr error) error {
	var keepErr error
	if r.parts.Finish != nil && !r.DryRun {
		keepErr = r.parts.Finish(ctx)
	}
	if r.DryRun {
		return r.endDryRun(s, errors.Join(runErr, closeErr))
	}
	r.audit.Flush(ctx)
	r.report(s, r.App.Now().Sub(began))
	r.noteChanged()
	filesErr := r.writeFiles(ctx)
	if runErr != nil {
		if filesErr != nil {
			r.App.Streams.Warn(failure.From(filesErr).Error())
		}
		return r.endedEarly(s, runErr)
	}
	if err := errors.Join(keepErr, closeErr, filesErr); err != nil {
		return r.unprinted(err, closeErr)
	}
	return r.partial(s)
}

// unprinted is the error of a run that sent all rows and could not print or keep
// everything.
func (r *jobRun) unprinted(err, closeErr error) error {
	f := failure.Copy(err)
	if closeErr != nil {
		f.Hint = "list the users with " + r.App.Command("job", "show", r.Job.Spec.ID)
	}
	return f
}

// report says how the run went, so that it can be pasted into a ticket.
func (r *jobRun) report(s job.Summary, took time.Duration) {
	r.App.Streams.Note(SummaryText(r.kind.Past, s.Tally))
	if s.Settled == 0 {
		return
	}
	took = max(took.Round(time.Millisecond), time.Millisecond)
	if took > time.Second {
		took = took.Round(10 * time.Millisecond)
	}
	text := fmt.Sprintf("Job %s: %s in %s", s.Job, Count(s.Settled, "row", "rows"), took)
	if seconds := took.Seconds(); seconds >= 1 {
		text += fmt.Sprintf(" (%.1f/s)", float64(s.Settled)/seconds)
	}
	r.App.Streams.Note(text)
}

// noteChanged names the cells of existing users that differ from the input, and
// the command that writes them.
func (r *jobRun) noteChanged() {
	if r.changedUsers == 0 {
		return
	}
	text := fmt.Sprintf("%s from the input, in %s; nothing of it was changed",
		Count(r.changedUsers, "existing user differs", "existing users differ"),
		Count(r.changedCells, "cell", "cells")+" ("+strings.Join(slices.Sorted(maps.Keys(r.changedFields)), ", ")+")")
	if in := r.Job.Spec.Input; in != nil && in.Name != "-" {
		text += ": update with " + r.App.Command("user", "update", "--file", in.Name)
	}
	r.App.Streams.Note(text)
}

// endDryRun says what would be sent.
func (r *jobRun) endDryRun(s job.Summary, err error) error {
	if err != nil {
		return err
	}
	text := "Dry run: nothing would be sent"
	if n := s.Count(job.Planned); n > 0 {
		text = fmt.Sprintf("Dry run: %s would be %s, with at most %s in flight; nothing was sent",
			Count(n, "user", "users"), r.kind.Past, Count(r.Flags.Concurrency, "request", "requests"))
	}
	if n := s.Done() - s.Count(job.Planned, job.Failed); n > 0 {
		text += fmt.Sprintf("; %s done", Count(n, "row is", "rows are"))
	}
	if n := s.Count(job.Failed); n > 0 {
		text += fmt.Sprintf("; %s failed or invalid", Count(n, "row is", "rows are"))
	}
	var files []string
	for _, path := range []string{r.Flags.Results, r.Flags.FailedOut, r.Flags.TokensOut} {
		if path != "" {
			files = append(files, path)
		}
	}
	if len(files) > 0 {
		text += "; not written: " + strings.Join(files, ", ")
	}
	if r.InstanceErr != nil {
		text += "; DeviceTokens are not shown: " + failure.From(r.InstanceErr).Message
	}
	r.App.Streams.Note(text)
	return nil
}

// endedEarly is the error of a run that did not come to its end, with what was
// done and how to resume.
func (r *jobRun) endedEarly(s job.Summary, err error) error {
	f := failure.Copy(err)
	if f.Code == failure.Invalid && s.Settled > 0 {
		f.Code = failure.Failed
	}
	f.Message = SummaryText(r.kind.Past, s.Tally) + ": " + f.Message
	resume := "resume with " + r.App.Command("job", "resume", r.Job.Spec.ID)
	switch hint := r.App.Hint(f); {
	case f.Reason == apply.ReasonStale: // a new plan is a new job
		f.Hint = hint
	case s.NotSent()+s.Retryable == 0 || r.failing != nil && s.NotSent()+s.Retryable == 0:
		f.Hint = "list the users with " + r.App.Command("job", "show", r.Job.Spec.ID)
	case r.failing != nil:
		f.Hint = "list the users with " + r.App.Command("job", "show", r.Job.Spec.ID) + ", and " + resume
	case hint == "" || resumeReasons[f.Reason]:
		f.Hint = cmp.Or(hint, resume)
	default:
		f.Hint = hint + "; then " + resume
	}
	return f
}

// resumeReasons are the reasons whose hint says how to resume already.
var resumeReasons = map[failure.Reason]bool{
	job.ReasonUnfinished: true, job.ReasonDown: true, job.ReasonFailures: true,
	job.ReasonWaitTooLong: true, job.ReasonFolderGone: true,
}

// partial is the error of a run that came to its end although rows did not end
// well.
func (r *jobRun) partial(s job.Summary) error {
	err := s.Err()
	if err == nil {
		return nil
	}
	f := failure.Copy(err)
	if f.Code != failure.Partial { // the single row's own
		return f
	}
	f.Message = SummaryText(r.kind.Past, s.Tally)
	show := "list the failed rows with " + r.App.Command("job", "show", s.Job)
	switch {
	case s.Count(job.Failed, job.Unknown, job.Stale) <= r.Job.Spec.Invalid: // nothing but rows that were never sent
		f.Hint = show + ", correct them, and run the command with the corrected input"
		if r.Flags.Report != "" {
			f.Hint = "correct the rows in " + QuoteForShell(r.Flags.Report) + ", and run the command with them: --file " +
				QuoteForShell(r.Flags.Report)
		}
	case s.Retryable > 0:
		f.Hint = show + "; resume with " + r.App.Command("job", "resume", s.Job)
	default:
		f.Hint = show + "; send them again with " + r.App.Command("job", "retry", s.Job)
	}
	return f
}
