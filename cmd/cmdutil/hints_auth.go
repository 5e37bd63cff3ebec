package cmdutil

import (
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

const useStoredTokens = "`unset TELEMATICSCTL_ACCESS_TOKEN` to use the stored tokens, or set it to another JWT"

// authHints are for what keeps a call from being authorized; the error's subject is "admin", a
// DeviceToken or, for a password, the email address.
var authHints = map[failure.Reason]hint{
	auth.ReasonEnvToken: fixed(useStoredTokens),
	auth.ReasonSignedOut: func(a *App, e *failure.Error) string {
		return a.signInHint(e.Subject)
	},
	auth.ReasonUntried: func(a *App, e *failure.Error) string { // subject: the token store
		if e.Subject == tokenstore.KindMemory {
			return "check that the service takes the password with " + a.Command("auth", "login")
		}
		return "commands sign in with it when they need to; try it with " + a.Command("auth", "login")
	},
	auth.ReasonForbiddenUser: func(a *App, e *failure.Error) string {
		return "the JWT of user " + e.Subject + a.fromEnvironment() + " was used, and an admin's is needed: " +
			a.signInHint(auth.Admin)
	},
	auth.ReasonForbiddenAdmin: func(a *App, _ *failure.Error) string {
		text := "the JWT of the admin" + a.fromEnvironment() + " was used, and " +
			"one of an admin with rights to this user or instance is needed: "
		if a.hasEnvToken() {
			return text + useStoredTokens
		}
		return text + "sign in as another with " + a.Command("auth", "login")
	},
	auth.ReasonNewTokenRefused: func(a *App, e *failure.Error) string {
		return "the service refuses even a JWT that it has just issued: " + a.signInHint(e.Subject)
	},
	auth.ReasonPassword: func(a *App, e *failure.Error) string {
		return "check the email address and the password, then run " + a.Command("auth", "login", "--email", e.Subject)
	},
	auth.ReasonEnvPassword: func(a *App, e *failure.Error) string {
		return "correct the email address or TELEMATICSCTL_ADMIN_PASSWORD, or sign in with " +
			a.Command("auth", "login", "--email", e.Subject, "--password-stdin")
	},
	auth.ReasonSavedPassword: func(a *App, e *failure.Error) string {
		return "if the password was changed, store the new one with " +
			a.Command("auth", "login", "--email", e.Subject, "--save-password")
	},
	auth.ReasonUserSignIn: func(a *App, e *failure.Error) string {
		p, ok := a.profile()
		remove := "delete the tokens of a user who is gone with " + a.Command("token", "remove", e.Subject)
		if !ok || a.keyHint(p) == "" {
			return "the instance has no user " + e.Subject + ": " + remove
		}
		return "the InstanceKey is wrong, or the instance has no user " + e.Subject + ": " + a.keyHint(p) + ", or " + remove
	},
	auth.ReasonAnswerLost: fixed("run the command again: if the stored pair was spent, it signs in again where " +
		"that needs no person"),
	auth.ReasonSignInLimit: func(a *App, e *failure.Error) string {
		return "run the command again then; at a terminal, or for several users, it waits by itself with a --timeout of " +
			roundUp(e.RetryAfter).String() + " or more"
	},
	auth.ReasonBlocked: func(a *App, _ *failure.Error) string {
		return "wait until then; stored tokens still work. If the block is over, sign in with " +
			a.Command("auth", "login", "--ignore-guard")
	},
	auth.ReasonGuardDamaged: func(a *App, _ *failure.Error) string {
		return "wait until then; stored tokens still work. If the service does not block this machine, sign in with " +
			a.Command("auth", "login", "--ignore-guard")
	},
	auth.ReasonGuardNewer: about("update telematicsctl, or remove the file if no newer version is used here: "),
	auth.ReasonManySignIns: func(a *App, _ *failure.Error) string {
		return "sign in as the admin, who needs one sign-in for all: " + a.signInHint(auth.Admin)
	},
}

// signInHint names the one command that signs a subject in. While a JWT from the environment stands
// in for all that is stored, no sign-in helps.
func (a *App) signInHint(subject string) string {
	p, ok := a.profile()
	switch {
	case a.hasEnvToken():
		return useStoredTokens
	case subject != auth.Admin:
		return "sign in with " + a.Command("auth", "login", "--device-token", subject)
	case ok && p.TokenStore == tokenstore.KindMemory:
		return "set TELEMATICSCTL_ADMIN_EMAIL and TELEMATICSCTL_ADMIN_PASSWORD: token_store memory keeps no sign-in for " +
			"the next command"
	}
	return "sign in with " + a.adminLogin()
}

// adminLogin returns the command that signs the admin in, with the email address where it is known.
func (a *App) adminLogin(more ...string) string {
	args := []string{"auth", "login"}
	if p, ok := a.profile(); ok && p.AdminEmail != "" {
		args = append(args, "--email", p.AdminEmail)
	}
	return a.Command(append(args, more...)...)
}

// keyHint says how the InstanceKey of a profile is set: where it comes from, or, for a profile of
// the file, by storing it.
func (a *App) keyHint(p config.Profile) string {
	switch {
	case p.Sandbox:
		return "" // its key is built in
	case p.InstanceKeyFrom == "environment" || a.config == nil || !slices.Contains(a.config.Names(), p.Name):
		return "set TELEMATICSCTL_INSTANCE_KEY to the key of that instance"
	case p.InstanceKeyFrom == "file":
		return "correct instance_key of profile " + p.Name + " in " + a.config.Path
	case p.InstanceKeyFrom == "command":
		return "correct instance_key_command of profile " + p.Name + " in " + a.config.Path
	}
	return "store the key with " +
		a.CommandWithoutProfile("profile", "add", p.Name, "--replace", "--instance-id", p.InstanceID) +
		", or set TELEMATICSCTL_INSTANCE_KEY"
}

// profile returns the profile in force, for a hint; ok is false where the configuration says none.
func (a *App) profile() (p config.Profile, ok bool) {
	if a.config == nil {
		return p, false
	}
	p, err := a.config.Resolve()
	return p, err == nil
}

// fromEnvironment says of a JWT that it is the environment's, where it is.
func (a *App) fromEnvironment() string {
	if a.hasEnvToken() {
		return " in TELEMATICSCTL_ACCESS_TOKEN"
	}
	return ""
}

func (a *App) hasEnvToken() bool { return a.config != nil && !a.config.AccessToken.IsZero() }
