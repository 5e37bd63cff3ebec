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

// keyCommandTime is how long instance_key_command may take: it may ask a person for a passphrase.
const keyCommandTime = 2 * time.Minute

// RunKeyCommand gets the InstanceKey from the standard output of instance_key_command, which the user's shell runs. Its standard
// error goes to the user's only when it fails, cut to a line; what it printed on standard output is never shown.
func (p Profile) RunKeyCommand(ctx context.Context) (secret.String, error) {
	ctx, cancel := context.WithTimeout(ctx, keyCommandTime)
	defer cancel()
	shell := []string{"/bin/sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], p.InstanceKeyCommand)...) //nolint:gosec // running it is what the setting is for
	cmd.WaitDelay = time.Second
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		why := err.Error()
		if line, _, _ := strings.Cut(strings.TrimSpace(errOut.String()), "\n"); line != "" {
			why += ": " + line
		}
		return secret.String{}, &failure.Error{Code: failure.Invalid, Message: "instance_key_command of profile " + p.Name + " failed: " + why, Cause: err}
	}
	key, err := ParseKey(secret.New(out.String()))
	if err != nil {
		return secret.String{}, failure.Wrap(failure.Invalid, "instance_key_command of profile "+p.Name, errors.New("what it printed is no UUID (its value is not shown)"))
	}
	return key, nil
}
