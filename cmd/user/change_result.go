package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// settle counts a result, records it, and does what follows from it.
func (r *tokenRun) settle(ctx context.Context, recorder *cmdutil.Recorder, t *target, result job.Result) job.Result {
	ctx = context.WithoutCancel(ctx)
	result.Err = byFlags(result.Err)
	if result.Outcome == job.Unknown && result.Changes == nil {
		result.Changes = t.changes
	}
	row := job.Row{Result: result}
	if t.state.User != nil {
		row.ClientID = t.state.User.ClientID()
	}
	recorder.Row(ctx, r.command, r.options.Operation, "", row)
	if slices.Contains([]job.Outcome{job.Updated, job.Deleted, job.Moved, job.Unknown}, result.Outcome) {
		r.applied = append(r.applied, result.DeviceToken.String())
	}
	switch {
	case isDone(result.Outcome):
		r.done++
	case result.Outcome == job.Unknown:
		r.unknown++
	default:
		r.failed++
	}
	if r.first == nil {
		r.first = result.Err
	}
	if result.Outcome == job.Deleted {
		if err := r.session.Auth.Remove(ctx, result.DeviceToken.String()); err != nil {
			r.app.Streams.Warn("the tokens of user " + result.DeviceToken.String() + " are still stored: " +
				failure.From(err).Error())
		}
	}
	if result.Outcome == job.Unchanged && r.leases != nil {
		if err := r.leases.extend(ctx, result.DeviceToken, r.change); err != nil {
			r.app.Streams.Warn(failure.From(err).Error())
		}
	}
	return result
}

// err makes one error of many: a single user's is its own, Ctrl-C stays Ctrl-C, and otherwise some
// have failed.
func (r *tokenRun) err(ctx context.Context, printErr error) error {
	if printErr == nil && r.failed+r.unknown == 0 && (ctx.Err() == nil || r.done == r.all_) {
		return nil
	}
	past := string(pastOf(r.options.Operation))
	was := "were"
	if r.done == 1 {
		was = "was"
	}
	text := fmt.Sprintf("%d of %s %s %s", r.done, cmdutil.Count(r.all_, "user", "users"), was, past)
	if r.unknown > 0 {
		text += fmt.Sprintf(", %d may have been", r.unknown)
	}
	switch {
	case printErr != nil:
		if len(r.applied) > 0 {
			text += " (" + strings.Join(r.applied, ", ") + ")"
		}
		return cmdutil.Unprinted(printErr, text)
	case ctx.Err() != nil:
		return failure.New(failure.Interrupted, "interrupted: "+text)
	case r.all_ == 1:
		return r.alone(past)
	}
	return failure.New(failure.Partial, text).Because(cmdutil.ReasonSomeUnchanged, "")
}

// alone is the error of the only user.
func (r *tokenRun) alone(past string) error {
	if r.unknown == 0 {
		return r.first
	}
	return failure.Suffix(r.first, "the user may have been "+past+" anyway")
}
