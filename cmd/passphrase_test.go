//go:build !windows

package cmd_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// atTerminal runs a command as a process at a real terminal, where a person types a line at each
// prompt, and returns all that the terminal shows.
func (h *house) atTerminal(t *testing.T, exit int, words, prompt string, types ...string) string {
	t.Helper()
	process := h.process(t, strings.Fields(words)...)
	tty, err := pty.Start(process)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tty.Close() }()
	var shown bytes.Buffer
	buffer := make([]byte, 4<<10)
	for typed := 0; ; {
		n, err := tty.Read(buffer)
		shown.Write(buffer[:n])
		if typed < len(types) && strings.Count(shown.String(), prompt) > typed {
			if _, err := io.WriteString(tty, types[typed]+"\n"); err != nil {
				t.Fatal(err)
			}
			typed++
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // the other end is closed
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = process.Wait()
	if got := process.ProcessState.ExitCode(); got != exit {
		t.Errorf("exit status %d, not %d\n%s", got, exit, &shown)
	}
	if n := strings.Count(shown.String(), prompt); n != len(types) {
		t.Errorf("asked %d times, not %d\n%s", n, len(types), &shown)
	}
	return shown.String()
}

// A passphrase that is mistyped may be typed again, twice; nothing of it is shown, and one that is
// set and wrong is not asked for.
func TestAMistypedPassphraseMayBeTypedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	h.tell(t, 0, "auth login", "")
	h.without = []string{"TELEMATICSCTL_STORE_PASSPHRASE"}
	const prompt, refusal = "Passphrase of the token file: ", "the passphrase does not open the token file"
	for name, c := range map[string]struct {
		exit  int
		types []string
		shows string
	}{
		"right at once":          {0, []string{keptPassphrase}, "admin"},
		"right at the third try": {0, []string{"mistyped-1", "mistyped-2", keptPassphrase}, "admin"},
		"wrong three times":      {3, []string{"mistyped-1", "mistyped-2", "mistyped-3"}, refusal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := h.atTerminal(t, c.exit, "token list", prompt, c.types...)
			wantIn(t, shown, c.shows)
			for _, typed := range c.types {
				if typed != "" && strings.Contains(shown, typed) {
					t.Errorf("%q was shown:\n%s", typed, shown)
				}
			}
		})
	}
	t.Run("a wrong one that is set", func(t *testing.T) {
		t.Parallel()
		process := h.process(t, "token", "list")
		process.Env = append(process.Env, "TELEMATICSCTL_STORE_PASSPHRASE=wrong")
		out, _ := process.CombinedOutput()
		if got := process.ProcessState.ExitCode(); got != 3 {
			t.Errorf("exit status %d\n%s", got, out)
		}
		wantIn(t, string(out), refusal)
	})
}
