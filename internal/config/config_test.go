package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	idA = "1f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55"
	idB = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	key = "c9f0f895-fb98-4b91-91a8-9c1d0e2f3a4b"
)

// load reads a configuration file with some text, in an environment.
func load(t *testing.T, text string, env map[string]string) (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{"XDG_CONFIG_HOME": dir, "XDG_STATE_HOME": dir, "HOME": dir}
	for k, v := range env {
		all[k] = v
	}
	return config.Load(config.Options{Path: pathIf(text != "", path), Getenv: func(name string) string {
		return all[name]
	}})
}

func pathIf(there bool, path string) string {
	if there {
		return path
	}
	return ""
}

const twoProfiles = `
current_profile: prod
profiles:
  prod:
    instance_id: {` + idA + `}
    instance_key: ` + key + `
    token_store: memory
    protected: true
  test:
    instance_id: ` + idB + `
    user_url: https://user.example.com
`

// Flag over environment over file over default.
func TestPrecedence(t *testing.T) {
	c, err := load(t, strings.Replace(twoProfiles, "{"+idA+"}", `"{`+strings.ToUpper(idA)+`}"`, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve()
	if err != nil || p.Name != "prod" || p.InstanceID != idA || p.InstanceKey.Reveal() != key ||
		p.InstanceKeyFrom != "file" || p.TokenStore != "memory" || !p.Protected {
		t.Errorf("%+v, %v", p, err)
	}
	env := map[string]string{
		"TELEMATICSCTL_PROFILE": "test", "TELEMATICSCTL_INSTANCE_KEY": strings.ToUpper(key),
		"TELEMATICSCTL_TOKEN_STORE": "file",
		"TELEMATICSCTL_ADMIN_EMAIL": "a@example.com", "TELEMATICSCTL_ACCOUNTS_URL": "https://accounts.example.com",
	}
	c, err = load(t, twoProfilesQuoted, env)
	if err != nil {
		t.Fatal(err)
	}
	p, err = c.Resolve()
	if err != nil || p.Name != "test" || p.InstanceID != idB || p.InstanceKey.Reveal() != key ||
		p.InstanceKeyFrom != "environment" ||
		p.TokenStore != "file" || p.AdminEmail != "a@example.com" || p.AccountsURL != "https://accounts.example.com" ||
		p.UserURL != "https://user.example.com" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = c.FromFile("test"); err != nil || p.TokenStore != "keyring" || !p.InstanceKey.IsZero() {
		t.Errorf("the environment has got into the file's own: %+v, %v", p, err)
	}
}

var twoProfilesQuoted = strings.Replace(twoProfiles, "{"+idA+"}", idA, 1)

// The secrets of a pipeline often end in a line break, which is not part of them. What is inside a
// password is.
func TestALineEndBehindASecretIsNoPartOfIt(t *testing.T) {
	for _, end := range []string{"", "\n", "\r\n"} {
		c, err := load(t, "", map[string]string{
			"TELEMATICSCTL_ACCESS_TOKEN": " eyJ.a.b" + end, "TELEMATICSCTL_ADMIN_PASSWORD": " pass\nword \t" + end,
			"TELEMATICSCTL_INSTANCE_ID": idA + end, "TELEMATICSCTL_INSTANCE_KEY": key + end,
			"TELEMATICSCTL_ADMIN_EMAIL": "a@example.com" + end,
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Resolve()
		if err != nil || p.InstanceID != idA || p.InstanceKey.Reveal() != key || p.AdminEmail != "a@example.com" {
			t.Errorf("%q: %+v, %v", end, p, err)
		}
		if c.AccessToken.Reveal() != "eyJ.a.b" || c.AdminPassword.Reveal() != " pass\nword \t" {
			t.Errorf("%q: %q, %q", end, c.AccessToken.Reveal(), c.AdminPassword.Reveal())
		}
	}
}

// A JWT that no header can carry is wrong configuration, not a fault of the network. It is not
// shown.
func TestAJWTOfTwoLinesIsRefused(t *testing.T) {
	for _, between := range []string{"\n", "\r\n", "\x00", "\x7f"} {
		_, err := load(t, "", map[string]string{"TELEMATICSCTL_ACCESS_TOKEN": "eyJ.a" + between + "eyJ.b"})
		if !failure.Is(err, failure.Invalid) ||
			!strings.Contains(err.Error(), "TELEMATICSCTL_ACCESS_TOKEN holds a line break") ||
			strings.Contains(err.Error(), "eyJ") {
			t.Errorf("%q: %v", between, err)
		}
	}
}

// With the environment alone, and no file, every command works.
func TestEnvironmentAlone(t *testing.T) {
	c, err := load(t, "", map[string]string{"TELEMATICSCTL_INSTANCE_ID": idA, "TELEMATICSCTL_INSTANCE_KEY": key})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve()
	if err != nil || p.Name != config.DefaultProfile || p.InstanceID != idA || p.TokenStore != "keyring" ||
		p.NeedInstance() != nil {
		t.Errorf("%+v, %v", p, err)
	}
	c, err = load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = c.Resolve(); err != nil || !failure.Is(p.NeedInstance(), failure.Invalid) {
		t.Errorf("%+v, %v, %v", p, err, p.NeedInstance())
	}
}

// What is set for the live service never reaches the sandbox.
func TestTheSandboxIsItsOwn(t *testing.T) {
	c, err := load(t, twoProfilesQuoted, map[string]string{
		"TELEMATICSCTL_PROFILE": "sandbox", "TELEMATICSCTL_INSTANCE_ID": idA,
		"TELEMATICSCTL_USER_URL": "https://user.example.com", "TELEMATICSCTL_TOKEN_STORE": "keyring",
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve()
	if err != nil || !p.Sandbox || p.InstanceID != "" || p.UserURL != "" || p.TokenStore != "file" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMistakesInTheFile(t *testing.T) {
	for name, text := range map[string]string{
		"a misspelt setting":       "profiles:\n  prod:\n    protcted: true\n",
		"a misspelt section":       "profile:\n  prod: {protected: true}\n",
		"no YAML":                  "profiles: [",
		"a list for a mapping":     "profiles: [a]\n",
		"a name that is none":      "profiles:\n  \"a b\": {}\n",
		"the built-in profile":     "profiles:\n  sandbox: {}\n",
		"a word for a truth":       "profiles:\n  prod:\n    protected: perhaps\n",
		"a mapping for an address": "profiles:\n  prod:\n    user_url: {a: b}\n",
	} {
		if _, err := load(t, text, nil); !failure.Is(err, failure.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := load(t, "profiles:\n  prod:\n    instance_id: x\n    instance_key: not-a-key-at-all\n",
		map[string]string{"TELEMATICSCTL_PROFILE": "prod"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Resolve()
	if !failure.Is(err, failure.Invalid) || len(failure.From(err).Fields) != 2 ||
		strings.Contains(err.Error(), "not-a-key") {
		t.Errorf("both mistakes, and not the key's value: %v", err)
	}
	_, err = load(t, "profiles:\n  prod:\n    instance_key: {secret-in-a-mapping: 1}\n", nil)
	if !failure.Is(err, failure.Invalid) || strings.Contains(err.Error(), "secret-in-a-mapping") {
		t.Errorf("%v", err)
	}
}

// A name that YAML would read as something else is still a name.
func TestNamesThatLookLikeSomethingElse(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"123", "true", "null", "1e3", "a-b_c", "0x10", "-", "2026-11-22"} {
		dir := t.TempDir()
		getenv := func(v string) string { return map[string]string{"XDG_CONFIG_HOME": dir, "XDG_STATE_HOME": dir}[v] }
		c, err := config.Load(config.Options{Getenv: getenv})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddProfile(ctx, name,
			[]config.Change{{Key: "instance_id", Value: idA}, {Key: "protected", Value: true}}, false); err != nil {
			t.Fatal(name, err)
		}
		c, err = config.Load(config.Options{Getenv: getenv})
		if err != nil {
			t.Fatal(name, err)
		}
		if p, err := c.Resolve(); err != nil || p.Name != name || p.InstanceID != idA || !p.Protected {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err := c.RemoveProfile(ctx, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.RemoveProfile(ctx, name); !failure.Is(err, failure.NotFound) {
			t.Errorf("%s is removed twice: %v", name, err)
		}
	}
}

// Two that write at once lose nothing of each other's.
func TestWritersSideBySide(t *testing.T) {
	dir := t.TempDir()
	getenv := func(v string) string { return map[string]string{"XDG_CONFIG_HOME": dir, "XDG_STATE_HOME": dir}[v] }
	errs := make(chan error)
	names := strings.Split("abcdefghij", "")
	for _, name := range names {
		go func() {
			c, err := config.Load(config.Options{Getenv: getenv})
			if err == nil {
				err = c.AddProfile(context.Background(), name, []config.Change{{Key: "instance_id", Value: idA}}, false)
			}
			errs <- err
		}()
	}
	for range names {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	c, err := config.Load(config.Options{Getenv: getenv})
	if err != nil || strings.Join(c.Names(), "") != "abcdefghij" {
		t.Errorf("%v, %v", c.Names(), err)
	}
}
