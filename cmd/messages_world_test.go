package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A messageWorld is the machine on which a row's commands run, in this process: a folder ($W), an
// environment, a clock and, where the row asks for it, a service ($URL).
type messageWorld struct {
	t   *testing.T
	row *messageRow
	dir string

	verbs map[string]messageVerb

	env  map[string]string
	vars map[string]string // what was captured, and $W and $URL

	// what the services read, which outlive the commands that they answer
	mu      sync.Mutex
	now     time.Time
	tick    time.Duration // the clock goes on by it with each request
	answers []messageAnswer
	arrived func(*http.Request) // is called for each request

	stdin string
	// what happens to the next command
	brokenStdin, brokenClock bool

	out      error // what writing to standard output fails with
	terminal bool
	// the clock stands still; else it goes on by two minutes with each command, so that the guard
	// of sign-ins lets every one pass
	slowClock   bool
	cancel      func()          // interrupts the command that runs
	interrupted bool            // commands are interrupted at once
	begun       func()          // runs beside the next command
	ctx         context.Context // of the command that runs

	keyring messageKeyring
	vague   *regexp.Regexp // nil for none
	shown   *regexp.Regexp // lines of standard output that belong to the message; nil for none

	last  messageResult
	hints []string // commands of the row's hint that were not run yet
}

// A messageResult is what a command did.
type messageResult struct {
	line           string
	stdout, stderr string
	exit           int
	err            *failure.Error
}

// A messageAnswer stands in for the service's own to the calls of a path.
type messageAnswer struct {
	method, path, status, body string
	header                     http.Header
	altered                    *regexp.Regexp // what body replaces in the service's own answer; nil: body is it all
}

func newMessageWorld(t *testing.T, row *messageRow) *messageWorld {
	t.Helper()
	w := &messageWorld{t: t, row: row, dir: t.TempDir(), verbs: messageVerbs(),
		now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	w.vars = map[string]string{"W": w.dir}
	w.keyring = messageKeyring{counted: counted{items: map[string]string{}, reads: map[string]int{}},
		state: errors.New("no keyring is here")}
	w.env = map[string]string{
		"HOME": w.dir, "XDG_CONFIG_HOME": filepath.Join(w.dir, "config"), "XDG_STATE_HOME": filepath.Join(w.dir, "xdg"),
		"TELEMATICSCTL_STATE_DIR": filepath.Join(w.dir, "state"), "XDG_RUNTIME_DIR": filepath.Join(w.dir, "run"),
		"NO_COLOR": "1", "PATH": os.Getenv("PATH"), "AppData": w.dir, "LocalAppData": w.dir,
	}
	return w
}

// do carries out a line of a row.
func (w *messageWorld) do(line string) {
	w.t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "by" {
		w.t.Log(line)
		w.hints = nil
		return
	}
	f, ok := w.verbs[strings.TrimSuffix(verb, ":")]
	if !ok {
		w.t.Fatalf("%s: no verb %q", w.row, verb)
	}
	f(w, rest)
}

var escapeInRow = regexp.MustCompile(`\\x[0-9a-f]{2}|\\[ntr]`)

// unescaped has \n, \t, \r and \x00 replaced by what they stand for.
func unescaped(text string) string {
	return escapeInRow.ReplaceAllStringFunc(text, func(found string) string {
		plain, _ := strconv.Unquote(`"` + found + `"`)
		return plain
	})
}

func (w *messageWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", w.row, err)
	}
}

func (w *messageWorld) path(name string) string {
	name = w.expand(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.dir, name)
}

var variableInRow = regexp.MustCompile(`\$[A-Z]+`)

// expand replaces the variables in a line.
func (w *messageWorld) expand(text string) string {
	return variableInRow.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := w.vars[name[1:]]; ok {
			return value
		}
		return name
	})
}

