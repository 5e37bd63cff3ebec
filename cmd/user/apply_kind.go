package user

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// applyOptions are what a job that applies a plan is known by, besides the plan.
type applyOptions struct {
	Ledger string // the path of the ledger; "" for none
}

// applyShown is a row of what `user apply` prints.
type applyShown struct {
	Key, DeviceToken, Action, Outcome string
	Changes                           []job.Change
	Error                             *string
}

var applyView = render.View[applyShown]{
	Columns: []render.Column[applyShown]{
		{Head: "ACTION", Name: "Action", Cell: func(s applyShown) any { return s.Action }},
		{Head: "KEY", Name: "Key", Cell: func(s applyShown) any { return s.Key }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(s applyShown) any { return s.DeviceToken }},
		cmdutil.OutcomeColumn(func(s applyShown) string { return s.Outcome }),
		{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(s applyShown) any { return s.Error }},
	},
	ID: func(s applyShown) string { return s.DeviceToken },
}

// applyOutput prints the rows of a job that applies a plan.
type applyOutput struct {
	app     *cmdutil.App
	printer *render.Printer
	stream  *render.Stream[applyShown]
	run     *applyRun
}

// Begin implements cmdutil.JobOutput.
func (o *applyOutput) Begin(id string, _ int) {
	o.stream = render.NewStream(o.printer, applyView, render.Frame{Head: struct{ Job string }{id}, Key: "Users"})
}

// Add implements cmdutil.JobOutput.
func (o *applyOutput) Add(row job.Row) error {
	o.run.note(o.app, row)
	s := applyShown{Key: row.ClientID, DeviceToken: row.DeviceToken.String(), Action: row.Action,
		Outcome: string(row.Outcome), Changes: row.Changes}
	if s.Changes == nil {
		s.Changes = []job.Change{}
	}
	if row.Err != nil {
		text := failure.From(row.Err).Error()
		s.Error = &text
	}
	return o.stream.Add(s)
}

// End implements cmdutil.JobOutput.
func (o *applyOutput) End(job.Summary) error {
	o.run.noteEnd(o.app)
	return o.stream.Close(struct{ Summary apply.Summary }{o.run.summary})
}

// noOutput prints nothing: of a job that is resumed before a file is applied.
type noOutput struct{}

func (noOutput) Begin(string, int)     {}
func (noOutput) Add(job.Row) error     { return nil }
func (noOutput) End(job.Summary) error { return nil }

// applyRun is what one run of a job that applies a plan has in common.
type applyRun struct {
	summary apply.Summary
	silent  bool
	all     bool // name every user who is stale
	stale   int
	shown   int
	asWas   int       // of those shown, who was as the plan wants already
	rows    []job.Row // those that change the ledger
}

// newApplyKind returns the operation that applies a plan: the job's input. A kind is for one run.
// run is nil for one that prints.
func newApplyKind(run *applyRun) cmdutil.JobKind {
	if run == nil {
		run = &applyRun{}
	}
	return cmdutil.JobKind{
		Operation: apply.Name, Derives: true, Past: "done",
		Output: func(a *cmdutil.App, p *render.Printer) (cmdutil.JobOutput, error) {
			if run.silent {
				return noOutput{}, nil
			}
			return &applyOutput{app: a, printer: p, run: run}, applyView.Check(p)
		},
		Open: run.open,
	}
}

// note says who is stale.
func (x *applyRun) note(a *cmdutil.App, row job.Row) {
	switch row.Outcome {
	case job.Stale:
		if x.stale++; x.all || x.stale <= mostOfKind {
			a.Streams.Note(fmt.Sprintf("! stale %s  %s", sanitize.Clean(row.ClientID), failure.From(row.Err).Message))
		}
	case job.Existing, job.Unchanged:
		x.asWas++
	}
	x.shown++
}

func (x *applyRun) noteEnd(a *cmdutil.App) {
	if more := x.stale - mostOfKind; more > 0 && !x.all {
		a.Streams.Note(fmt.Sprintf("  … and %d more are stale (--all names them)", more))
	}
	if x.shown > 0 && x.asWas == x.shown {
		a.Streams.Note("Nothing was changed: the users were as the plan wants already")
	}
}

func (x *applyRun) open(_ context.Context, r *cmdutil.JobRun) (*cmdutil.JobParts, error) {
	if r.InstanceErr != nil {
		return nil, r.InstanceErr
	}
	var o applyOptions
	if err := json.Unmarshal(r.Options, &o); err != nil {
		return nil, job.DamagedFiles(r.Job.Spec.ID, err)
	}
	f, err := os.Open(r.Job.InputPath())
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the plan of job "+r.Job.Spec.ID+" cannot be read", err)
	}
	defer func() { _ = f.Close() }()
	plan, err := apply.Decode(f, r.Job.Spec.Input.Name)
	if err != nil {
		return nil, err
	}
	x.summary = plan.Summary
	api := r.Session.API.Once()
	admin := userservice.AsAdmin()
	op := &apply.Operation{
		API: api, Instance: r.Instance, ServiceTime: api.ServiceTime, Actions: plan.Actions,
		Users: &fleet.Membership{Find: fleet.FindIn(api, admin), Instance: fleet.Instance{ID: r.Instance.ID}, Now: r.App.Now},
		Other: func(ctx context.Context, id string) (userservice.Instance, error) {
			info, err := api.Instance(ctx, admin, id)
			return userservice.Instance{ID: info.ID, Key: info.Key}, err
		},
	}
	parts := &cmdutil.JobParts{
		Operation: op, Source: op, Rows: len(plan.Actions), Check: apply.CheckStale,
		Confirm: func(ctx context.Context, requested int) error {
			return r.Session.ConfirmChange(ctx, cmdutil.Change{
				What: "Apply changes to", Users: requested, Then: " (" + x.summary.Text() + ")",
			})
		},
	}
	if removals := plan.Summary.Removals(); removals > 0 { // they come last
		parts.ConfirmLeft = func(left int) error {
			_, err := r.App.ConfirmDeletion(min(left, removals), "user, or deactivates one", "users, or deactivates them")
			return err
		}
	}
	if o.Ledger != "" {
		host := r.Session.API.Host()
		update := func(ctx context.Context, change func(*apply.Ledger)) error {
			_, err := apply.UpdateLedger(ctx, o.Ledger, host, r.Instance.ID, change)
			return err
		}
		if _, err = apply.OpenLedger(o.Ledger, host, r.Instance.ID); err != nil {
			return nil, err
		}
		parts.Start = func(ctx context.Context, _ int) error {
			defer func() { plan.Adopt, plan.Inactive = nil, nil }() // as many as there are users
			return update(ctx, func(l *apply.Ledger) { l.Begin(plan, r.App.Now()) })
		}
		parts.Settled = func(_ context.Context, row job.Row) error {
			row.Payload, row.Err, row.Detail = nil, nil, nil
			x.rows = append(x.rows, row)
			return nil
		}
		parts.Finish = func(ctx context.Context) error {
			return update(ctx, func(l *apply.Ledger) { l.Settled(x.rows, r.App.Now()) })
		}
	}
	return parts, nil
}
