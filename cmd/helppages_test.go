package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// Limits of a help page.
const (
	helpColumns    = 80
	mostShortWords = 8
	mostLongLines  = 12
)

// helpDebts lists the commands whose pages do not meet a rule yet: "columns", "short",
// "long" or "example". A debt that is paid must leave the list.
var helpDebts = map[string][]string{
	"telematicsctl job":           {"short"},
	"telematicsctl job list":      {"columns", "short", "example"},
	"telematicsctl job merge":     {"columns", "short"},
	"telematicsctl job remove":    {"columns"},
	"telematicsctl job resume":    {"columns", "short"},
	"telematicsctl job show":      {"columns", "short"},
	"telematicsctl sandbox serve": {"columns", "long"},
	"telematicsctl user bulk":     {"columns", "long"},
	"telematicsctl user create":   {"columns"},
	"telematicsctl user find":     {"columns"},
	"telematicsctl user list":     {"columns"},
}

// helpTopics are pages of reference, as long as what they list.
var helpTopics = []string{"environment"}

// Every help page fits the screen, begins with what the command does, and has an example.
func TestHelpPagesAreReadable(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cobra.Command) {
		path := c.CommandPath()
		check := func(rule string, ok bool, format string, args ...any) {
			owed := slices.Contains(helpDebts[path], rule)
			switch {
			case ok && owed:
				t.Logf("%s meets the rule %q: remove it from helpDebts", path, rule)
			case !ok && !owed:
				t.Errorf(path+": "+format, args...)
			}
		}
		var wide []string
		for _, line := range strings.Split(helpPage(t, c), "\n") {
			if utf8.RuneCountInString(line) > helpColumns {
				wide = append(wide, line)
			}
		}
		check("columns", len(wide) == 0, "help has lines of more than %d columns:\n%s", helpColumns, strings.Join(wide, "\n"))
		words := strings.Fields(c.Short)
		check("short", len(words) > 0 && len(words) <= mostShortWords && isImperative(words[0]) && !strings.HasSuffix(c.Short, "."),
			"Short must be an imperative phrase of at most %d words: %q", mostShortWords, c.Short)
		long := len(strings.FieldsFunc(c.Long, func(r rune) bool { return r == '\n' }))
		check("long", long <= mostLongLines || slices.Contains(helpTopics, c.Name()), "Long has %d lines, more than %d", long, mostLongLines)
		if !c.HasSubCommands() {
			check("example", len(examplesOf(c)) > 0, "no example")
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
// continues joined.
func examplesOf(c *cobra.Command) []string {
	var all []string
	text := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(c.Example, "")
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
	job, code := template.run(t, "telematicsctl job list -o ids 2>/dev/null", "")
	if code != 0 || job == "" {
		t.Fatalf("exit status %d, no job: %s", code, job)
	}
	job, _, _ = strings.Cut(strings.TrimSpace(job), "\n")
	eachCommand(func(c *cobra.Command) {
		for _, line := range examplesOf(c) {
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				if why, ok := exampleDebts[line]; ok {
					t.Logf("not run: %s", why)
					return
				}
				home := newExampleHome(t)
				copyHome(t, template, home)
				command := strings.NewReplacer("5b1f0c9a7e42", job, "YOUR-INSTANCE-ID", keptInstance).Replace(line)
				if strings.Contains(line, "profile add prod --instance-id") {
					home.must(t, "telematicsctl profile remove prod --yes")
				}
				out, code := home.run(t, command, exampleInput(line))
				if want := exampleExits[line]; code != want {
					t.Errorf("%s: exit status %d, want %d\n%s", command, code, want, out)
				}
			})
		}
	})
}

// exampleDebts are examples that do not run yet, and why.
var exampleDebts = map[string]string{
	`telematicsctl job merge --file drivers.csv results-{1..16}.csv --results results.csv`: "exit status 2",
}

// exampleExits are the examples that end with a status other than 0, as they should.
var exampleExits = map[string]int{
	// The sandbox inside the process has no other profile than its own.
	"telematicsctl instance use Common":                           2,
	"telematicsctl instance use YOUR-INSTANCE-ID --save-as north": 2,
}

// exampleInput is what a person types at the prompts of an example.
func exampleInput(line string) string {
	switch {
	case strings.Contains(line, "profile add") && !strings.Contains(line, "--replace"):
		return keptKey + "\n"
	case strings.Contains(line, "auth login --email") && !strings.Contains(line, "stdin"):
		return keptPassword + "\n"
	case strings.Contains(line, "profile remove"), strings.Contains(line, " delete "), strings.Contains(line, " remove "):
		return "y\n"
	}
	return ""
}

