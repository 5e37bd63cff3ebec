package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// operationHints are for users who cannot be found, or not be changed, and for rows that
// name nobody.
var operationHints = map[failure.Reason]hint{
	fleet.ReasonListMoves:  fixed("try again when fewer users are added and removed"),
	fleet.ReasonNoMatch:    fixed("check the value: only users of the profile's instance with exactly this value count"),
	fleet.ReasonManyMatch:  fixed("name the user by one of these DeviceTokens"),
	fleet.ReasonOtherPlace: otherProfile,
	operation.ReasonNoUser: fixed("check the DeviceToken, and that the user is of this instance"),
	operation.ReasonInviteCode: func(a *App, e *failure.Error) string {
		return "check the invite code, and that there is such a user: " + a.Command("user", "get", e.Subject)
	},
	operation.ReasonTaken:   fixed("choose another CustomToken or ClientId, or delete or move that user first"),
	operation.ReasonNoAdmin: keyNeedsAdmin,
	operation.ReasonSameKey: func(_ *App, e *failure.Error) string {
		return "tell the rows apart by their numbers, as in `--set '" + e.Subject + "=test-{{.N}}'`"
	},

	operation.ReasonOtherInstance: otherProfile,

	// Of an undo, which is a command's own.
	"nothing-to-undo": func(a *App, e *failure.Error) string {
		return "list the changes of that user with " + a.Command("audit", "list", "--token", e.Subject)
	},
	"changed-since": func(a *App, e *failure.Error) string {
		return "look at the user with " + a.Command("user", "get", e.Subject) + ", and set what you want to have"
	},
}

func otherProfile(a *App, _ *failure.Error) string {
	return "use the profile of that user's instance: " + a.Command("profile", "list") + " shows the profiles"
}

func keyNeedsAdmin(a *App, _ *failure.Error) string {
	return "sign in as an admin with " + a.adminLogin() + ", or name users by their DeviceTokens"
}
