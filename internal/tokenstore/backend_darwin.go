package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/zalando/go-keyring"
)

// lockedExits are the exit statuses of macOS's security tool that mean a locked keychain: no
// interaction allowed (36), not authorised (51), refused by the person (128). They are the last
// byte of Apple's error codes (assumed).
var lockedExits = []int{36, 51, 128}

// system is macOS's Keychain, through the security tool.
type system struct{}

func newSystem(func(string) string) Backend { return system{} }

func (system) Get(service, user string) (string, error) {
	secret, err := keyring.Get(service, user)
	return secret, explained(err)
}

func (system) Set(service, user, secret string) error {
	return explained(keyring.Set(service, user, secret))
}

func (system) Delete(service, user string) error { return explained(keyring.Delete(service, user)) }

func (system) Limit(service, user string) int { return macLimit(service, user) }

// Items has no answer: the tool lists everyone's items or none.
func (system) Items(context.Context, string) ([]string, error) { return nil, ErrNoList }

// Users is not asked where there are no items.
func (system) Users(context.Context, string, []string) ([]string, error) { return nil, ErrNoList }

// State has nothing to ask: the tool reports a locked keychain when it is used, and does not wait
// for anyone without a desktop session.
func (system) State(context.Context) error { return nil }

// explained puts ErrLocked into the tool's error where its status says so.
func explained(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains(lockedExits, exit.ExitCode()) {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return err
}
