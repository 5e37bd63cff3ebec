package user

import (
	"context"
	"fmt"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// reverse applies the inverse of what a job has done.
func (x *applying) reverse(ctx context.Context) error {
	jobs, err := x.app.Jobs()
	if err != nil {
		return err
	}
	info, err := jobs.Find(ctx, x.o.undo)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return err
	}
	if info.Operation != apply.Name {
		return failure.Newf(failure.Invalid, "job %s is of %s, not of user apply: it cannot be undone", info.ID,
			info.Operation)
	}
	now := x.app.Now().UTC()
	undo := apply.NewUndo(apply.Head{
		Tool: "telematicsctl " + x.app.Version, Made: now, Listed: now, Profile: info.Profile, Host: info.Host,
		Instance: info.Instance, Undoes: info.ID, Ledger: ledgerOf(info.Spec), Absent: apply.AbsentIgnore,
	})
	if err := jobs.Rows(ctx, info.ID, func(row job.Row) error { undo.Add(row); return nil }); err != nil {
		return err
	}
	plan := undo.Plan()
	if plan.Head.Managed, err = managedBy(plan.Head); err != nil {
		return err
	}
	if err := x.o.checked.limits.Check(plan); err != nil {
		return err
	}
	x.notes(plan)
	if len(plan.Actions) == 0 {
		return x.nothing(plan)
	}
	if plan.Summary.Removals() > 0 {
		if err := x.confirm(ctx, plan); err != nil {
			return err
		}
		return x.run(ctx, plan, "undo of job "+info.ID, true)
	}
	x.show(plan)
	question := fmt.Sprintf("Undo %s of job %s?", cmdutil.Count(len(plan.Actions), "change", "changes"), info.ID)
	if err := x.app.Confirm(ctx, question); err != nil {
		return err
	}
	x.app.Flags.Yes = true // it is the answer for a protected profile, too
	return x.run(ctx, plan, "undo of job "+info.ID, true)
}

// managedBy returns how many users the ledger of a plan owns.
func managedBy(h apply.Head) (int, error) {
	if h.Ledger == "" {
		return 0, nil
	}
	l, err := apply.OpenLedger(h.Ledger, h.Host, h.Instance)
	if err != nil {
		return 0, err
	}
	return l.Owned(), nil
}
