// Package config turns the configuration file, the environment and the flags into one struct that
// says where each value came from. It alone knows the names of keys and variables (Settings), and
// where things are kept.
package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/viper"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// SandboxProfile is the profile that is built in: it acts on the local sandbox.
const SandboxProfile = "sandbox"

// DefaultProfile is the name of the profile that the environment alone makes up.
const DefaultProfile = "default"

// DefaultKeepDays is how many days journals, backups and the audit record are kept where nothing is
// set.
const DefaultKeepDays = 90

// Where a value came from, besides the name of a variable or a flag.
const (
	SourceDefault = "default"
	SourceFile    = "file"
	SourceCommand = "command"
	SourceStore   = "token store"
	SourceBuiltIn = "built in"
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
}

// Config is what a process runs with.
type Config struct {
	Path           string // the configuration file, whether it is there or not
	Found          bool   // it is there
	Current        string // the file's current_profile
	StateDir       string // jobs, the sandbox's data, the token file, the sign-in guard
	StateDirSource string // SourceDefault, or the name of the variable

	AdminPassword   secret.String // TELEMATICSCTL_ADMIN_PASSWORD
	AccessToken     secret.String // TELEMATICSCTL_ACCESS_TOKEN
	StorePassphrase secret.String // TELEMATICSCTL_STORE_PASSPHRASE, or the content of the file that ..._FILE names
	Warnings        []string      // what a person should know of the file and the environment

	chosen       string // by flag or environment
	chosenSource string
	profiles     map[string]fileProfile
	getenv       func(string) string
	environ      []string
}

// Options say where to look.
type Options struct {
	Path        string // of --config
	Profile     string // of --profile
	Getenv      func(string) string
	Environ     []string // the whole environment, as NAME=VALUE: for warnings, and for the commands that are run
	MayBeAbsent bool     // a file that was named and is not there is about to be made
}

// Load reads the file and the environment. Every error is failure.Invalid.
func Load(o Options) (*Config, error) {
	c := &Config{
		getenv: o.Getenv, environ: o.Environ,
		AdminPassword:   secret.New(withoutLineEnd(o.Getenv("TELEMATICSCTL_ADMIN_PASSWORD"))),
		AccessToken:     secret.New(strings.TrimPrefix(strings.TrimSpace(o.Getenv("TELEMATICSCTL_ACCESS_TOKEN")), "Bearer ")),
		StorePassphrase: secret.New(withoutLineEnd(o.Getenv("TELEMATICSCTL_STORE_PASSPHRASE"))),
		Warnings:        unknownVariables(o.Environ),
	}
	c.StateDir, c.StateDirSource = stateDir(o.Getenv)
	c.choose(o.Profile, "--profile")
	c.choose(o.Getenv("TELEMATICSCTL_PROFILE"), "TELEMATICSCTL_PROFILE")
	named := first(o.Path, expand(o.Getenv("TELEMATICSCTL_CONFIG"), o.Getenv))
	c.Path = first(named, filepath.Join(configDir(o.Getenv), "config.yaml"))
	if err := c.checkPlaces(named); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(c.AccessToken.Reveal(), unicode.IsControl) {
		return nil, invalid(ReasonEnvToken, "",
			"TELEMATICSCTL_ACCESS_TOKEN holds a line break or another control character, as no JWT does (its value is not shown)")
	}
	if c.chosen != "" {
		if err := CheckName(c.chosen); err != nil {
			return nil, err
		}
	}
	if err := c.readPassphraseFile(); err != nil {
		return nil, err
	}
	if err := c.read(named != "" && !o.MayBeAbsent); err != nil {
		return nil, err
	}
	if c.Chosen() == SandboxProfile && o.Profile == "" {
		c.warnOfIgnoredEnvironment()
	}
	return c, nil
}

// choose takes a name for the profile in force, unless one was chosen before.
func (c *Config) choose(name, source string) {
	if c.chosen == "" && name != "" {
		c.chosen, c.chosenSource = name, source
	}
}

// readPassphraseFile takes the passphrase from the file that a variable names, where no other
// variable gives it.
func (c *Config) readPassphraseFile() error {
	path := expand(c.getenv("TELEMATICSCTL_STORE_PASSPHRASE_FILE"), c.getenv)
	if path == "" || !c.StorePassphrase.IsZero() {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		_, why := atomicfile.Classify(err)
		return invalid(ReasonPassphraseFile, path, "TELEMATICSCTL_STORE_PASSPHRASE_FILE: "+path+" cannot be read: "+why)
	}
	c.StorePassphrase = secret.New(withoutLineEnd(string(data)))
	if c.StorePassphrase.IsZero() {
		return invalid(ReasonPassphraseFile, path, "TELEMATICSCTL_STORE_PASSPHRASE_FILE: "+path+" is empty")
	}
	return nil
}

