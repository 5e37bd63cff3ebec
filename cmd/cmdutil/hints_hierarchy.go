package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
)

// hierarchyHints are for instances that cannot be found, created or deleted.
var hierarchyHints = map[failure.Reason]hint{
	hierarchy.ReasonNoInstance:    listInstances,
	hierarchy.ReasonManyInstances: fixed("name the instance by its ID"),
	hierarchy.ReasonNameTaken: func(a *App, e *failure.Error) string {
		return "choose another name, or use that instance: " + a.Command("instance", "use", e.Subject)
	},
	hierarchy.ReasonApplication: fixed("name the application by its ID with `--app`"),
	hierarchy.ReasonHasUsers: func(a *App, e *failure.Error) string {
		return "delete or move its users first; those of a throw-away instance are deleted with it by " +
			a.Command("instance", "delete", e.Subject, "--with-users")
	},
	hierarchy.ReasonNotThrowAway: func(a *App, e *failure.Error) string {
		return "only instances that were created with `--throw-away` are deleted with their users; without users: " +
			a.Command("instance", "delete", e.Subject)
	},
	hierarchy.ReasonUsersLeft: func(a *App, e *failure.Error) string {
		return "resume with " + a.Command("instance", "delete", e.Subject, "--with-users")
	},
}

func listInstances(a *App, _ *failure.Error) string {
	return a.Command("instance", "list") + " shows the instances"
}
