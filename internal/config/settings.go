package config

import (
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// A kind is what the value of a setting may be.
type kind string

const (
	kindText    kind = "text"
	kindUUID    kind = "UUID"
	kindSecret  kind = "secret"
	kindBool    kind = "on or off"
	kindDays    kind = "days"
	kindURL     kind = "URL"
	kindFile    kind = "file"
	kindCommand kind = "command"
	kindStore   kind = "keyring, file or memory"
	kindProfile kind = "profile name"
)

// A Setting is a thing that can be set: by a key of the file, an environment variable, or both.
// Settings lists them all; whatever reads, checks, shows or documents the configuration goes by
// that list.
type Setting struct {
	Key      string // in the file, below the profile; "" where there is none
	Variable string // "" where there is none
	Kind     kind
	Default  string // as it is documented; "" where there is none
	Help     string
	Top      bool // the key stands at the top of the file, not below a profile
}

// Settings are all keys and variables, in the order in which they are shown.
var Settings = []Setting{
	{Key: "current_profile", Variable: "TELEMATICSCTL_PROFILE", Kind: kindProfile, Default: DefaultProfile, Top: true,
		Help: "profile to use where `--profile` names none"},
	{Key: "profiles", Kind: "mapping", Top: true, Help: "the profiles by name (`[a-z0-9_-]+`), each with the keys below"},

	{Key: "instance_id", Variable: "TELEMATICSCTL_INSTANCE_ID", Kind: kindUUID, Help: "InstanceId of the instance"},
	{Key: "instance_key", Variable: "TELEMATICSCTL_INSTANCE_KEY", Kind: kindSecret, Default: "from the token store",
		Help: "InstanceKey of the instance, a UUID"},
	{Key: "instance_key_command", Kind: kindCommand, Help: "command that prints the InstanceKey on its standard output"},
	{
		Key: "identity_key", Variable: "TELEMATICSCTL_IDENTITY_KEY", Kind: kindSecret, Default: "the InstanceKey",
		Help: "key that DeviceTokens are derived by, if the InstanceKey was replaced",
	},
	{Key: "identity_key_command", Kind: kindCommand, Help: "command that prints the identity key on its standard output"},
	{Key: "token_store", Variable: "TELEMATICSCTL_TOKEN_STORE", Kind: kindStore, Default: "keyring",
		Help: "where tokens and keys are stored"},
	{Key: "store_passphrase_command", Kind: kindCommand,
		Help: "command that prints the passphrase of the encrypted file (`token_store: file`)"},
	{Key: "protected", Kind: kindBool, Default: "off", Help: "ask before any change"},
	{Key: "audit", Kind: kindBool, Default: "on", Help: "record every change in the audit record"},
	{Key: "keep_days", Kind: kindDays, Default: "90", Help: "days to keep journals, backups and the audit record"},
	{Key: "ca_file", Kind: kindFile, Help: "PEM file of certificates to trust beside the system's"},
	{Key: "admin_email", Variable: "TELEMATICSCTL_ADMIN_EMAIL", Kind: kindText,
		Help: "email address that the admin signs in with"},
	{Key: "user_url", Variable: "TELEMATICSCTL_USER_URL", Kind: kindURL, Default: "https://user.telematicssdk.com",
		Help: "base URL of the user host"},
	{Key: "accounts_url", Variable: "TELEMATICSCTL_ACCOUNTS_URL", Kind: kindURL,
		Default: "https://accounts.telematicssdk.com", Help: "base URL of the accounts host"},
	{Key: "portal_url", Variable: "TELEMATICSCTL_PORTAL_URL", Kind: kindURL,
		Default: "https://portal-apis.telematicssdk.com", Help: "base URL of the portal host"},
	{Key: "statistics_url", Variable: "TELEMATICSCTL_STATISTICS_URL", Kind: kindURL,
		Default: "https://api.telematicssdk.com", Help: "base URL of the statistics host"},
	{
		Key: "device_status_url", Variable: "TELEMATICSCTL_DEVICE_STATUS_URL", Kind: kindURL,
		Default: "https://mobilesdk.telematicssdk.com",
		Help:    "base URL of the device status host",
	},
	{
		Key: "register_multiple_path", Kind: "path", Default: "/v1/Registration/CreateMultiple",
		Help: "path of the call that registers many users, on the user host",
	},

	{Variable: "TELEMATICSCTL_CONFIG", Kind: kindFile, Default: "`config.yaml` in the configuration folder",
		Help: "configuration file"},
	{Variable: "TELEMATICSCTL_STATE_DIR", Kind: kindFile, Default: "`$XDG_STATE_HOME/telematicsctl`",
		Help: "folder of jobs, leases, the audit record, token files and sign-in guards"},
	{Variable: "TELEMATICSCTL_ADMIN_PASSWORD", Kind: kindSecret, Help: "password that the admin signs in with"},
	{Variable: "TELEMATICSCTL_ACCESS_TOKEN", Kind: kindSecret, Help: "use this JWT, and store nothing"},
	{Variable: "TELEMATICSCTL_STORE_PASSPHRASE", Kind: kindSecret,
		Help: "passphrase of the encrypted file (`token_store: file`)"},
	{Variable: "TELEMATICSCTL_STORE_PASSPHRASE_FILE", Kind: kindFile, Help: "file that holds the passphrase"},
	{Variable: "TELEMATICSCTL_TO_INSTANCE_KEY", Kind: kindSecret,
		Help: "InstanceKey of the instance that `user move` moves to"},

	{Variable: "HTTPS_PROXY", Kind: kindURL, Help: "proxy for requests to the service"},
	{Variable: "NO_PROXY", Kind: kindText, Help: "hosts that are reached without the proxy"},
	{Variable: "SSL_CERT_FILE", Kind: kindFile, Help: "file of the system's certificates"},
	{Variable: "NO_COLOR", Kind: kindText, Help: "no color in the output"},
	{Variable: "CLICOLOR", Kind: kindText, Help: "`0` for no color in the output"},
	{Variable: "CLICOLOR_FORCE", Kind: kindText, Help: "color in the output although it is piped"},
	{Variable: "PAGER", Kind: kindCommand, Help: "program that long output goes through, on a terminal"},
	{Variable: "XDG_CONFIG_HOME", Kind: kindFile, Default: "`~/.config`",
		Help: "parent of the configuration folder"},
	{Variable: "XDG_STATE_HOME", Kind: kindFile, Default: "`~/.local/state`",
		Help: "parent of the state folder"},
}

// variablePrefix begins the names of the program's own variables.
const variablePrefix = "TELEMATICSCTL_"

// testVariables begins the names of variables that only the program's tests set.
const testVariables = variablePrefix + "TEST_"

// Secret reports whether the value must never be shown.
func (s Setting) Secret() bool { return s.Kind == kindSecret }

// settingOf returns the setting of a key below a profile; nil for none.
func settingOf(key string) *Setting {
	for i := range Settings {
		if s := &Settings[i]; s.Key == key && !s.Top {
			return s
		}
	}
	return nil
}

// unknownVariables returns a warning for each variable of the program's own name space that it does
// not know.
func unknownVariables(environ []string) (warnings []string) {
	var known []string
	for _, s := range Settings {
		if strings.HasPrefix(s.Variable, variablePrefix) {
			known = append(known, s.Variable)
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, testVariables) || value == "" ||
			slices.Contains(known, name) {
			continue
		}
		warning := "unknown environment variable " + name + " is ignored"
		if like := nearest.Of(name, known); like != "" {
			warning += " (did you mean " + like + "?)"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// WithoutSecrets is an environment without the values that must not reach other programs.
func WithoutSecrets(environ []string) []string {
	kept := make([]string, 0, len(environ))
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || isPublic(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// isPublic reports whether a variable of the program's own is known to hold no secret.
func isPublic(name string) bool {
	for _, s := range Settings {
		if s.Variable == name {
			return !s.Secret()
		}
	}
	return false
}

// DefaultOf returns the default of a key; "" for none.
func DefaultOf(key string) string {
	if s := settingOf(key); s != nil {
		return s.Default
	}
	return ""
}
