package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// The commands, and their flags with types, letters and defaults, stay as docs/scripting.md says.
func TestCommandsAndFlagsStay(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := cmd.Run(context.Background(), cmdutil.Env{Args: []string{"commands", "-o", "json"},
		Streams: &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs},
		Getenv:  func(string) string { return "" }, Now: time.Now})
	var all []struct {
		Command         string
		Flags           []struct{ Name, Short, Type, Default, Help string }
		Changes, SignIn bool
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil || code != 0 {
		t.Fatalf("exit status %d, %v: %s", code, err, &errs)
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("%s changes=%t sign-in=%t", c.Command, c.Changes, c.SignIn))
		for _, f := range c.Flags {
			lines = append(lines, fmt.Sprintf("%s --%s -%s %s %q", c.Command, f.Name, f.Short, f.Type, f.Default))
		}
	}
	promised(t, "flags.txt", lines)
}

// So do the exit statuses and the names of the codes.
func TestExitStatusesStay(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, c := range failure.Codes() {
		lines = append(lines, fmt.Sprintf("%d %s", c.Code.Exit(), c.Code))
		if c.When == "" {
			t.Errorf("nothing says when the code is %s", c.Code)
		}
	}
	promised(t, "exit-statuses.txt", lines)
}

// docs/scripting.md says of the exit statuses what the program does.
func TestTheDocumentedExitStatusesAreTheOnesInUse(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/scripting.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range failure.Codes() {
		if row := fmt.Sprintf("| %d | `%s` | %s |\n", c.Exit, c.Code, c.When); !strings.Contains(string(text), row) {
			t.Errorf("docs/scripting.md lacks the row\n%s", row)
		}
	}
}

// docs/agents.md and the help topic name every variable that an agent is known by.
func TestEveryAgentVariableIsDocumented(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../docs/agents.md", "../docs/reference/telematicsctl_environment.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range cmdutil.AgentVariables {
			if !strings.Contains(string(text), variable) {
				t.Errorf("%s does not name %s", name, variable)
			}
		}
	}
}
