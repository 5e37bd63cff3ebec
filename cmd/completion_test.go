package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// A shell offers file names where a file is meant, and nowhere else: each argument and each flag
// completes values, takes a file, or says that there is nothing to complete.
func TestNoFileNamesWhereNoFileIsMeant(t *testing.T) {
	t.Parallel()
	files := 0
	check := func(c *cobra.Command) func(*pflag.Flag) {
		return func(f *pflag.Flag) {
			_, completes := c.GetFlagCompletionFunc(f.Name)
			switch isFile := cmdutil.IsFile(f); {
			case f.Value.Type() == "bool" || f.Name == "help":
			case isFile && completes:
				t.Errorf("%s --%s takes a file, and does not complete it", c.CommandPath(), f.Name)
			case isFile:
				files++
			case !completes:
				t.Errorf("%s --%s completes file names", c.CommandPath(), f.Name)
			}
		}
	}
	eachCommand(func(c *cobra.Command) {
		if !c.HasParent() {
			cmdutil.CompleteRest(c, &cmdutil.App{})
			c.PersistentFlags().VisitAll(check(c))
		}
		c.LocalNonPersistentFlags().VisitAll(check(c))
		if c.Runnable() && !c.HasSubCommands() && c.ValidArgsFunction == nil && c.ValidArgs == nil {
			t.Errorf("%s: its arguments complete file names", c.CommandPath())
		}
	})
	if files < 10 {
		t.Errorf("only %d flags take a file", files)
	}
}

// completions are what a shell is offered for words, the last of which is being typed.
func completions(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"HOME": t.TempDir(), "TELEMATICSCTL_TOKEN_STORE": "memory",
		"TELEMATICSCTL_INSTANCE_ID": keptInstance, "TELEMATICSCTL_INSTANCE_KEY": keptKey,
		"TELEMATICSCTL_ADMIN_EMAIL": keptEmail, "TELEMATICSCTL_ADMIN_PASSWORD": keptPassword}
	code := cmd.Run(context.Background(), cmdutil.Env{Args: append([]string{"__complete"}, words...), Now: time.Now,
		Streams: &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs},
		Getenv:  func(name string) string { return env[name] },
		Wire: func(http.RoundTripper) http.RoundTripper {
			return sendsNothing(func(r *http.Request) { t.Errorf("completing %q sends %s %s", words, r.Method, r.URL.Path) })
		}})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if code != 0 || !strings.HasPrefix(lines[len(lines)-1], ":") {
		t.Fatalf("%q: exit status %d\n%s%s", words, code, &out, &errs)
	}
	return lines[:len(lines)-1]
}

type sendsNothing func(*http.Request)

func (s sendsNothing) RoundTrip(r *http.Request) (*http.Response, error) {
	s(r)
	return nil, errors.New("nothing is sent here")
}

// Completion sends nothing for any argument and any flag, and says of every command and flag what
// it does.
func TestCompletionSendsNothingAndExplains(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		offered := completions(t, append(path, "")...)
		if c.HasAvailableSubCommands() {
			for _, line := range offered {
				if !strings.Contains(line, "\t") {
					t.Errorf("%s: %q is offered without a description", c.CommandPath(), line)
				}
			}
		}
		for _, line := range completions(t, append(path, "--")...) {
			if name, what, _ := strings.Cut(line, "\t"); what == "" && name != "" {
				t.Errorf("%s: %q is offered without a description", c.CommandPath(), line)
			}
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "bool" {
				completions(t, append(path, "--"+f.Name, "")...)
			}
		})
	})
}
