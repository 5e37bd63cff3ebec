package apply

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Undo plans the inverse of a job that has applied a plan, by its journal: updates, moves and
// deactivations. What cannot be undone is in Plan.Cannot.
type Undo struct {
	plan          Plan
	moves, absent []Action
	seen          map[Kind]int
}

// NewUndo begins the inverse of a job.
func NewUndo(head Head) *Undo { return &Undo{plan: Plan{Head: head}, seen: map[Kind]int{}} }

// Add takes a row of the job.
func (u *Undo) Add(row job.Row) {
	kind := Kind(row.Action)
	switch row.Outcome {
	case job.Updated:
		switch a := inverse(row); {
		case a == nil:
		case a.deactivates():
			a.Action = Deactivate
			u.absent = append(u.absent, *a)
			u.plan.Summary.Deactivate++
		default:
			u.plan.Actions = append(u.plan.Actions, *a)
			u.plan.Summary.Update++
		}
	case job.Moved:
		if a := inverse(row); a != nil {
			a.Action = Move
			u.moves = append(u.moves, *a)
			u.plan.Summary.Move++
		}
	case job.Created, job.Confirmed, job.Deleted:
		u.seen[kind]++
	case job.Unknown:
		u.plan.Cannot = append(u.plan.Cannot,
			fmt.Sprintf("the %s of user %s: its outcome is unknown", row.Action, row.DeviceToken))
	}
}

func inverse(row job.Row) *Action {
	if row.DeviceToken == uuid.Nil || len(row.Changes) == 0 {
		return nil
	}
	a := Action{Action: Update, DeviceToken: row.DeviceToken, Key: row.DeviceToken.String(), KeyField: deviceTokenKey}
	for _, c := range row.Changes {
		a.Changes = append(a.Changes, job.Change{Field: c.Field, From: c.To, To: c.From})
	}
	return &a
}

// deactivates reports whether a user is deactivated again.
func (a *Action) deactivates() bool {
	return slices.ContainsFunc(a.Changes, func(c job.Change) bool { return c.Field == "Status" && c.To == "Deactivated" })
}

// Plan returns the plan.
func (u *Undo) Plan() *Plan {
	for _, x := range []struct {
		kind Kind
		why  string
	}{
		{Create, "users who were created stay: delete them by their DeviceTokens"},
		{Delete, "users who were deleted are gone, with their data"},
	} {
		if n := u.seen[x.kind]; n > 0 {
			u.plan.Cannot = append(u.plan.Cannot, fmt.Sprintf("%d to %s: %s", n, x.kind, x.why))
		}
	}
	u.plan.Actions = slices.Concat(u.plan.Actions, u.moves, u.absent)
	return &u.plan
}
