// Package config turns the configuration file, the environment and the flags into one struct that
// says where each value came from. It alone knows the names of keys and variables (Settings), and
// where things are kept.
package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
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
	Environment     []string      // those of the warnings that are about the environment

	chosen       string // by flag or environment
	chosenSource string
	profiles     map[string]fileProfile
	mistakes     []string // of the file, by line
	getenv       func(string) string
	environ      []string
	asking       func() (done func())
}

// Options say where to look.
type Options struct {
	Path        string // of --config
	Profile     string // of --profile
	Getenv      func(string) string
	Environ     []string // the whole environment, as NAME=VALUE: for warnings, and for the commands that are run
	MayBeAbsent bool     // a file that was named and is not there is about to be made

	// Asking is called before a command of the configuration runs, which may ask the person at the
	// terminal, and done after it; nil is nothing.
	Asking func() (done func())
}

// Load reads the file and the environment. Every error is failure.Invalid.
func Load(o Options) (*Config, error) {
	c := &Config{
		getenv: o.Getenv, environ: o.Environ, asking: o.Asking,
		AdminPassword:   secret.New(withoutLineEnd(o.Getenv("TELEMATICSCTL_ADMIN_PASSWORD"))),
		AccessToken:     secret.New(strings.TrimPrefix(strings.TrimSpace(o.Getenv("TELEMATICSCTL_ACCESS_TOKEN")), "Bearer ")),
		StorePassphrase: secret.New(withoutLineEnd(o.Getenv("TELEMATICSCTL_STORE_PASSPHRASE"))),
		Environment:     unknownVariables(o.Environ),
	}
	c.Warnings = append(c.Warnings, c.Environment...)
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
			"TELEMATICSCTL_ACCESS_TOKEN holds a line break or another control character (its value is not shown)")
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
			warning := name + " is ignored by the profile sandbox, which is in use: unset TELEMATICSCTL_PROFILE, " +
				"or choose another profile"
			c.Warnings, c.Environment = append(c.Warnings, warning), append(c.Environment, warning)
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

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
