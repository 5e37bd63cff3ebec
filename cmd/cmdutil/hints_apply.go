package cmdutil

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// applyHints are for plans, and for files that are made the instance's.
var applyHints = map[failure.Reason]hint{
	apply.ReasonLimit: limitHint,
	apply.ReasonRows: func(_ *App, e *failure.Error) string {
		return "if the file is whole, add `--expect-rows " + e.Subject + "`"
	},
	apply.ReasonTruncated: fixed("export the file again; if it is whole, end its last line with a line break"),
	apply.ReasonOwners: fixed("apply the file once without `--absent`, which records whom it owns, or name them " +
		"with `--scope`, " +
		"as in `--scope 'ClientId=^hr-'`"),
	apply.ReasonDuplicate: fixed("make the keys unique, or choose another with `--key`"),
	apply.ReasonPlan:      fixed("make the plan again, with `--out`"),
	apply.ReasonOld:       fixed("make the plan again, or allow its age with `--max-age`"),
	apply.ReasonOther: func(a *App, e *failure.Error) string {
		return "use the profile that it was made for (" + e.Subject + "): " + a.Command("profile", "list") +
			" shows the profiles"
	},
	apply.ReasonStale:         fixed("make a new plan; with `--file` instead of `--plan` one is always made"),
	apply.ReasonOtherInstance: fixed("add `--moves` to move users of other instances here"),
	apply.ReasonLedger:        fixed("name another ledger with `--ledger`; without one, nobody who is absent is removed"),
	apply.ReasonCleared:       fixed("give the field a value, or leave the cell blank"),
}

// limitHint names the flag that lets exactly this number through.
func limitHint(_ *App, e *failure.Error) string {
	var flags []string
	for _, limit := range strings.Fields(e.Subject) {
		flags = append(flags, "--max-"+strings.Replace(limit, "=", " ", 1))
	}
	return "to see the plan, run \"user plan\" with the same flags; to let exactly this through, add `" +
		strings.Join(flags, " ") + "`"
}
