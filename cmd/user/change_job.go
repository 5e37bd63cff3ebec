package user

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// changeKind is a change of the users of a file as a job.
func changeKind(op string) cmdutil.JobKind {
	return cmdutil.JobKind{Operation: op, Past: string(pastOf(op)), Output: newChangeOutput, Open: openChange}
}

// changeKinds are the changes that `job resume` and `job retry` can run again.
func changeKinds() []cmdutil.JobKind {
	return []cmdutil.JobKind{changeKind(opUpdate), changeKind(opDelete), changeKind(opMove)}
}

// changeOutput prints the rows of such a job: an array of users.
type changeOutput struct {
	printer *render.Printer
	stream  *render.Stream[changed]
}

func newChangeOutput(_ *cmdutil.App, p *render.Printer) (cmdutil.JobOutput, error) {
	return &changeOutput{printer: p}, changedView.Check(p)
}

// Begin implements cmdutil.JobOutput.
func (o *changeOutput) Begin(string, int) {
	o.stream = render.NewStream(o.printer, changedView, render.Frame{})
}

// Add implements cmdutil.JobOutput.
func (o *changeOutput) Add(row job.Row) error {
	out := newChanged(row.Result, "", nil)
	out.whom = row.ClientID
	return o.stream.Add(out)
}

// End implements cmdutil.JobOutput.
func (o *changeOutput) End(job.Summary) error { return o.stream.Close(nil) }

// changeJob is a change over the users of a file.
type changeJob struct {
	*changer
	run   *cmdutil.JobRun
	users *operation.ExistingUsers
	// stopList ends the reading of the list beside the changes; nil: it is not read so.
	stopList func()
	stored   map[string]bool // the users who have stored tokens; of a deletion
	gone     []string        // those of them who were deleted
}

func openChange(ctx context.Context, r *cmdutil.JobRun) (*cmdutil.JobParts, error) {
	var o changeOptions
	if err := json.Unmarshal(r.Options, &o); err != nil {
		return nil, job.DamagedFiles(r.Job.Spec.ID, err)
	}
	c, err := newChanger(ctx, r.App, r.Session, r.Session.API.Once(), o)
	if err != nil {
		return nil, err
	}
	j := &changeJob{changer: c, run: r, users: &operation.ExistingUsers{Admin: c.actor.Admin}}
	if j.users.Selector, err = operation.NewSelector(r.Job.Spec.Selection); err != nil {
		return nil, err
	}
	if !c.actor.Admin {
		if j.users.Deriver, err = r.Deriver(ctx); err != nil {
			return nil, err
		}
	}
	file, err := j.openFile(ctx)
	if err != nil {
		return nil, err
	}
	j.users.File = file
	if c.removes() && c.actor.Admin && !o.NoBackup && !r.DryRun {
		if c.backup, err = newBackup(r.Session, o.Operation, r.Job.Spec.ID); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	op, err := c.operation(ctx)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	parts := &cmdutil.JobParts{
		Operation: op, Source: j.users, File: file, Confirm: j.confirm, Start: j.start, Settled: j.settled, Finish: j.finish,
	}
	if j.question(0, "").Asks {
		parts.ConfirmLeft = func(left int) error {
			_, err := r.App.ConfirmDeletion(left, "user", "users")
			return err
		}
	}
	return parts, nil
}

// openFile opens the job's input: users with what is to be set, or, where every user gets the same,
// a list of users.
func (j *changeJob) openFile(ctx context.Context) (*input.File, error) {
	keys, err := j.run.Input.KeyFields()
	if err != nil {
		return nil, err
	}
	o := input.Options{Keys: keys, Identify: true, Select: func() func(*input.Row) bool {
		selected, err := j.users.Select()
		if err != nil {
			return func(*input.Row) bool { return true } // the error comes again when the rows are sent
		}
		return selected
	}}
	if j.options.Operation == opUpdate && j.change.Len() == 0 {
		o.Use = field.Update
	}
	return j.run.OpenInput(ctx, o)
}

// confirm refuses users who cannot all be signed in, and asks what is to be asked.
func (j *changeJob) confirm(ctx context.Context, requested int) error {
	if j.actor.Admin {
		if _, err := j.session.Auth.Token(ctx, auth.Admin); err != nil {
			return err
		}
	}
	var users []string
	var only job.Record
	err := j.users.Records(ctx, func(rec job.Record) error {
		only = rec
		if !j.actor.Admin && rec.DeviceToken != uuid.Nil {
			users = append(users, rec.DeviceToken.String())
		}
		return nil
	})
	if err == nil {
		err = j.actor.Check(ctx, j.session.Auth, users)
	}
	if err != nil {
		return err
	}
	q := j.question(requested, "")
	q.Asks = q.Asks && !j.run.Resumed
	if requested == 1 && j.changer.users != nil && (q.Asks || j.session.Profile.Protected) {
		if q.Whom, err = j.nameOf(ctx, only); err != nil {
			return err
		}
	}
	if j.leases != nil {
		j.leases.advise()
	}
	return j.session.ConfirmChange(ctx, q)
}

// nameOf names the user of the only record.
func (j *changeJob) nameOf(ctx context.Context, rec job.Record) (string, error) {
	var s fleet.State
	var err error
	if f, ok := field.Lookup(rec.KeyField); ok && rec.DeviceToken == uuid.Nil {
		s, err = j.changer.users.Lookup(ctx, fleet.ByKey(f, rec.Key))
	} else {
		s, err = j.changer.users.Read(ctx, rec.DeviceToken)
	}
	if failure.Is(err, failure.NotFound) || err == nil && s.User == nil {
		return "", nil // the row's own error says so
	}
	return whomAsked(s), err
}

// start reads the list of users where that is cheaper than reading each of them.
func (j *changeJob) start(ctx context.Context, requested int) error {
	if j.options.Operation == opDelete {
		j.stored = map[string]bool{}
		entries, err := j.session.Store.List(ctx, j.session.Profile.Name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			j.stored[e.Subject] = true
		}
	}
	if j.backup != nil && requested > 1 {
		if err := j.backup.open(); err != nil {
			return err
		}
	}
	switch {
	case j.members == nil, j.backup != nil: // each user is read anyway
		return nil
	case j.options.Operation == opUpdate:
		fields := j.change.Fields()
		if len(fields) == 0 {
			return nil // the rows say what is set
		}
		var err error
		j.stopList, err = operation.PrepareUpdate(ctx, j.members, fields, j.options.NoRead, requested)
		return err
	}
	return j.members.Prepare(ctx, requested, nil)
}

func (j *changeJob) settled(ctx context.Context, row job.Row) error {
	id := row.DeviceToken.String()
	switch {
	case row.Outcome == job.Deleted && j.stored[id]:
		j.gone = append(j.gone, id)
	case row.Outcome == job.Unchanged && j.leases != nil && !row.Earlier:
		return j.leases.extend(ctx, row.DeviceToken, j.change)
	}
	return nil
}

func (j *changeJob) finish(ctx context.Context) error {
	if j.stopList != nil {
		j.stopList()
	}
	j.leases.noteLasting()
	var err error
	if j.backup != nil {
		err = j.backup.close()
	}
	return errors.Join(err, j.session.Auth.Remove(ctx, j.gone...))
}
