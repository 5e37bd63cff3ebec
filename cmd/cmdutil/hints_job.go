package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

var jobHints = map[failure.Reason]hint{
	job.ReasonUnfinished: func(a *App, e *failure.Error) string {
		return "resume the job with " + a.Command("job", "resume", e.Subject)
	},
	job.ReasonRunning: func(a *App, e *failure.Error) string {
		if e.Subject == "" {
			return "wait for it to end; " + a.Command("job", "list") + " shows the jobs"
		}
		return "wait for it to end; " + a.Command("job", "show", e.Subject) + " shows how it stands"
	},
	job.ReasonNoJob: func(a *App, _ *failure.Error) string { return "see " + a.Command("job", "list") },
	job.ReasonAmbiguous: func(a *App, _ *failure.Error) string {
		return "give more of the ID; " + a.Command("job", "list") + " shows the jobs"
	},
	job.ReasonAbandoned: func(a *App, e *failure.Error) string {
		return "finish it with " + a.Command("job", "resume", e.Subject) + ", or add --restart to start over"
	},
	job.ReasonReplaced: func(a *App, _ *failure.Error) string {
		return "see the newer job in " + a.Command("job", "list")
	},
	job.ReasonDamaged: func(a *App, e *failure.Error) string {
		return "restore the job's folder from a backup if there is one; " + a.Command("job", "remove", e.Subject) +
			" removes what is left of it"
	},
	job.ReasonNewer:      fixed("use the version of this program that created the job"),
	job.ReasonInputGone:  fixed("give the command that began the job again, with its file"),
	job.ReasonInputLarge: fixed("split the input, or allow more with --max-input"),
	job.ReasonOtherKey:   fixed("give the command that began the job again"),
	job.ReasonIdentityKey: fixed("set the old InstanceKey as identity_key in the profile, or in " +
		"TELEMATICSCTL_IDENTITY_KEY, " +
		"so that the same people stay the same users"),
	job.ReasonFailures: func(a *App, e *failure.Error) string {
		return "correct what is wrong, or raise --max-failures; then resume with " + a.Command("job", "resume", e.Subject)
	},
	job.ReasonDown: func(a *App, e *failure.Error) string {
		return "wait until the service is back, then resume with " + a.Command("job", "resume", e.Subject)
	},
	job.ReasonWaitTooLong: func(_ *App, e *failure.Error) string {
		return "wait for " + e.Subject + ", or raise --patience"
	},
	job.ReasonFolderGone: fixed("put the state folder back, and give the command again"),
	job.ReasonOtherJob: func(_ *App, e *failure.Error) string {
		return "name the profile that the job was begun with (--profile " + QuoteForShell(e.Subject) +
			"), with the instance and the base URL that it had"
	},
	job.ReasonShard: fixed("name the results of all shards in the order of the shards, and the file and " +
		"its options as they were"),
	job.ReasonCredentialsExist: fixed("name another file, or move that one away"),
	job.ReasonNotCredentials:   fixed("name another file"),
}
