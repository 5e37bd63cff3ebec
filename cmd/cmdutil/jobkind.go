package cmdutil

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A JobKind is an operation as the commands run it as a job: its command begins
// one, and `job resume` and `job retry` run it again by what the job has kept.
type JobKind struct {
	Operation string // job.Operation.Name
	Derives   bool   // it derives DeviceTokens: the identity key must stay the same
	Past      string // the outcome that a summary leads with: "created"

	// Output checks the output flags, and returns what prints the rows.
	Output func(a *App, p *render.Printer) (JobOutput, error)
	// Open prepares a run. Nothing was sent yet, and Open sends nothing.
	Open func(ctx context.Context, r *JobRun) (*JobParts, error)
}

// JobOutput prints the rows of a run as they are settled, in the form of its
// command.
type JobOutput interface {
	Begin(id string, requested int)
	Add(row job.Row) error
	End(s job.Summary) error
}

// JobRun is what a kind's Open gets.
type JobRun struct {
	App      *App
	Session  *Session
	Flags    *JobFlags
	Instance userservice.Instance // zero where InstanceErr is set
	Job      *job.Job
	Options  json.RawMessage // the kind's own: JobCommand.Options
	Input    JobInput
	Resumed  bool // the job was there before
	DryRun   bool
	// InstanceErr is why the instance or its key is not known. Rows are checked, and
	// a dry run is made, without them.
	InstanceErr error

	deriver identity.Deriver
	derives bool // deriver is known
}

// JobParts are what a run consists of.
type JobParts struct {
	Operation job.Operation
	Source    job.Source
	File      *input.File // nil for a job without an input; it is closed by the caller
	Rows      int         // of a job without an input
	// Table is the input as files of results repeat it; nil: the File's cells.
	Table job.Table
	// FailedWithTokens has --failed-out give each row its DeviceToken, as it has no
	// other key.
	FailedWithTokens bool
	// HideTokens has a dry run print no DeviceTokens: the service will choose them.
	HideTokens bool

	// Warn warns of what a new job will do, once its input is known to be right; nil for nothing.
	Warn func()
	// Confirm asks what is to be asked before anything is sent, and refuses what cannot be done.
	Confirm func(ctx context.Context, requested int) error
	// ConfirmLeft holds --confirm to what a resumed job that deletes users sends yet; nil for others.
	ConfirmLeft func(left int) error

	Start   func(ctx context.Context, requested int) error // before the first row is sent; nil for nothing
	Settled func(ctx context.Context, row job.Row) error   // for each row, before it is printed; nil for nothing
	Check   func(t job.Tally) error                        // after each row; its error ends the run; nil for none
	Finish  func(ctx context.Context) error                // after the last, however the run ended; nil for nothing
}

// OpenInput opens the job's copy of its input, with what the kind adds to the
// options. keys is by --key.
func (r *JobRun) OpenInput(ctx context.Context, o input.Options) (*input.File, error) {
	spec := r.Job.Spec
	o.Name, o.Path, o.Now = spec.Input.Name, r.Job.InputPath(), r.App.Now()
	o.Format, o.Encoding, o.Separator, o.Sheet = r.Input.Format, r.Input.Encoding, r.Input.Separator, r.Input.Sheet
	o.DateFormat, o.Map, o.IgnoreUnknown, o.SkipValidation = r.Input.DateFormat, r.Input.Map, r.Input.IgnoreUnknown,
		r.Input.NoValidate
	o.ColumnsLater = true
	return input.Open(ctx, o, nil)
}

// Preference reads --key; ok is false where it was not given.
func (in JobInput) Preference() (p identity.Preference, ok bool, err error) {
	if in.Key == "" {
		return p, false, nil
	}
	p, err = identity.ParsePreference(in.Key)
	return p, err == nil, err
}

// KeyFields returns the fields of --key, for a list of users who are there
// already; nil where it was not given.
func (in JobInput) KeyFields() ([]*field.Field, error) {
	p, ok, err := in.Preference()
	if err == nil && ok && p.Rest != identity.Nothing {
		err = failure.Newf(failure.Invalid, "users cannot be found by %q", p.Rest)
	}
	return p.Fields, err
}

// JobCommand is a command that runs a job.
type JobCommand struct {
	Kind    JobKind
	Command string // as it is called: "user bulk"
	Flags   *JobFlags
	// Options are the kind's own, besides how the input is read: what decides what
	// is sent. A job is known by them, and has them as JSON.
	Options any
	// Input, if not nil, is the job's input, in place of --file.
	Input     io.Reader
	InputName string
	// Once and Anonymous are those of job.Request.
	Once, Anonymous bool
}

// keptOptions are what a job is known by, besides its input and selection.
type keptOptions struct {
	Input JobInput
	Kind  json.RawMessage
}

// keptSettings are what else a job keeps.
type keptSettings struct {
	Command     string
	SkipInvalid bool
	Raw         bool `json:",omitempty"`
}

// SummaryText counts outcomes in words: "7 of 10 users created, 2 existing". Where no outcome
// leads, past is "done", which is every outcome but failed, unknown and stale.
func SummaryText(past string, t job.Tally) string {
	done := t.Count(job.Outcome(past))
	if past == "done" {
		done = t.Done() - t.Count(job.Failed, job.Unknown, job.Stale)
	}
	text := fmt.Sprintf("%d of %s %s", done, Count(t.Requested, "user", "users"), past)
	for _, o := range []job.Outcome{job.Created, job.Updated, job.Deleted, job.Moved, job.Confirmed, job.Existing,
		job.Unchanged, job.Failed, job.Unknown, job.Stale} {
		if n := t.Count(o); n > 0 && string(o) != past {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	if n := t.NotSent(); n > 0 {
		text += fmt.Sprintf(", %d not sent", n)
	}
	return text
}
