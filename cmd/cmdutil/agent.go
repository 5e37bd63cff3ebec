package cmdutil

import "strings"

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
