package config_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/configuration.md")

// docs/configuration.md lists every key and variable: go test ./internal/config -run Documented
// -update.
func TestEverySettingIsDocumented(t *testing.T) {
	const path = "../../docs/configuration.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{"keys": config.KeyTable(), "variables": config.VariableTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, found := bytes.Cut(page, []byte(begin))
		old, after, closed := bytes.Cut(rest, []byte(end))
		if !found || !closed {
			t.Fatal(name, "has no place")
		}
		if !*update && string(old) != table {
			t.Errorf("the table of %s is stale: go test ./internal/config -run Documented -update", name)
		}
		page = slices.Concat(before, []byte(begin), []byte(table), []byte(end), after)
	}
	if *update {
		if err := os.WriteFile(path, page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What is typed is what is meant: an invalid value is an error that says where it is and what would
// be right.
func TestWhatTheFileMayNotSay(t *testing.T) {
	t.Parallel()
	for happened, c := range map[string]struct{ file, want string }{
		"a capital in a name": {"profiles:\n  Prod: {}\n",
			`line 2: invalid profile name "Prod": use a-z, 0-9, _ and - (did you mean "prod"?)`},
		"a dot in a name": {"profiles:\n  prod.eu: {}\n", `(did you mean "prod-eu"?)`},
		"a misspelled key": {"profiles:\n  prod:\n    protcted: on\n",
			`line 3: profile prod: unknown key "protcted" (did you mean protected?)`},
		"a key in another case": {"profiles:\n  prod:\n    Protected: on\n",
			`unknown key "Protected" (did you mean protected?)`},
		"a misspelled section": {"profile: {}\n", `line 1: unknown key "profile" (did you mean profiles?)`},
		"a boolean that is none": {"profiles:\n  prod:\n    protected: perhaps\n",
			`line 3: profile prod: protected: must be on or off, not "perhaps"`},
		"days below one":          {"profiles:\n  prod:\n    keep_days: 0\n", "keep_days: must be a number of days"},
		"days that are no number": {"profiles:\n  prod:\n    keep_days: some\n", "keep_days: must be a number of days"},
		"a list for a value": {"profiles:\n  prod:\n    user_url: [a]\n",
			"line 3: profile prod: user_url must be a single value"},
		"a profile given twice":     {"profiles:\n  prod: {}\n  prod: {}\n", "prod"},
		"the built-in profile":      {"profiles:\n  sandbox: {}\n", "the profile sandbox is built in"},
		"no YAML":                   {"profiles: [", "is invalid: line 1"},
		"a list for the whole":      {"- a\n", "line 1: the file must be a mapping"},
		"a mapping for the current": {"current_profile: {}\n", "current_profile must be a profile name"},
		"two misspelled keys and a value": {"profiles:\n  prod:\n    protcted: on\n    audti: on\n    keep_days: 0\nx: 1\n",
			`line 3: profile prod: unknown key "protcted" (did you mean protected?); ` +
				`line 4: profile prod: unknown key "audti" (did you mean audit?); ` +
				`line 5: profile prod: keep_days: must be a number of days`},
		"nothing that a variable sets": {"profiles:\n  prod:\n    admin_password: x\n", `unknown key "admin_password"`},
	} {
		_, err := load(t, c.file, nil)
		if !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", happened, err)
		}
	}
}

// A value has a source: a variable, the file, or the default; an empty variable is none.
func TestWhereValuesComeFrom(t *testing.T) {
	t.Parallel()
	c, err := load(t, "profiles:\n  prod:\n    instance_id: "+idA+
		"\n    protected: yes\n    audit: off\n    keep_days: 30\n    user_url: https://user.example.com\n",
		map[string]string{
			"TELEMATICSCTL_PROFILE": "prod", "TELEMATICSCTL_INSTANCE_KEY": key, "TELEMATICSCTL_USER_URL": "",
			"TELEMATICSCTL_PORTAL_URL": "https://portal.example.com",
		})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve()
	if err != nil || !p.Protected || p.Audit || p.KeepDays != 30 || p.PortalURL != "https://portal.example.com" {
		t.Errorf("%+v, %v", p, err)
	}
	for k, want := range map[string]string{
		"instance_id": "file", "instance_key": "TELEMATICSCTL_INSTANCE_KEY", "user_url": "file",
		"portal_url":  "TELEMATICSCTL_PORTAL_URL",
		"token_store": "default", "accounts_url": "default", "protected": "file", "audit": "file",
	} {
		if p.Sources[k] != want {
			t.Errorf("%s comes from %q, want %q", k, p.Sources[k], want)
		}
	}
	if c.ChosenSource() != "TELEMATICSCTL_PROFILE" || c.StateDirSource != "XDG_STATE_HOME" {
		t.Error(c.ChosenSource(), c.StateDirSource)
	}
	c, err = load(t, "profiles: {prod: {}}\n", map[string]string{"TELEMATICSCTL_PROFILE": "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Resolve(); err != nil || p.Protected || !p.Audit || p.KeepDays != 90 || p.TokenStore != "keyring" ||
		p.Sources["instance_key"] != "token store" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"on": true, "yes": true, "true": true, "On": true, "TRUE": true,
		`"on"`: true, "off": false, "no": false, "False": false, "": false} {
		c, err := load(t, "profiles:\n  prod:\n    protected: "+text+"\n", map[string]string{"TELEMATICSCTL_PROFILE": "prod"})
		if err != nil {
			t.Fatal(text, err)
		}
		if p, err := c.Resolve(); err != nil || p.Protected != want {
			t.Errorf("%q is %v, %v", text, p.Protected, err)
		}
	}
}

// Variables that nobody reads are named, with the nearest one that somebody does.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Options{Getenv: func(string) string { return "" }, Environ: []string{
		"TELEMATICSCTL_PROFIL=prod", "TELEMATICSCTL_SOMETHING=1", "TELEMATICSCTL_INSTANCE_ID=x", "TELEMATICSCTL_EMPTY=",
		"TELEMATICSCTL_TEST_X=1", "PATH=/bin",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"unknown environment variable TELEMATICSCTL_PROFIL is ignored (did you mean TELEMATICSCTL_PROFILE?)",
		"unknown environment variable TELEMATICSCTL_SOMETHING is ignored",
	}
	if len(c.Warnings) != 2 || c.Warnings[0] != want[0] || !strings.HasPrefix(c.Warnings[1], want[1]) {
		t.Errorf("%q", c.Warnings)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return
	}
	for happened, c := range map[string]struct {
		env          map[string]string
		path, stores string
	}{
		"XDG": {map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"},
			"/c/telematicsctl/config.yaml", "/s/telematicsctl"},
		"relative XDG": {map[string]string{"XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": "./s"},
			"/home/ada/.config/telematicsctl/config.yaml", "/home/ada/.local/state/telematicsctl"},
		"a tilde": {map[string]string{"TELEMATICSCTL_STATE_DIR": "~/state"},
			"/home/ada/.config/telematicsctl/config.yaml", "/home/ada/state"},
		"a tilde as name": {map[string]string{"TELEMATICSCTL_STATE_DIR": "~ada"},
			"/home/ada/.config/telematicsctl/config.yaml", "~ada"},
	} {
		c.env["HOME"] = "/home/ada"
		got, err := config.Load(config.Options{Getenv: func(name string) string { return c.env[name] }})
		if err != nil || got.Path != c.path || got.StateDir != c.stores {
			t.Errorf("%s: %+v, %v", happened, got, err)
		}
	}
}

func TestAFileThatIsNotThereOrCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]failure.Reason{filepath.Join(dir, "none.yaml"): config.ReasonNoFile,
		dir: config.ReasonUnreadable} {
		_, err := config.Load(config.Options{Path: path, Getenv: func(string) string { return "" }})
		if !failure.Is(err, failure.Invalid) || !failure.HasReason(err, want) || want == config.ReasonUnreadable &&
			!strings.Contains(err.Error(), "cannot be read: is a folder") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Others may not write what is run as this user; a key that others may read gets a warning.
func TestWhoElseMayUseTheFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	const command, withKey = "profiles: {prod: {instance_key_command: echo x}}\n",
		"profiles: {prod: {instance_key: " + key + "}}\n"
	for happened, c := range map[string]struct {
		file         string
		mode, folder os.FileMode
		refused      bool
		warned       bool
	}{
		"a command, private":              {command, 0o600, 0o700, false, false},
		"a command, read by others":       {command, 0o644, 0o755, false, false},
		"a command, written by the group": {command, 0o660, 0o700, true, false},
		"a command, written by all":       {command, 0o666, 0o700, true, false},
		"a command, in an open folder":    {command, 0o600, 0o777, true, false},
		"a command, in a sticky folder":   {command, 0o600, 0o777 | os.ModeSticky, false, false},
		"a key, read by others":           {withKey, 0o644, 0o755, false, true},
		"a key, private":                  {withKey, 0o600, 0o755, false, false},
		"neither":                         {"profiles: {prod: {}}\n", 0o666, 0o777, false, false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, c.folder); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(config.Options{Path: path, Getenv: func(string) string { return "" }})
		if failure.HasReason(err, config.ReasonForeignWriters) != c.refused || err == nil &&
			(len(got.Warnings) > 0) != c.warned {
			t.Errorf("%s: %v", happened, err)
		}
	}
}

