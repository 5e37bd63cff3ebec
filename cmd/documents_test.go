package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

var (
	fenced      = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```$")
	inline      = regexp.MustCompile("`(telematicsctl [^`\n]+)`")
	notCommands = regexp.MustCompile(` 1$|leases PROFILE$`) // labels of derivations, a task's name
	commandLine = regexp.MustCompile(`(?m)(?:^|[ (|;"])(telematicsctl (?:[^\n]|\\\n)*)`)
	endOfLine   = regexp.MustCompile(` +(?:\||&&|\|\||>|2>|<|#|;|\))[ \n]?.*$|;.*$`)
)

// What documents do not type (a console block is typed, see TestWhatDocumentsShowIsTrue),
// because it needs a real account or another machine, at least exists: each command line in
// them names a command of the tree, and flags of it.
func TestCommandsInDocumentsExist(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range append(documents(t), "CONTRIBUTING.md", "SECURITY.md") {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(text)) {
			found++
			if err := exists(line); err != "" {
				t.Errorf("%s: %s\n\t%s", name, line, err)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d command lines were found", found)
	}
}

// commandLines are the calls of the program in the code blocks and code spans of a document.
func commandLines(text string) []string {
	var lines []string
	add := func(s string) {
		s = strings.ReplaceAll(s, "\\\n", " ")
		lines = append(lines, endOfLine.ReplaceAllString(s, ""))
	}
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		for _, m := range commandLine.FindAllStringSubmatch(block[1], -1) {
			add(m[1])
		}
	}
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		if !notCommands.MatchString(m[1]) {
			add(m[1])
		}
	}
	return lines
}

// exists says what of a command line is not in the tree, or "".
func exists(line string) string {
	root := cmd.New(&cmdutil.App{}, nil)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	words := strings.Fields(line)[1:]
	c, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	if c.HasSubCommands() && len(rest) > 0 && regexp.MustCompile(`^[a-z][a-z-]+$`).MatchString(rest[0]) {
		return "no command " + rest[0]
	}
	for _, word := range rest {
		flag := strings.Trim(word, `"',.)]`)
		if !strings.HasPrefix(flag, "--") || flag == "--" {
			continue
		}
		flag, _, _ = strings.Cut(flag[2:], "=")
		if lookUp(c, flag) == nil {
			return "no flag --" + flag
		}
	}
	return ""
}

func lookUp(c *cobra.Command, name string) *pflag.Flag {
	c.InitDefaultHelpFlag()
	if f := c.Flags().Lookup(name); f != nil {
		return f
	}
	if c.Root() == c {
		c.InitDefaultVersionFlag()
	}
	return c.InheritedFlags().Lookup(name)
}
