package cmdutil

import (
	"context"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// askPassword asks the person at the terminal for the admin's password; nil where there is nobody
// to ask.
func (k *App) askPassword() func(context.Context, string) (secret.String, error) {
	if !k.Streams.CanPrompt() {
		return nil
	}
	return func(ctx context.Context, email string) (secret.String, error) {
		return k.Streams.Password(ctx, "Password of "+email, "TELEMATICSCTL_ADMIN_PASSWORD")
	}
}

// passphrase is the configured one, else what a person at the terminal is asked for;
// empty where there is neither.
func (k *App) passphrase(
	cfg *config.Config, p config.Profile, ask func(ctx context.Context, label, flag string) (secret.String, error),
	label string,
) func(context.Context) (secret.String, error) {
	return func(ctx context.Context) (secret.String, error) {
		set, err := cfg.Passphrase(ctx, p)
		if err != nil || !set.IsZero() || !k.Streams.CanPrompt() {
			return set, err
		}
		return ask(ctx, label, "TELEMATICSCTL_STORE_PASSPHRASE")
	}
}

// noteLockWait returns a function that notes at a terminal, once, that another process is waited
// for.
func (k *App) noteLockWait() func() {
	if !k.Streams.ErrTTY {
		return nil
	}
	return sync.OnceFunc(func() {
		k.Streams.Note("waiting for another telematicsctl, which renews tokens (at most " + k.Flags.Timeout.String() +
			", see --timeout)")
	})
}
