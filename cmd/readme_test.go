package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// The README and the documents show what a person types and what a terminal answers: every
// console block is typed here, in a terminal, against a sandbox of its document's own, and
// its output is held to what the document shows. Identifiers and moments differ from run to
// run; a line of "…" stands for any lines. A document that shows such a block is found by
// itself; how many commands it has at least is written here, so that none is lost unseen.
func TestWhatDocumentsShowIsTrue(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the documents' commands are typed into a Unix shell")
	}
	t.Parallel()
	least := map[string]int{"README.md": 10, "docs/start.md": 12, "docs/recipes/driver-calls.md": 5}
	for _, name := range documents(t) {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "```console\n") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if typed := typeDocument(t, name, string(text)); typed < max(1, least[name]) {
				t.Errorf("only %d commands were found", typed)
			}
		})
	}
}

// documents are the README and the pages of docs, without the command reference.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/recipes/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, filepath.ToSlash(strings.TrimPrefix(f, ".."+string(filepath.Separator))))
		}
	}
	if len(names) < 15 {
		t.Fatalf("only %d documents", len(names))
	}
	return names
}

var fileOfDocument = regexp.MustCompile("(?ms)`([a-z-]+\\.[a-z]+)`:\n\n```(?:csv|yaml)\n(.*?)^```$")

// typeDocument types the commands of a document one after the other, and returns how many.
func typeDocument(t *testing.T, name, text string) int {
	t.Helper()
	home := newHome(t)
	for _, file := range fileOfDocument.FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(home.dir, file[1]), []byte(file[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	typed := 0
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		for _, step := range steps(block[1]) {
			typed++
			got, code := home.typeIn(t, step.command)
			if !alike(step.output, got) {
				t.Errorf("$ %s\ngot:\n%s\n%s:\n%s", step.command, got, name, step.output)
			}
			if failed := strings.Contains(step.output, "Error: "); (code != 0) != failed {
				t.Errorf("$ %s\nexit status %d\n%s", step.command, code, got)
			}
		}
	}
	return typed
}

type step struct{ command, output string }

// steps takes a block apart: a line that begins with "$ " is typed (and goes on behind a
// backslash), the lines behind it are the answer.
func steps(block string) []step {
	var all []step
	for _, line := range strings.SplitAfter(block, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			all = append(all, step{command: command})
		case len(all) > 0 && all[len(all)-1].output == "" && strings.HasSuffix(all[len(all)-1].command, "\\\n"):
			all[len(all)-1].command += line
		case len(all) > 0:
			all[len(all)-1].output += line
		}
	}
	return all
}

type home struct {
	dir string
	env []string
}

// newHome is an empty home with the sandbox as its profile, in which the program is on the path.
func newHome(t *testing.T) *home {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, ".bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "telematicsctl")); err != nil {
		t.Fatal(err)
	}
	return &home{dir: dir, env: []string{
		"HOME=" + dir, "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "TELEMATICSCTL_PROFILE=sandbox",
		"TERM=xterm", "NO_COLOR=1",
		"XDG_CONFIG_HOME=" + dir + "/config", "XDG_STATE_HOME=" + dir + "/state", "TMPDIR=" + dir,
	}}
}

// typeIn runs a command line in a terminal of 120 columns and returns what the screen
// showed, and the exit status.
func (h *home) typeIn(t *testing.T, line string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir, c.Env = h.dir, h.env
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var screen bytes.Buffer
	_, _ = io.Copy(&screen, f) // it ends in an error when the terminal has gone
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(screen.String(), "\r\n", "\n"), c.ProcessState.ExitCode()
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\r[^\n\r]*`), ""}, // a live line that was written over
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\dZ| UTC)`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}([0-9a-f]{4})?\b`), "ID"},
	{regexp.MustCompile(`\d+(\.\d+)? ?(ms|µs|s|users/s|/s)\b`), "FIGURE"},
	{regexp.MustCompile(` +`), " "},
}

func mask(s string) string {
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	return strings.TrimSpace(s)
}

// alike compares what was shown with what the README shows.
func alike(want, got string) bool {
	parts := strings.Split(mask(want), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(strings.TrimSpace(parts[i]))
	}
	return regexp.MustCompile(`(?s)^\s*` + strings.Join(parts, `.*`) + `\s*$`).MatchString(mask(got))
}
