// Package config turns the configuration file, the environment and the flags into one struct. It is the only importer of viper,
// and it alone knows where things are kept.
package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/viper"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// SandboxProfile is the profile that is built in: the service in miniature.
const SandboxProfile = "sandbox"

// DefaultProfile is the name of the profile that the environment alone makes up.
const DefaultProfile = "default"

// Profile is all that is set for one instance, resolved: environment over file over default.
type Profile struct {
	Name                 string
	InstanceID           string        // "" where none is set
	InstanceKey          secret.String // from the environment or the file; none where it comes from a command or the token store
	InstanceKeyFrom      string        // «environment», «file», «command», or "" for the token store
	InstanceKeyCommand   string
	TokenStore           string
	Protected            bool
	CAFile               string
	AdminEmail           string
	UserURL              string // "" for the published one
	AccountsURL          string
	PortalURL            string
	RegisterMultiplePath string
	Sandbox              bool // the built-in profile
}

// Config is what a process runs with.
type Config struct {
	Path     string // the configuration file, whether it is there or not
	Found    bool   // it is there
	Current  string // the file's current_profile
	StateDir string // jobs, the sandbox's data, the token file, the sign-in guard

	AdminPassword   secret.String // TELEMATICSCTL_ADMIN_PASSWORD
	AccessToken     secret.String // TELEMATICSCTL_ACCESS_TOKEN
	StorePassphrase secret.String // TELEMATICSCTL_STORE_PASSPHRASE
	Warnings        []string      // what a person should know of the file

	chosen   string // by flag or environment
	profiles map[string]fileProfile
	getenv   func(string) string
}

// file is the configuration file. A member that is not here is a mistake in it.
type file struct {
	CurrentProfile string                 `mapstructure:"current_profile"`
	Profiles       map[string]fileProfile `mapstructure:"profiles"`
}

type fileProfile struct {
	InstanceID           string `mapstructure:"instance_id"`
	InstanceKey          string `mapstructure:"instance_key"`
	InstanceKeyCommand   string `mapstructure:"instance_key_command"`
	TokenStore           string `mapstructure:"token_store"`
	Protected            bool   `mapstructure:"protected"`
	CAFile               string `mapstructure:"ca_file"`
	AdminEmail           string `mapstructure:"admin_email"`
	UserURL              string `mapstructure:"user_url"`
	AccountsURL          string `mapstructure:"accounts_url"`
	PortalURL            string `mapstructure:"portal_url"`
	RegisterMultiplePath string `mapstructure:"register_multiple_path"`
}

// Options say where to look.
type Options struct {
	Path        string // --config
	Profile     string // --profile
	Getenv      func(string) string
	MayBeAbsent bool // a file that was named and is not there is about to be made
}

var nameShape = regexp.MustCompile(`^[a-z0-9_-]+$`)

// CheckName holds a profile's name to the rule [a-z0-9_-]+.
func CheckName(name string) error {
	if !nameShape.MatchString(name) {
		return failure.Newf(failure.Invalid, "the profile name %q is not made of a-z, 0-9, _ and - alone", name)
	}
	return nil
}

// Load reads the file and the environment. Every error is failure.Invalid.
func Load(o Options) (*Config, error) {
	c := &Config{
		getenv:          o.Getenv,
		chosen:          first(o.Profile, o.Getenv("TELEMATICSCTL_PROFILE")),
		StateDir:        stateDir(o.Getenv),
		AdminPassword:   secret.New(withoutLineEnd(o.Getenv("TELEMATICSCTL_ADMIN_PASSWORD"))),
		AccessToken:     secret.New(strings.TrimSpace(o.Getenv("TELEMATICSCTL_ACCESS_TOKEN"))),
		StorePassphrase: secret.New(o.Getenv("TELEMATICSCTL_STORE_PASSPHRASE")),
	}
	named := first(o.Path, o.Getenv("TELEMATICSCTL_CONFIG"))
	c.Path = first(named, filepath.Join(configDir(o.Getenv), "config.yaml"))
	switch {
	case !filepath.IsAbs(c.StateDir) && o.Getenv("TELEMATICSCTL_STATE_DIR") == "":
		return nil, noPlace("TELEMATICSCTL_STATE_DIR")
	case !filepath.IsAbs(c.Path) && named == "":
		return nil, noPlace("TELEMATICSCTL_CONFIG")
	}
	if strings.ContainsFunc(c.AccessToken.Reveal(), unicode.IsControl) {
		return nil, failure.New(failure.Invalid, "TELEMATICSCTL_ACCESS_TOKEN holds a line break or another control character, as no JWT does (its value is not shown)").
			WithHint("set it to the JWT alone, on one line")
	}
	if c.chosen != "" {
		if err := CheckName(c.chosen); err != nil {
			return nil, err
		}
	}
	if err := c.read(named != "" && !o.MayBeAbsent); err != nil {
		return nil, err
	}
	if c.Chosen() == SandboxProfile && o.Profile == "" {
		c.warnOfIdleEnvironment()
	}
	return c, nil
}

