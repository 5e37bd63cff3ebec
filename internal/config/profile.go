package config

import (
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Profile is all that is set for one instance, resolved: environment over file over default.
type Profile struct {
	Name       string
	InstanceID string // "" where none is set
	// from the environment or the file; none where it comes from a command or the token store
	InstanceKey            secret.String
	InstanceKeyFrom        string // "environment", "file", "command", or "" for the token store
	InstanceKeyCommand     string
	IdentityKey            secret.String // from the environment or the file; see ResolveIdentityKey
	IdentityKeyCommand     string
	TokenStore             string
	StorePassphraseCommand string
	Protected              bool
	Audit                  bool
	KeepDays               int
	CAFile                 string
	AdminEmail             string
	UserURL                string // "" for the published one, as the other hosts
	AccountsURL            string
	PortalURL              string
	StatisticsURL          string
	DeviceStatusURL        string
	RegisterMultiplePath   string
	Sandbox                bool // the built-in profile

	// Sources says where each value came from, by the key of its setting: a Source, or the name of
	// the variable.
	Sources map[string]string

	environ []string
	asking  func() (done func())
}

// Resolve gives the profile in force, its values checked. The error is failure.NotFound for a
// profile that is not there and failure.Invalid for a value that breaks its rule. Whether an
// instance is set at all is for the caller to ask: see NeedInstance.
func (c *Config) Resolve() (Profile, error) {
	name := c.Chosen()
	if !c.Has(name) && name == DefaultProfile {
		return c.resolve(name, c.getenv)
	}
	return c.profile(name, c.getenv)
}

// FromFile gives a profile as the file has it, the environment not taken into account. Errors are
// those of Resolve.
func (c *Config) FromFile(name string) (Profile, error) {
	return c.profile(name, func(string) string { return "" })
}

func (c *Config) profile(name string, getenv func(string) string) (Profile, error) {
	if name == SandboxProfile {
		return Profile{Name: name, Sandbox: true, TokenStore: "file", Audit: true, KeepDays: DefaultKeepDays,
			Sources: map[string]string{}}, nil
	}
	if !c.Has(name) {
		return Profile{}, noProfile(name)
	}
	return c.resolve(name, getenv)
}

func noProfile(name string) error {
	return failure.Newf(failure.NotFound, "no profile %q", name).Because(ReasonNoProfile, name)
}

func (c *Config) resolve(name string, getenv func(string) string) (Profile, error) {
	v := newValues(c.profiles[name], getenv)
	p := Profile{
		Name:                   name,
		InstanceID:             v.get("instance_id"),
		InstanceKey:            secret.New(v.get("instance_key")),
		InstanceKeyCommand:     v.get("instance_key_command"),
		IdentityKeyCommand:     v.get("identity_key_command"),
		TokenStore:             v.get("token_store"),
		StorePassphraseCommand: v.get("store_passphrase_command"),
		Protected:              v.get("protected") == "on",
		Audit:                  v.get("audit") == "on",
		CAFile:                 expand(v.get("ca_file"), c.getenv),
		AdminEmail:             v.get("admin_email"),
		UserURL:                v.get("user_url"),
		AccountsURL:            v.get("accounts_url"),
		PortalURL:              v.get("portal_url"),
		StatisticsURL:          v.get("statistics_url"),
		DeviceStatusURL:        v.get("device_status_url"),
		RegisterMultiplePath:   v.get("register_multiple_path"),
		Sources:                v.sources,
		environ:                c.environ,
		asking:                 c.asking,
	}
	p.KeepDays, _ = strconv.Atoi(v.get("keep_days")) // checked when the file was read
	if identity := v.get("identity_key"); identity != "" {
		p.IdentityKey = parseIdentityKey(identity)
	}
	switch from := v.sources["instance_key"]; {
	case p.InstanceKey.IsZero() && p.InstanceKeyCommand != "":
		p.InstanceKeyFrom, v.sources["instance_key"] = "command", SourceCommand
	case p.InstanceKey.IsZero():
		v.sources["instance_key"] = SourceStore
	case from == SourceFile:
		p.InstanceKeyFrom = "file"
	default:
		p.InstanceKeyFrom = "environment"
	}
	return p, p.check()
}

// check checks what is set, and brings the UUIDs to canonical form.
func (p *Profile) check() error {
	var mistakes []failure.Field
	if p.InstanceID != "" {
		id, err := parseUUID(p.InstanceID)
		if err != nil {
			mistakes = append(mistakes, failure.Field{Key: "InstanceId", Message: err.Error()})
		}
		p.InstanceID = id
	}
	if !p.InstanceKey.IsZero() {
		key, err := ParseKey(p.InstanceKey)
		if err != nil {
			mistakes = append(mistakes, failure.Field{Key: "InstanceKey", Message: err.Error()})
		}
		p.InstanceKey = key
	}
	return failure.InvalidFields("profile "+p.Name, mistakes)
}

func parseUUID(text string) (string, error) { return field.ParseUUID(text) }

// NeedInstance is the error for a profile without an InstanceId; nil where it is set.
func (p Profile) NeedInstance() error {
	if p.InstanceID != "" || p.Sandbox {
		return nil
	}
	e := &failure.Error{
		Code: failure.Invalid, Message: "no instance is set for profile " + p.Name,
		Fields: []failure.Field{{Key: "InstanceId", Message: "required"}},
	}
	return e.Because(ReasonNoInstance, p.Name)
}
