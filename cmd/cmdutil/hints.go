package cmdutil

import (
	"net/http"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A hint builds the text of a hint for an error: an imperative, and a command that works
// when it is pasted.
type hint func(*App, *failure.Error) string

// hintTables are the hints of each room's reasons: one file a room, hints_ROOM.go.
var hintTables = []map[failure.Reason]hint{
	authHints,
	fileHints,
	pathHints,
	configHints,
	serviceHints,
	renderHints,
	storeHints,
	inputHints,
	operationHints,
	hierarchyHints,
	leaseHints,
	applyHints,
	jobHints,
	identityHints,
	sandboxHints,
	terminalHints,
	commandHints,
}

// fixed returns a hint that is the same for every error.
func fixed(text string) hint { return func(*App, *failure.Error) string { return text } }

// about returns a hint that ends with the error's subject.
func about(text string) hint {
	return func(_ *App, e *failure.Error) string { return text + e.Subject }
}

// Hint returns what a person can do about an error; "" where nothing is known.
func (a *App) Hint(e *failure.Error) string {
	if e.Hint != "" { // a command's own word about this very error
		return e.Hint
	}
	for _, table := range hintTables {
		if h, ok := table[e.Reason]; ok {
			return h(a, e)
		}
	}
	return hintOfAnswer(e)
}

// hintOfAnswer is for answers of the service that are nobody's mistake here; "" for others.
func hintOfAnswer(e *failure.Error) string {
	switch {
	case e.Reason != "" || e.RequestID == "":
		return ""
	case e.Status >= http.StatusInternalServerError:
		return "try again later; if it stays so, report it to the service's operator with the ID of the request"
	case e.Status >= http.StatusOK && e.Status < http.StatusMultipleChoices && e.Code == failure.Failed:
		return "report it to the service's operator with the ID of the request, unless a proxy changes answers"
	}
	return ""
}

// Command returns a command of this program as it must be typed to act on the same configuration
// and profile, in backticks.
func (a *App) Command(args ...string) string {
	return "`" + a.CommandLine(a.Flags.Profile, args...) + "`"
}

// CommandWithoutProfile returns a command that is about no profile, in backticks: --profile, if
// it was given, has no part in it.
func (a *App) CommandWithoutProfile(args ...string) string {
	return "`" + a.CommandLine("", args...) + "`"
}

// CommandLine returns a command of this program as it must be typed to act by a profile ("" for the
// one that is chosen without a flag): with --config where it was given, quoted for a shell.
func (a *App) CommandLine(profile string, args ...string) string {
	words := []string{"telematicsctl"}
	for _, arg := range args {
		words = append(words, QuoteForShell(arg))
	}
	if a.Flags.Config != "" {
		words = append(words, "--config", QuoteForShell(a.Flags.Config))
	}
	if profile != "" {
		words = append(words, "--profile", QuoteForShell(profile))
	}
	return strings.Join(words, " ")
}

// QuoteForShell returns an argument as a POSIX shell takes it.
func QuoteForShell(s string) string {
	if s != "" && strings.Trim(s, plainInShell) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
