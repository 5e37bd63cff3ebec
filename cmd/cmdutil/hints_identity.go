package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Reasons of registering one user; the subject is the DeviceToken.
const (
	ReasonUserExists   failure.Reason = "user-exists"
	ReasonUserMayExist failure.Reason = "user-may-exist" // an answer was lost
)

var identityHints = map[failure.Reason]hint{
	ReasonUserExists: func(a *App, e *failure.Error) string {
		return "look at the user with " + a.Command("user", "get", e.Subject) + ", or add --if-exists ok"
	},
	ReasonUserMayExist: func(_ *App, e *failure.Error) string {
		return "run the command again with --custom-token " + e.Subject + ": it creates the user at most once"
	},
}
