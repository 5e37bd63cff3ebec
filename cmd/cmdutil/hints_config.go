package cmdutil

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// configHints are for a configuration that cannot be used.
var configHints = map[failure.Reason]hint{
	config.ReasonNoFile:      fixed("check --config and TELEMATICSCTL_CONFIG"),
	config.ReasonUnreadable:  about("make it a file that you can read, or name another with --config: "),
	config.ReasonInvalidFile: about("correct the file in an editor: "),
	config.ReasonForeignWriters: func(_ *App, e *failure.Error) string {
		return "make it yours alone: `chmod 600 " + QuoteForShell(e.Subject) + "`, in a folder that only you can write to"
	},
	config.ReasonNoHome:   about("set "),
	config.ReasonEnvToken: fixed("set it to the JWT alone, on one line"),
	config.ReasonNoProfile: func(a *App, _ *failure.Error) string {
		if a.config == nil {
			return ""
		}
		others := "use the profile sandbox"
		if names := a.config.Names(); len(names) > 0 {
			others = "choose one of " + strings.Join(append(names, config.SandboxProfile), ", ")
		}
		return others + ", or add one with " +
			a.CommandWithoutProfile("profile", "add", "NAME", "--instance-id", "ID")
	},
	config.ReasonProfileExists: func(a *App, e *failure.Error) string {
		return "change it with --replace, or remove it first: " + a.CommandWithoutProfile("profile", "remove", e.Subject)
	},
	config.ReasonBuiltIn: fixed("choose another name"),
	config.ReasonNoInstance: func(a *App, _ *failure.Error) string {
		return "add a profile with " + a.CommandWithoutProfile("profile", "add", "NAME", "--instance-id", "ID") +
			", set TELEMATICSCTL_INSTANCE_ID and TELEMATICSCTL_INSTANCE_KEY, or try --profile sandbox"
	},
	config.ReasonCommand: func(a *App, e *failure.Error) string {
		if a.config == nil {
			return ""
		}
		return "correct " + e.Subject + " in " + a.config.Path
	},
	config.ReasonPassphraseFile: fixed("correct or unset TELEMATICSCTL_STORE_PASSPHRASE_FILE"),
}