// A command of the configuration runs without the program's own secrets, and a line end behind what
// it prints is not part of it.
func TestCommandsSeeNoSecrets(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	text := "profiles:\n  prod:\n    instance_id: " + idA + "\n" +
		"    identity_key_command: 'env | grep ^TELEMATICSCTL_ | sort | tr \"\\n\" \" \"'\n" +
		"    store_passphrase_command: printf 'pass phrase \\r\\n'\n    instance_key_command: exit 3\n"
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"PATH=" + "/usr/bin:/bin", "TELEMATICSCTL_PROFILE=prod", "TELEMATICSCTL_UNKNOWN=x"}
	for _, name := range []string{"INSTANCE_KEY", "IDENTITY_KEY", "ADMIN_PASSWORD", "ACCESS_TOKEN", "STORE_PASSPHRASE",
		"TO_INSTANCE_KEY"} {
		environ = append(environ, "TELEMATICSCTL_"+name+"=hidden")
	}
	c, err := config.Load(config.Options{Path: path, Profile: "prod", Environ: environ, Getenv: func(string) string {
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if got, err := p.ResolveIdentityKey(ctx); err != nil || got.Reveal() != "TELEMATICSCTL_PROFILE=prod " {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
	if got, err := c.Passphrase(ctx, p); err != nil || got.Reveal() != "pass phrase " {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
	if _, err := p.RunKeyCommand(ctx); !failure.HasReason(err, config.ReasonCommand) ||
		!strings.Contains(err.Error(), "instance_key_command of profile prod failed: exit status 3") {
		t.Error(err)
	}
}

// The passphrase comes from its variable, else from the file that another names, without the line
// end.
func TestThePassphraseFromAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(path, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		variable, file, want string
		fails                bool
	}{
		{"", path, "from the file", false}, {"given\r\n", path, "given", false}, {"given", path + "x", "given", false},
		{"", path + "x", "", true},
	} {
		got, err := load(t, "", map[string]string{"TELEMATICSCTL_STORE_PASSPHRASE": c.variable,
			"TELEMATICSCTL_STORE_PASSPHRASE_FILE": c.file})
		if c.fails != failure.HasReason(err, config.ReasonPassphraseFile) || err == nil &&
			got.StorePassphrase != secret.New(c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// An identity key is a UUID in canonical form, or any other text as it is.
func TestIdentityKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{strings.ToUpper(key): key, "{" + key + "}": key,
		"a text\n": "a text", "": ""} {
		c, err := load(t, "", map[string]string{"TELEMATICSCTL_IDENTITY_KEY": text})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Resolve()
		if err != nil || p.IdentityKey.Reveal() != want {
			t.Errorf("%q is %q, %v", text, p.IdentityKey.Reveal(), err)
		}
	}
}