// newExampleHome is a home whose tokens go to a file, as the machine may have no keyring.
func newExampleHome(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	h.env = append(h.env, "TELEMATICSCTL_TOKEN_STORE=file", "TELEMATICSCTL_STORE_PASSPHRASE="+keptPassphrase)
	return h
}

// exampleHome fills a home with what the examples of the help pages name.
func exampleHome(t *testing.T, h *home) {
	t.Helper()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	layout := (&house{password: keptPassword}).layoutText()
	for name, text := range map[string]string{
		"layout.yaml": layout,
		"password":    keptPassword + "\n",
		"key.txt":     keptKey + "\n",
		"drivers.csv": "FirstName,Email,ClientId,EnableTracking\nAda,ada@example.com,c-1001,on\nBob,bob@example.com,c-1002,off\n",
		"tokens.txt":  user + "\n",
		"changes.csv": "ClientId,City,EnableLogging\nc-1001,Bonn,off\nc-1002,\\N,on\n",
		"other-key":   otherKey + "\n",
		"user.json":   `{"FirstName": "Grace", "ClientId": "c-1003"}`,
	} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What the examples send to other programs ends in these.
	for _, name := range []string{"curl", "systemctl", "launchctl"} {
		if err := os.WriteFile(filepath.Join(h.dir, ".bin", name), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"telematicsctl sandbox reset --layout layout.yaml",
		"telematicsctl auth login --email " + keptEmail + " --password-stdin < password",
		"telematicsctl user bulk --file drivers.csv --results results.csv",
		"telematicsctl user create --client-id c-2001 --logging on",
		"telematicsctl user get email:ada@example.com -o json > before.json",
		"printf '{\"ClientId\":\"c-3001\"}\\n{\"ClientId\":\"c-3002\"}\\n' | gzip > drivers.jsonl.gz",
		"telematicsctl user create --first-name Eve --email eve@example.com --custom-token " + user,
		"telematicsctl user create --client-id other --show-tokens --jq '{AccessToken: .AccessToken, RefreshToken}' > pair.json",
		"telematicsctl instance create --name ci-1 --throw-away",
		"telematicsctl instance create --name old-tests",
		"telematicsctl profile add prod --instance-id " + keptInstance + " --no-instance-key",
		"telematicsctl profile add test --instance-id " + keptInstance + " --no-instance-key",
		"telematicsctl profile add other --instance-id " + otherInstance + " --instance-key-stdin < other-key",
		"telematicsctl user update client:c-1002 --tracking on --logging on --realtime on --enabled off",
	} {
		h.must(t, line)
	}
}

// must runs a command line that has to succeed.
func (h *home) must(t *testing.T, line string) {
	t.Helper()
	if out, code := h.run(t, line, ""); code != 0 {
		t.Fatalf("%s: exit status %d\n%s", line, code, out)
	}
}

// run runs a command line; input is typed in a terminal, and without any there is none.
// A server is stopped when it has said that it serves.
func (h *home) run(t *testing.T, line, input string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if strings.Contains(line, "sandbox serve") {
		return h.serve(ctx, t, line)
	}
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir, c.Env = h.dir, h.env
	var out bytes.Buffer
	if input == "" {
		c.Stdout, c.Stderr = &out, &out
		_ = c.Run()
		return out.String(), c.ProcessState.ExitCode()
	}
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := io.WriteString(f, input); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(&out, f) // it ends in an error when the terminal has gone
	_ = c.Wait()
	return out.String(), c.ProcessState.ExitCode()
}

// serve runs a server until it prints what it serves, at a port of its own.
func (h *home) serve(ctx context.Context, t *testing.T, line string) (string, int) {
	t.Helper()
	line = strings.ReplaceAll(line, "127.0.0.1:8077", "127.0.0.1:0")
	if !strings.Contains(line, "--addr") {
		line += " --addr 127.0.0.1:0"
	}
	c := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
	c.Dir, c.Env = h.dir, h.env
	var errOut bytes.Buffer
	c.Stderr = &errOut
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		_ = c.Process.Signal(os.Interrupt)
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = c.Wait()
	return first + errOut.String(), c.ProcessState.ExitCode()
}

// copyHome copies a home without the folder of its programs.
func copyHome(t *testing.T, from, to *home) {
	t.Helper()
	err := filepath.WalkDir(from.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from.dir, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to.dir, name)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Name() == "telematicsctl" || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}