// words splits a line as a shell does.
func (w *messageWorld) words(line string) []string {
	var words []string
	var word strings.Builder
	quote, begun := rune(0), false
	end := func() {
		if begun {
			words = append(words, w.expand(word.String()))
		}
		word.Reset()
		begun = false
	}
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote == 0 && r == '\\':
			escaped, begun = true, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && r == ' ':
			end()
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	end()
	return words
}

// time is the clock of the row's commands and its service.
func (w *messageWorld) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// set changes what the services read.
func (w *messageWorld) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// process is the environment of a command.
func (w *messageWorld) process(args []string, stdin string) cmdutil.Env {
	return cmdutil.Env{
		Args: args, Getenv: func(name string) string { return w.env[name] },
		Environ: func() []string {
			var all []string
			for name, value := range w.env {
				all = append(all, name+"="+value)
			}
			slices.Sort(all)
			return all
		},
		Streams: &terminal.Streams{In: strings.NewReader(stdin), Out: io.Discard, Err: io.Discard, InTTY: w.terminal,
			OutTTY: w.terminal, ErrTTY: w.terminal},
		Now: w.time, Version: "v0.0.0-test",
		Retry: userservice.Retry{Tries: 2, First: time.Nanosecond}, StoreWorkFactor: 1, Keyring: &w.keyring,
		SweepWait: 50 * time.Millisecond,
	}
}

// run runs a command to its end, quietly.
func (w *messageWorld) run(line string) {
	w.t.Helper()
	if name, ok := strings.CutPrefix(line, "!"); ok {
		w.report(line, madeErrors[name](w))
		return
	}
	if !w.slowClock {
		w.set(func() { w.now = w.now.Add(2 * time.Minute) })
	}
	var out, errs bytes.Buffer
	args := append([]string{"-q"}, w.words(line)...)
	for i := range args {
		args[i] = unescaped(args[i])
	}
	p := w.process(args, w.stdin)
	p.Streams.Out, p.Streams.Err = &out, &errs
	if w.brokenStdin {
		p.Streams.In = iotest.ErrReader(&os.PathError{Op: "read", Path: "/dev/stdin", Err: syscall.EIO})
	}
	if w.brokenClock {
		p.Now = func() time.Time { panic("the clock is broken") }
	}
	p.Streams.ReadEnvironment(p.Getenv)
	if w.out != nil {
		p.Streams.Out = failingWriter{w.out}
	}
	r := messageResult{line: line}
	p.Failed = func(e *failure.Error) { r.err = e }
	w.stdin, w.out, w.brokenStdin, w.brokenClock = "", nil, false, false
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	w.ctx, w.cancel = ctx, cancel
	var beside sync.WaitGroup
	if w.begun != nil {
		beside.Go(w.begun)
	}
	if w.interrupted {
		cancel()
	}
	r.exit = cmd.Run(ctx, p)
	cancel()
	beside.Wait()
	w.set(func() { w.arrived = nil })
	w.begun, w.cancel = nil, nil
	r.stdout, r.stderr = out.String(), errs.String()
	w.last = r
	w.hints = nil
	for _, found := range commandInHint.FindAllStringSubmatch(w.hintOf(r), -1) {
		w.hints = append(w.hints, found[1])
	}
}

// report has an error reported as a command does.
func (w *messageWorld) report(line string, err error) {
	f := failure.From(err)
	app := &cmdutil.App{Env: w.process(nil, "")}
	w.last = messageResult{line: line, exit: f.Code.Exit(), err: f, stderr: "Error: " + f.Error() + "\n"}
	if hint := app.Hint(f); hint != "" {
		w.last.stderr += "Hint: " + hint + "\n"
	}
}

func (w *messageWorld) mustRun(line string) {
	w.t.Helper()
	hints := w.hints
	w.run(line)
	if w.last.exit != 0 {
		w.t.Fatalf("%s: %s: exit status %d\n%s", w.row, line, w.last.exit, w.last.stderr)
	}
	w.hints = hints
}