// warnOfIgnoredEnvironment tells who has set an instance in the environment, and is in the sandbox,
// that it does not count there. Who names the sandbox by --profile knows.
func (c *Config) warnOfIgnoredEnvironment() {
	for _, name := range []string{"TELEMATICSCTL_INSTANCE_ID", "TELEMATICSCTL_USER_URL"} {
		if c.getenv(name) != "" {
			c.Warnings = append(c.Warnings,
				name+" is ignored by the profile sandbox, which is in use: unset TELEMATICSCTL_PROFILE, or choose another profile")
			return
		}
	}
}

// Names lists the profiles of the file, sorted; the built-in one is not among them.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.profiles)) }

// Has reports whether the file has a profile of the name.
func (c *Config) Has(name string) bool {
	_, ok := c.profiles[name]
	return ok
}

// Chosen is the name of the profile in force: by flag, environment or file; DefaultProfile where
// none is named.
func (c *Config) Chosen() string { return first(c.chosen, c.Current, DefaultProfile) }

// ChosenSource says what chose the profile in force: a flag, a variable, SourceFile or
// SourceDefault.
func (c *Config) ChosenSource() string {
	switch {
	case c.chosen != "":
		return c.chosenSource
	case c.Current != "":
		return SourceFile
	default:
		return SourceDefault
	}
}

// Override returns the variable that chooses another profile than the file's current one; "" for
// none.
func (c *Config) Override(current string) string {
	if name := c.getenv("TELEMATICSCTL_PROFILE"); name != "" && name != current {
		return "TELEMATICSCTL_PROFILE"
	}
	return ""
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

// values finds the value of a key, and remembers where it came from.
type values struct {
	layers  *viper.Viper
	sources map[string]string
}

// newValues lays the environment over a profile of the file over the defaults. viper
// keeps the layers and nothing else: it is given texts, as it would read the key 00123 as
// a number, and neither reads nor writes the file, whose lines it does not know.
func newValues(file fileProfile, getenv func(string) string) values {
	v := values{viper.New(), map[string]string{}}
	fromFile := map[string]any{}
	for key, value := range file {
		if value != "" {
			fromFile[key] = withoutLineEnd(value)
		}
	}
	_ = v.layers.MergeConfigMap(fromFile) // a flat map of texts merges
	for _, s := range Settings {
		if s.Key == "" || s.Top {
			continue
		}
		v.sources[s.Key] = SourceDefault
		switch s.Kind {
		case kindBool, kindDays, kindStore:
			v.layers.SetDefault(s.Key, s.Default)
		}
		if v.layers.InConfig(s.Key) {
			v.sources[s.Key] = SourceFile
		}
		if value := s.fromEnvironment(getenv); value != "" {
			v.layers.Set(s.Key, value)
			v.sources[s.Key] = s.Variable
		}
	}
	return v
}

func (s Setting) fromEnvironment(getenv func(string) string) string {
	if s.Variable == "" {
		return ""
	}
	value := withoutLineEnd(getenv(s.Variable))
	if !s.Secret() {
		value = strings.TrimSpace(value)
	}
	return value
}

func (v values) get(key string) string { return settingOf(key).normal(v.layers.GetString(key)) }

// check returns an error for a value of the file that breaks the setting's rule; UUIDs, which a
// profile may lack, are checked with the profile.
func (s Setting) check(value string) error {
	if value == "" {
		return nil
	}
	switch s.Kind {
	case kindBool:
		if s.normal(value) == "" {
			return errors.New("must be on or off, not " + strconv.Quote(value))
		}
	case kindDays:
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 36500 {
			return errors.New("must be a number of days from 1 on, not " + strconv.Quote(value))
		}
	}
	return nil
}

// normal is a value in its one form.
func (s Setting) normal(value string) string {
	if s.Kind != kindBool {
		return value
	}
	switch strings.ToLower(value) {
	case "on", "yes", "true", "y", "1":
		return "on"
	case "off", "no", "false", "n", "0":
		return "off"
	default:
		return ""
	}
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

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
