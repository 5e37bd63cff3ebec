package config

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Why the configuration cannot be used.
const (
	ReasonNoFile      failure.Reason = "config-file-missing"    // subject: the file
	ReasonUnreadable  failure.Reason = "config-file-unreadable" // subject: the file
	ReasonInvalidFile failure.Reason = "config-file-invalid"    // subject: the file
	// subject: the file; others may write it, and it runs a command
	ReasonForeignWriters failure.Reason = "config-file-writable"
	ReasonNoHome         failure.Reason = "no-home-folder"           // subject: the variable that helps
	ReasonEnvToken       failure.Reason = "access-token-invalid"     // of the environment
	ReasonProfileName    failure.Reason = "profile-name-invalid"     // subject: a name that would be valid; may be empty
	ReasonNoProfile      failure.Reason = "profile-unknown"          // subject: the name
	ReasonProfileExists  failure.Reason = "profile-exists"           // subject: the name
	ReasonBuiltIn        failure.Reason = "profile-built-in"         // the profile sandbox
	ReasonNoInstance     failure.Reason = "instance-not-set"         // subject: the profile
	ReasonCommand        failure.Reason = "config-command-failed"    // subject: the key
	ReasonPassphraseFile failure.Reason = "passphrase-file-unusable" // subject: the file
)

func invalid(reason failure.Reason, subject, message string) *failure.Error {
	return failure.New(failure.Invalid, message).Because(reason, subject)
}
