package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// terminalHints are for questions without an answer.
var terminalHints = map[failure.Reason]hint{
	terminal.ReasonCannotAsk:   about("use "),
	terminal.ReasonNoAnswer:    about("try again, or use "),
	terminal.ReasonSecretInput: fixed("pipe in the secret alone, on one line"),
}