// withoutLineEnd is a secret without the line break that a file or a pipeline's setting leaves behind it. All else may be part of it.
func withoutLineEnd(s string) string {
	if cut, ok := strings.CutSuffix(s, "\n"); ok {
		return strings.TrimSuffix(cut, "\r")
	}
	return s
}

func (c *Config) read(mustExist bool) error {
	v := viper.New()
	v.SetConfigFile(c.Path)
	v.SetConfigType("yaml")
	err := v.ReadInConfig()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !mustExist:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure.Newf(failure.Invalid, "the configuration file %s is not there", c.Path).WithHint("check --config and TELEMATICSCTL_CONFIG")
	case err != nil:
		return c.broken(err)
	}
	var f file
	if err := v.UnmarshalExact(&f); err != nil {
		return c.broken(err)
	}
	c.Found, c.Current, c.profiles = true, f.CurrentProfile, f.Profiles
	for name := range v.GetStringMap("profiles") {
		if _, ok := c.profiles[name]; !ok { // viper passes over what has no settings
			if c.profiles == nil {
				c.profiles = map[string]fileProfile{}
			}
			c.profiles[name] = fileProfile{}
		}
	}
	for _, name := range c.Names() {
		if err := CheckName(name); err != nil {
			return c.broken(err)
		}
	}
	if _, ok := c.profiles[SandboxProfile]; ok {
		return c.broken(errors.New("the profile «sandbox» is built in and cannot be set; give yours another name"))
	}
	c.warnOfReaders()
	return nil
}

func (c *Config) broken(err error) error {
	return failure.Wrap(failure.Invalid, "the configuration file "+c.Path+" is not valid", errors.New(oneLine(err.Error())))
}

// oneLine takes the listing of a decoder's errors, and the value that it may quote, to a line without secrets.
func oneLine(s string) string {
	s = regexp.MustCompile(`(?i)(instance_key[^\n]*?:)[^\n]*`).ReplaceAllString(s, "$1 …")
	return strings.Join(strings.Fields(strings.NewReplacer("\n", " ", "*", "").Replace(s)), " ")
}

func (c *Config) warnOfReaders() {
	holdsKey := false
	for _, p := range c.profiles {
		holdsKey = holdsKey || p.InstanceKey != ""
	}
	info, err := os.Stat(c.Path)
	if holdsKey && err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		c.Warnings = append(c.Warnings, "the configuration file "+c.Path+" holds a key and can be read by others: chmod 600 it, or keep the key in the keyring")
	}
}

// warnOfIdleEnvironment tells who has set an instance in the environment, and is in the sandbox all the same, that it does not count there. Who
// names the sandbox by --profile knows.
func (c *Config) warnOfIdleEnvironment() {
	for _, name := range []string{"TELEMATICSCTL_INSTANCE_ID", "TELEMATICSCTL_USER_URL"} {
		if c.getenv(name) != "" {
			c.Warnings = append(c.Warnings, name+" is set, but the profile in force is the sandbox, where it does not count: unset TELEMATICSCTL_PROFILE, or choose another profile")
			return
		}
	}
}

// Names lists the profiles of the file, sorted; the built-in one is not among them.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.profiles)) }

// Chosen is the name of the profile in force: by flag, environment or file; DefaultProfile where none is named.
func (c *Config) Chosen() string { return first(c.chosen, c.Current, DefaultProfile) }

