package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lease"
)

// leaseHints are for temporary changes.
var leaseHints = map[failure.Reason]hint{
	lease.ReasonNoLease: func(a *App, _ *failure.Error) string {
		return "list the leases with " + a.Command("lease", "list")
	},
	lease.ReasonSweeping: fixed("run the command again when it has ended"),
	lease.ReasonUnreadable: func(_ *App, e *failure.Error) string {
		return "if the file is damaged, remove " + e.Subject +
			", and put the flags back yourself: the audit record has the changes"
	},
}
