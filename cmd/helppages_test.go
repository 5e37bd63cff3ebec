package cmd_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/cmd/topics"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// Limits of a help page.
const (
	helpColumns    = 80
	mostShortWords = 8
	mostLongLines  = 12
)

// helpTopics are pages of reference, as long as what they list.
var helpTopics = topics.Names()

// Every help page fits the screen, begins with what the command does, and has an example.
func TestHelpPagesAreReadable(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cobra.Command) {
		path := c.CommandPath()
		check := func(ok bool, format string, args ...any) {
			t.Helper()
			if !ok {
				t.Errorf("%s: "+format, append([]any{path}, args...)...)
			}
		}
		var wide []string
		for _, line := range strings.Split(helpPage(t, c), "\n") {
			if utf8.RuneCountInString(line) > helpColumns {
				wide = append(wide, line)
			}
		}
		check(len(wide) == 0, "help has lines of more than %d columns:\n%s", helpColumns, strings.Join(wide, "\n"))
		words := strings.Fields(c.Short)
		check(len(words) > 0 && len(words) <= mostShortWords && isImperative(words[0]) && !strings.HasSuffix(c.Short, "."),
			"Short must be an imperative phrase of at most %d words: %q", mostShortWords, c.Short)
		long := len(strings.FieldsFunc(c.Long, func(r rune) bool { return r == '\n' }))
		check(long <= mostLongLines || slices.Contains(helpTopics, c.Name()), "Long has %d lines, more than %d", long,
			mostLongLines)
		if !c.HasSubCommands() {
			check(len(examplesOf(c)) > 0, "no example")
		}
	})
}

// isImperative reports whether a word can begin an imperative phrase: a capitalized verb
// without the ending of the third person.
func isImperative(verb string) bool {
	if verb == "Access" {
		return false
	}
	return regexp.MustCompile(`^[A-Z][a-z]+$`).MatchString(verb) && !regexp.MustCompile(`[^s]s$|ing$`).MatchString(verb)
}

// eachCommand visits the tree, without cobra's help and the single shells of completion.
func eachCommand(visit func(*cobra.Command)) {
	root := cmd.New(&cmdutil.App{}, nil)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		visit(c)
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(root)
}

// helpPage is what a command prints with --help.
func helpPage(t *testing.T, c *cobra.Command) string {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cmd.Run(context.Background(), cmdutil.Env{
		Args:    append(strings.Fields(c.CommandPath())[1:], "--help"),
		Streams: &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errOut},
		Getenv:  func(string) string { return "" }, Environ: func() []string { return nil }, Now: time.Now,
	})
	if code != 0 {
		t.Fatalf("%s --help: exit status %d\n%s", c.CommandPath(), code, &errOut)
	}
	return out.String()
}

// examplesOf are the command lines of a command's example, those that a backslash
// or a pipe continues joined.
func examplesOf(c *cobra.Command) []string {
	var all []string
	text := regexp.MustCompile(`(\|)\n\s*|\\\n\s*`).ReplaceAllString(c.Example, "$1 ")
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// Every example of every help page runs on the sandbox as it stands: each in a home of its
// own that has the users, jobs and files that the examples name.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	template := newExampleHome(t)
	exampleHome(t, template)
	jobs, err := os.ReadFile(filepath.Join(template.dir, "jobs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	job := strings.TrimSpace(string(jobs))
	eachCommand(func(c *cobra.Command) {
		for _, line := range examplesOf(c) {
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				home := newExampleHome(t)
				copyHome(t, template, home)
				command := strings.NewReplacer(" 5b1f0c9a7e42", " "+job, " 5b1f", " "+job, "YOUR-INSTANCE-ID", keptInstance).
					Replace(line)
				for _, before := range exampleSetUp(line) {
					home.must(t, before)
				}
				out, code := home.run(t, command, exampleInput(line))
				if code != 0 {
					t.Errorf("%s: exit status %d\n%s", command, code, out)
				}
			})
		}
	})
}