// Resolve gives the profile in force, its values checked. The error is failure.NotFound for a profile that is not there and
// failure.Invalid for a value that breaks its rule. Whether an instance is set at all is for the caller to ask: see NeedInstance.
func (c *Config) Resolve() (Profile, error) {
	name := c.Chosen()
	if _, ok := c.profiles[name]; !ok && name == DefaultProfile {
		return c.resolve(name, c.getenv)
	}
	return c.profile(name, c.getenv)
}

// FromFile gives a profile as the file has it, the environment not taken into account. Errors are those of Resolve.
func (c *Config) FromFile(name string) (Profile, error) {
	return c.profile(name, func(string) string { return "" })
}

func (c *Config) profile(name string, getenv func(string) string) (Profile, error) {
	if name == SandboxProfile {
		return Profile{Name: name, Sandbox: true, TokenStore: "file"}, nil
	}
	if _, ok := c.profiles[name]; !ok {
		return Profile{}, failure.Newf(failure.NotFound, "there is no profile %q", name).WithHint(c.knownProfiles())
	}
	return c.resolve(name, getenv)
}

func (c *Config) resolve(name string, getenv func(string) string) (Profile, error) {
	f := c.profiles[name]
	p := Profile{
		Name:                 name,
		InstanceID:           first(getenv("TELEMATICSCTL_INSTANCE_ID"), f.InstanceID),
		InstanceKeyCommand:   f.InstanceKeyCommand,
		TokenStore:           first(getenv("TELEMATICSCTL_TOKEN_STORE"), f.TokenStore, "keyring"),
		Protected:            f.Protected,
		CAFile:               f.CAFile,
		AdminEmail:           first(strings.TrimSpace(getenv("TELEMATICSCTL_ADMIN_EMAIL")), f.AdminEmail),
		UserURL:              first(getenv("TELEMATICSCTL_USER_URL"), f.UserURL),
		AccountsURL:          first(getenv("TELEMATICSCTL_ACCOUNTS_URL"), f.AccountsURL),
		PortalURL:            first(getenv("TELEMATICSCTL_PORTAL_URL"), f.PortalURL),
		RegisterMultiplePath: f.RegisterMultiplePath,
	}
	switch key := getenv("TELEMATICSCTL_INSTANCE_KEY"); {
	case key != "":
		p.InstanceKey, p.InstanceKeyFrom = secret.New(key), "environment"
	case f.InstanceKey != "":
		p.InstanceKey, p.InstanceKeyFrom = secret.New(f.InstanceKey), "file"
	case f.InstanceKeyCommand != "":
		p.InstanceKeyFrom = "command"
	}
	return p, p.check()
}

func (c *Config) knownProfiles() string {
	return "the profiles are " + strings.Join(append(c.Names(), SandboxProfile), ", ") + "; `telematicsctl profile add` makes one"
}

// check holds what is set to its rules, and brings the UUIDs to their one spelling.
func (p *Profile) check() error {
	var wrong []failure.Field
	if p.InstanceID != "" {
		id, err := field.ParseUUID(p.InstanceID)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "InstanceId", Message: err.Error()})
		}
		p.InstanceID = id
	}
	if !p.InstanceKey.IsZero() {
		key, err := ParseKey(p.InstanceKey)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "InstanceKey", Message: err.Error()})
		}
		p.InstanceKey = key
	}
	return failure.InvalidFields("profile "+p.Name, wrong)
}

// ParseKey holds an InstanceKey to being a UUID, in its one spelling. The error does not show the value.
func ParseKey(key secret.String) (secret.String, error) {
	s, err := field.ParseUUID(key.Reveal())
	if err != nil {
		return secret.String{}, errors.New("it is not a UUID (its value is not shown)")
	}
	return secret.New(s), nil
}

// NeedInstance is the error for a profile without an InstanceId, with the way to set one; nil where it is set.
func (p Profile) NeedInstance() error {
	if p.InstanceID != "" || p.Sandbox {
		return nil
	}
	return &failure.Error{
		Code: failure.Invalid, Message: "no instance is set for profile " + p.Name,
		Fields: []failure.Field{{Key: "InstanceId", Message: "it is missing"}},
		Hint:   "make a profile with `telematicsctl profile add NAME --instance-id ID`, set TELEMATICSCTL_INSTANCE_ID and TELEMATICSCTL_INSTANCE_KEY, or try --profile sandbox",
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Has reports whether the file has a profile of the name.
func (c *Config) Has(name string) bool {
	_, ok := c.profiles[name]
	return ok
}
