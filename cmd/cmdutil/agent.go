package cmdutil

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// AgentVariables are the variables by which coding agents say that they run a command; one
// that is set, to anything but an empty value, 0, false, no or off, is enough. docs/agents.md
// says whose each is.
var AgentVariables = []string{
	"AI_AGENT", "AGENT", // of no vendor: proposed as standards, and set by Goose, Amp and others
	"CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI", "CODEX_SANDBOX", "CODEX_THREAD_ID", "OPENCODE", "COPILOT_CLI",
	"GOOSE_TERMINAL", "CLINE_ACTIVE", "PI_CODING_AGENT",
}

// AgentVariable returns the name of the variable by which an agent says that it runs this
// command; "" for none.
func (k *App) AgentVariable() string {
	if k.Getenv == nil {
		return ""
	}
	for _, name := range AgentVariables {
		switch strings.ToLower(k.Getenv(name)) {
		case "", "0", "false", "no", "off":
		default:
			return name
		}
	}
	return ""
}

// behaveForAgent makes the program one that an agent can use: JSON unless another format is
// given, and as if nobody sat at a terminal: no prompt, no color, no progress, no pager.
func (k *App) behaveForAgent() {
	if !k.Flags.Agent {
		return
	}
	if !k.Flags.outputGiven {
		k.Flags.Output = "json"
	}
	k.Streams.InTTY, k.Streams.OutTTY, k.Streams.ErrTTY, k.Streams.NoColor = false, false, false, true
}

// AddConfirm makes the flag --confirm of a command that deletes; what is what it counts.
func AddConfirm(c *cobra.Command, k *App, what string) {
	c.Flags().Var(&confirmed{k}, "confirm", "delete exactly `N` "+what+"; required under --agent")
}

// confirmed is the value of --confirm.
type confirmed struct{ k *App }

func (c *confirmed) String() string { return "" }

func (c *confirmed) Type() string { return "int" }

func (c *confirmed) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("must be a number from 0 on")
	}
	c.k.Flags.Confirm = &n
	return nil
}

// ConfirmDeletion holds --confirm to the number of what is about to be deleted: a wrong number is
// failure.Invalid, and under --agent so is none. It reports whether --confirm has answered, so that
// nothing is to be asked. Nothing was deleted yet.
func (k *App) ConfirmDeletion(n int, one, many string) (answered bool, err error) {
	given := k.Flags.Confirm
	switch {
	case given != nil && *given == n:
		return true, nil
	case given != nil:
		return false, failure.Newf(failure.Invalid, "nothing was deleted: --confirm says %d, and this deletes %s", *given,
			Count(n, one, many)).Because(ReasonWrongNumber, strconv.Itoa(n))
	case k.Flags.Agent:
		return false, failure.Newf(failure.Invalid, "nothing was deleted: an agent must confirm that this deletes %s",
			Count(n, one, many)).Because(ReasonAgentDeletes, strconv.Itoa(n))
	}
	return false, nil
}

// ConfirmCall makes an agent give --confirm 1 for a call that may delete something: only the
// service knows whether it does.
func (k *App) ConfirmCall() error {
	if !k.Flags.Agent || k.Flags.Confirm != nil && *k.Flags.Confirm == 1 {
		return nil
	}
	return failure.New(failure.Invalid, "nothing was sent: an agent must confirm a call that may change something").
		Because(ReasonAgentCalls, "")
}
