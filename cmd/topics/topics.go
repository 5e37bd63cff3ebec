// Package topics are the help topics: pages that are about no single command. Each is the one
// source of what it says; docs/reference and the man pages are made from it.
package topics

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

//go:embed *.txt
var texts embed.FS

// topic is a help topic.
type topic struct {
	name, short string
	long        func() string
	example     string
}

var all = []topic{
	{"environment", "Show the environment variables", environment,
		"  telematicsctl help environment\n  TELEMATICSCTL_PROFILE=sandbox telematicsctl user list"},
	{"exit-codes", "Show the exit statuses", exitCodes,
		"  telematicsctl help exit-codes\n  telematicsctl doctor || echo \"exit status $?\""},
	{"output", "Show how output is made for programs", file("output.txt"),
		"  telematicsctl user list --template '{{range .}}{{.DeviceToken}} {{end}}'\n" +
			"  telematicsctl user list -o json --jq '.[].UserFields.Email'"},
	{"tokens", "Show what tokens are and who renews them", file("tokens.txt"),
		"  telematicsctl auth status\n  telematicsctl token refresh"},
	{"jobs", "Show how jobs resume and retry", file("jobs.txt"),
		"  telematicsctl user bulk --quantity 3 --run nightly\n  telematicsctl job list"},
	{"identity", "Show how rows become users", file("identity.txt"),
		"  telematicsctl user token --client-id c-1001\n  telematicsctl user bulk --file drivers.csv --key email"},
	{"agents", "Show how coding agents use this safely", file("agents.txt"),
		"  telematicsctl help agents\n  telematicsctl user list --agent"},
}

// Names are the names of all topics.
func Names() []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.name
	}
	return names
}

// New makes the commands that print the topics.
func New() []*cobra.Command {
	commands := make([]*cobra.Command, len(all))
	for i, t := range all {
		commands[i] = &cobra.Command{
			Use: t.name, Annotations: cmdutil.Effects(), Short: t.short, Long: t.long(), Example: t.example,
			Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		}
		commands[i].SetUsageFunc(examples)
	}
	return commands
}

// examples is the end of a topic's page, which has no usage and no flags of its own.
func examples(c *cobra.Command) error {
	_, err := io.WriteString(c.OutOrStderr(), "Examples:\n"+c.Example+"\n")
	return err
}

func file(name string) func() string {
	return func() string {
		text, err := texts.ReadFile(name)
		if err != nil {
			return "" // it is compiled in: a test reads every topic
		}
		return strings.TrimSuffix(string(text), "\n")
	}
}

func environment() string {
	return `A flag wins over an environment variable, and a variable over the
configuration file. An empty variable counts as unset.

` + config.HelpText() + `
One of these, if it is set, says that a coding agent runs a command, as --agent
does (see "telematicsctl help agents"):

  ` + strings.Join(cmdutil.AgentVariables[:5], ", ") + `,
  ` + strings.Join(cmdutil.AgentVariables[5:9], ", ") + `,
  ` + strings.Join(cmdutil.AgentVariables[9:], ", ") + `
`
}

// exitCodes lists the exit statuses as package failure has them.
func exitCodes() string {
	var b strings.Builder
	b.WriteString(`The exit status says how a command ended; with -o json the error on standard
error has the same as a word, its Code. Both are stable.

    0                 done
`)
	for _, c := range failure.Codes() {
		for i, line := range wrapped(c.When, 58) {
			if i == 0 {
				fmt.Fprintf(&b, "  %3d  %-13s%s\n", c.Exit, c.Code, line)
				continue
			}
			fmt.Fprintf(&b, "%20s%s\n", "", line)
		}
	}
	b.WriteString(`
Of a job, the exit status is that of the state of its rows, in this run and the
earlier ones. A run that stopped early ends with its cause: 3, 6, 7 or 130. A
single user who fails has its own code rather than 5. After 7 the error says
whether a change may have been made; repeating the command is safe where the
DeviceToken is derived or given.
`)
	return b.String()
}

func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
