package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// storeHints are for token stores that cannot be used.
var storeHints = map[failure.Reason]hint{
	tokenstore.ReasonNoKeyring: func(a *App, _ *failure.Error) string { return a.fallbackStore() },
	tokenstore.ReasonKeyringLocked: func(a *App, _ *failure.Error) string {
		return "unlock the keyring (signing in to the desktop does), or " + a.fallbackStore()
	},
	tokenstore.ReasonRecordDamaged: func(a *App, e *failure.Error) string { return a.storeAgain(e.Subject) },
	tokenstore.ReasonFileDamaged: func(_ *App, e *failure.Error) string {
		return "restore a copy of the file, or move it away (`mv " + QuoteForShell(e.Subject) + " " +
			QuoteForShell(e.Subject+".damaged") +
			"`) and sign in again; it was left as it is"
	},
	tokenstore.ReasonNewer: func(*App, *failure.Error) string {
		return "update telematicsctl, then run the command again"
	},
	tokenstore.ReasonPassphrase: func(_ *App, e *failure.Error) string {
		return "set TELEMATICSCTL_STORE_PASSPHRASE to the passphrase that the file was created with; to start over, move " +
			e.Subject + " away"
	},
	tokenstore.ReasonNoPassphrase: func(*App, *failure.Error) string {
		return "set TELEMATICSCTL_STORE_PASSPHRASE or TELEMATICSCTL_STORE_PASSPHRASE_FILE, set " +
			"store_passphrase_command, or type the passphrase at a terminal"
	},
	tokenstore.ReasonBadKind: func(_ *App, e *failure.Error) string {
		return nearestFirst([]string{e.Subject}, "keyring, file, memory", "set token_store to one of ")
	},
	tokenstore.ReasonTooLong: func(a *App, _ *failure.Error) string { return a.fallbackStore() },
	tokenstore.ReasonUnreadable: func(_ *App, e *failure.Error) string {
		return "make " + e.Subject + " readable for you alone"
	},
}

// storeAgain says how a damaged record of a subject is written again.
func (a *App) storeAgain(subject string) string {
	switch subject {
	case tokenstore.SubjectAdmin:
		return "sign in again: " + a.adminLogin()
	case tokenstore.SubjectAdminPassword:
		return "store it again: " + a.adminLogin("--save-password")
	case tokenstore.SubjectInstanceKey, tokenstore.SubjectIdentityKey:
		return "store it again: " + a.Command("profile", "add", a.profileInForce(), "--replace", "--instance-key-stdin")
	default:
		return "sign in again: " + a.Command("auth", "login", "--device-token", subject)
	}
}

// fallbackStore says which other store fits where the keyring cannot be used, and how to set it. A
// file fits where its passphrase is set or a person can type it, and on a machine that is reached
// by SSH; memory fits an unattended run, such as a CI job's or a container's.
func (a *App) fallbackStore() string {
	const variable = "TELEMATICSCTL_STORE_PASSPHRASE"
	bySSH := a.Getenv("SSH_CONNECTION") != "" || a.Getenv("SSH_TTY") != ""
	inCI := a.Getenv("CI") != "" && a.Getenv("CI") != "false"
	switch {
	case a.Getenv(variable) != "":
		return "keep the tokens in an encrypted file (" + variable + " is set): " + a.setStore(tokenstore.KindFile)
	case a.Streams.CanPrompt() && !inCI:
		return "keep the tokens in an encrypted file: " + a.setStore(tokenstore.KindFile) +
			"; its passphrase is asked for, or comes from " + variable
	case bySSH && !inCI:
		return "keep the tokens in an encrypted file: set " + variable + ", and " + a.setStore(tokenstore.KindFile)
	default:
		return "keep the tokens in memory, for this run alone: " + a.setStore(tokenstore.KindMemory)
	}
}

// setStore says the two ways in which a kind of store is set.
func (a *App) setStore(kind string) string {
	text := "set TELEMATICSCTL_TOKEN_STORE=" + kind
	if name := a.profileInForce(); a.config != nil && a.config.Has(name) {
		text += ", or for good run " + a.Command("profile", "add", name, "--replace", "--token-store", kind)
	}
	return text
}

// profileInForce is the name of the profile that the command acts by.
func (a *App) profileInForce() string {
	if a.config == nil {
		return "NAME"
	}
	return a.config.Chosen()
}
