package config

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// commandLimit is how long a command of the configuration may take: it may ask a person for a
// passphrase.
const commandLimit = 2 * time.Minute

// RunKeyCommand gets the InstanceKey from the standard output of instance_key_command.
func (p Profile) RunKeyCommand(ctx context.Context) (secret.String, error) {
	out, err := p.run(ctx, "instance_key_command", p.InstanceKeyCommand)
	if err != nil {
		return secret.String{}, err
	}
	key, err := ParseKey(out)
	if err != nil {
		return secret.String{}, p.commandFailed("instance_key_command", "did not print a UUID (its value is not shown)", nil)
	}
	return key, nil
}

// run gets a secret from the standard output of a command, which the user's shell runs without the
// program's own secrets in its environment. Its standard error is shown only when it fails, the
// first line of it; what it printed on standard output never.
func (p Profile) run(ctx context.Context, key, command string) (secret.String, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	shell := []string{"/bin/sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], command)...) //nolint:gosec // the user set it to be run
	cmd.WaitDelay = time.Second
	cmd.Env = WithoutSecrets(p.environ)
	if p.asking != nil {
		defer p.asking()()
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		why := err.Error()
		if line, _, _ := strings.Cut(strings.TrimSpace(errOut.String()), "\n"); line != "" {
			why += ": " + line
		}
		return secret.String{}, p.commandFailed(key, "failed: "+why, err)
	}
	text := withoutLineEnd(out.String())
	if text == "" {
		return secret.String{}, p.commandFailed(key, "printed nothing", nil)
	}
	return secret.New(text), nil
}

func (p Profile) commandFailed(key, what string, cause error) error {
	e := invalid(ReasonCommand, key, key+" of profile "+p.Name+" "+what)
	e.Cause = cause
	return e
}

// ResolveIdentityKey returns the key by which DeviceTokens are derived, where the configuration
// sets one; none otherwise: then it is in the token store, or the InstanceKey itself.
func (p Profile) ResolveIdentityKey(ctx context.Context) (secret.String, error) {
	switch {
	case !p.IdentityKey.IsZero():
		return p.IdentityKey, nil
	case p.IdentityKeyCommand != "":
		return p.run(ctx, "identity_key_command", p.IdentityKeyCommand)
	}
	return secret.String{}, nil
}

// Passphrase returns the passphrase of the encrypted token file: the environment's, else the one
// that the profile's command prints; none where neither is set.
func (c *Config) Passphrase(ctx context.Context, p Profile) (secret.String, error) {
	if !c.StorePassphrase.IsZero() || p.StorePassphraseCommand == "" {
		return c.StorePassphrase, nil
	}
	return p.run(ctx, "store_passphrase_command", p.StorePassphraseCommand)
}

// ParseKey checks that an InstanceKey is a UUID, and returns it in canonical form. The error does
// not show the value.
func ParseKey(key secret.String) (secret.String, error) {
	s, err := parseUUID(key.Reveal())
	if err != nil {
		return secret.String{}, errors.New("not a UUID (its value is not shown)")
	}
	return secret.New(s), nil
}

// parseIdentityKey returns a UUID in canonical form, and any other text as it is.
func parseIdentityKey(text string) secret.String {
	if s, err := parseUUID(text); err == nil {
		return secret.New(s)
	}
	return secret.New(text)
}

// withoutLineEnd is a secret without the line break that a file or a pipeline's setting leaves
// behind it. All else may be part of it.
func withoutLineEnd(s string) string {
	if cut, ok := strings.CutSuffix(s, "\n"); ok {
		return strings.TrimSuffix(cut, "\r")
	}
	return s
}

var _ error = (*failure.Error)(nil)
