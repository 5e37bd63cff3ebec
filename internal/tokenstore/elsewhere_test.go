package tokenstore

import (
	"errors"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Where there is no keyring, the hint names the one store that fits, and how to set it.
func TestWithoutAKeyringTheHintNamesTheStoreThatFits(t *testing.T) {
	const (
		file   = "set TELEMATICSCTL_TOKEN_STORE=file, or for good run `telematicsctl profile add prod --replace --token-store file`"
		memory = "keep the tokens in memory, for this run alone: set TELEMATICSCTL_TOKEN_STORE=memory, or for good run `telematicsctl profile add prod --replace --token-store memory`"

		filePassphraseIsSet = "keep the tokens in an encrypted file, as TELEMATICSCTL_STORE_PASSPHRASE is set: " + file
		filePassphraseTyped = "keep the tokens in an encrypted file: " + file + "; its passphrase is asked for, or comes from TELEMATICSCTL_STORE_PASSPHRASE"
		filePassphraseToSet = "keep the tokens in an encrypted file: set TELEMATICSCTL_STORE_PASSPHRASE, and " + file
	)
	for name, c := range map[string]struct {
		environment map[string]string
		terminal    bool
		want        string
	}{
		"a job in CI":                    {map[string]string{"CI": "true"}, false, memory},
		"a job in CI, with a passphrase": {map[string]string{"CI": "true", "TELEMATICSCTL_STORE_PASSPHRASE": "x"}, false, filePassphraseIsSet},
		"a job in CI, with a terminal":   {map[string]string{"CI": "1"}, true, memory},
		"a job in CI, over SSH":          {map[string]string{"CI": "true", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, false, memory},
		"a container without a terminal": {nil, false, memory},
		"a container with one":           {nil, true, filePassphraseTyped},
		"a service, with a passphrase":   {map[string]string{"TELEMATICSCTL_STORE_PASSPHRASE": "x"}, false, filePassphraseIsSet},
		"a person on a server":           {map[string]string{"SSH_CONNECTION": "x", "SSH_TTY": "/dev/pts/1"}, true, filePassphraseTyped},
		"a command sent by SSH":          {map[string]string{"SSH_CONNECTION": "x"}, false, filePassphraseToSet},
		"a person, who says it is no CI": {map[string]string{"CI": "false"}, true, filePassphraseTyped},
		"a person, with a passphrase":    {map[string]string{"TELEMATICSCTL_STORE_PASSPHRASE": "x"}, true, filePassphraseIsSet},
	} {
		t.Run(name, func(t *testing.T) {
			backend := newFake()
			backend.state = errors.New("there is no D-Bus session bus")
			getenv := func(name string) string { return c.environment[name] }
			s := mustOpen(t, Options{Kind: KindKeyring, Dir: t.TempDir(), Backend: backend, Interactive: c.terminal, Getenv: getenv, Profile: "prod"})
			_, err := s.Get(t.Context(), key(alice))
			wantBroken(t, err, ErrUnavailable, "the keyring cannot be used: there is no D-Bus session bus", "")
			if got := failure.From(err).Hint; got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}
