package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/cmd"
	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A messageWorld is the machine on which a row's commands run, in this process: a folder ($W), an
// environment, a clock and, where the row asks for it, a service ($URL).
type messageWorld struct {
	t   *testing.T
	row *messageRow
	dir string

	verbs map[string]func(*messageWorld, string)

	env  map[string]string
	vars map[string]string // what was captured, and $W and $URL
	now  time.Time

	answers  []messageAnswer
	stdin    string
	out      error // what writing to standard output fails with
	terminal bool
	// the clock stands still; else it goes on by two minutes with each command, so that the guard
	// of sign-ins lets every one pass
	slowClock   bool
	realClock   time.Time           // since when the clock goes on as the system's; zero: it does not
	cancel      func()              // interrupts the command that runs
	interrupted bool                // commands are interrupted at once
	arrived     func(*http.Request) // is called for each request

	keyring messageKeyring
	vague   *regexp.Regexp // nil for none

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

// messageVerbs are what a line of a row can do, by its first word.
func messageVerbs() map[string]func(w *messageWorld, rest string) {
	return map[string]func(w *messageWorld, rest string){
		// A command that must succeed.
		"do": func(w *messageWorld, rest string) { w.mustRun(rest) },
		// A command that is expected to fail, and whose hint is not of this row.
		"fails": func(w *messageWorld, rest string) {
			hints := w.hints
			w.run(rest)
			w.hints = hints
			if w.last.exit == 0 {
				w.t.Fatalf("%s: %s: exit status 0", w.row, rest)
			}
		},
		// The row's command, with arguments, which succeeds now.
		"again": func(w *messageWorld, rest string) { w.mustRun(w.row.command + " " + rest) },
		// The next command of the hint, with arguments.
		"hint": func(w *messageWorld, rest string) {
			if len(w.hints) == 0 {
				w.t.Fatalf("%s: the hint has no further command", w.row)
			}
			next := w.hints[0]
			w.hints = w.hints[1:]
			kept := w.hints
			w.mustRun(strings.TrimPrefix(next, "telematicsctl ") + " " + rest)
			w.hints = kept
		},
		// The next command of the hint, which succeeds but for rows that failed before.
		"hint-partial": func(w *messageWorld, _ string) {
			next := w.hints[0]
			w.hints = w.hints[1:]
			kept := w.hints
			w.run(strings.TrimPrefix(next, "telematicsctl "))
			if w.hints = kept; w.last.exit != failure.Partial.Exit() {
				w.t.Fatalf("%s: %s: exit status %d\n%s", w.row, next, w.last.exit, w.last.stderr)
			}
		},
		// capture NAME: the standard output of the last command.
		"capture": func(w *messageWorld, rest string) { w.vars[rest] = strings.TrimSpace(w.last.stdout) },
		"env": func(w *messageWorld, rest string) {
			for _, word := range w.words(rest) {
				name, value, _ := strings.Cut(word, "=")
				w.env[name] = unescaped(value)
			}
		},
		"service":     func(w *messageWorld, rest string) { w.serve(rest) },
		"tls-service": func(w *messageWorld, rest string) { w.serveTLS(rest) },
		// answer METHOD PATH STATUS [NAME=VALUE ...] BODY: PATH is the beginning of one; "drop" for
		// STATUS breaks the connection after the call was carried out.
		"answer": func(w *messageWorld, rest string) {
			words := w.words(rest)
			a := messageAnswer{method: words[0], path: words[1], status: words[2], header: http.Header{}}
			for _, word := range words[3:] {
				if name, value, ok := strings.Cut(word, "="); ok && !strings.HasPrefix(word, "{") && !strings.HasPrefix(word, "<") {
					a.header.Set(name, value)
				} else {
					a.body = word
				}
			}
			w.answers = append(w.answers, a)
		},
		"well": func(w *messageWorld, _ string) { w.answers = nil },
		// file NAME TEXT, in which \n and \t stand for themselves.
		"file": func(w *messageWorld, rest string) {
			words := w.words(rest)
			text := unescaped(words[1])
			w.check(os.MkdirAll(filepath.Dir(w.path(words[0])), 0o700))
			w.check(os.WriteFile(w.path(words[0]), []byte(text), 0o600))
		},
		// replace NAME OLD NEW: in a file.
		"replace": func(w *messageWorld, rest string) {
			words := w.words(rest)
			files, err := filepath.Glob(w.path(words[0]))
			w.check(err)
			if len(files) != 1 {
				w.t.Fatalf("%s: %s: %d files", w.row, words[0], len(files))
			}
			data, err := os.ReadFile(files[0])
			w.check(err)
			if !bytes.Contains(data, []byte(words[1])) {
				w.t.Fatalf("%s: %q is not in %s:\n%s", w.row, words[1], words[0], data)
			}
			w.check(os.WriteFile(files[0], bytes.Replace(data, []byte(words[1]), []byte(words[2]), 1), 0o600))
		},
		"mkdir": func(w *messageWorld, rest string) { w.check(os.MkdirAll(w.path(rest), 0o700)) },
		"copy": func(w *messageWorld, rest string) {
			words := w.words(rest)
			data, err := os.ReadFile(w.path(words[0]))
			w.check(err)
			w.check(os.WriteFile(w.path(words[1]), data, 0o600))
		},
		"link": func(w *messageWorld, rest string) {
			words := w.words(rest)
			w.check(os.Symlink(w.path(words[0]), w.path(words[1])))
		},
		"remove": func(w *messageWorld, rest string) {
			files, err := filepath.Glob(w.path(w.words(rest)[0]))
			w.check(err)
			if len(files) == 0 {
				w.t.Fatalf("%s: there is no %s", w.row, rest)
			}
			for _, f := range files {
				w.check(os.RemoveAll(f))
			}
		},
		"mode": func(w *messageWorld, rest string) {
			words := w.words(rest)
			var mode os.FileMode
			_, err := fmt.Sscanf(words[1], "%o", &mode)
			w.check(errors.Join(err, os.Chmod(w.path(words[0]), mode)))
		},
		// newer PATH: a file of the program becomes one of a newer version.
		"newer": func(w *messageWorld, rest string) {
			files, err := filepath.Glob(w.path(rest))
			w.check(err)
			if len(files) != 1 {
				w.t.Fatalf("%s: %s: %d files", w.row, rest, len(files))
			}
			data, err := os.ReadFile(files[0])
			w.check(err)
			head, content, _ := bytes.Cut(data, []byte("\n"))
			words := strings.Fields(string(head))
			w.check(os.WriteFile(files[0], atomicfile.Frame(words[1], 99, content), 0o600))
		},
		// lock PATH: another process holds it.
		"lock": func(w *messageWorld, rest string) {
			release, err := filelock.Acquire(w.t.Context(), w.path(w.expand(rest)), time.Second)
			w.check(err)
			w.t.Cleanup(release)
		},
		"clock": func(w *messageWorld, rest string) {
			d, err := time.ParseDuration(rest)
			w.check(err)
			w.now = w.now.Add(d)
		},
		"real-clock": func(w *messageWorld, _ string) { w.realClock = time.Now() },
		// vague PATTERN: what differs from run to run: its first group stays, the rest is "N".
		"vague":      func(w *messageWorld, rest string) { w.vague = regexp.MustCompile(w.words(rest)[0]) },
		"slow-clock": func(w *messageWorld, _ string) { w.slowClock = true },
		"stdin":      func(w *messageWorld, rest string) { w.stdin = unescaped(w.words(rest)[0]) },
		// workbook NAME: one with the sheet Sheet1.
		"workbook": func(w *messageWorld, rest string) {
			w.check(os.WriteFile(w.path(rest), workbook(w.t), 0o600))
		},
		// listen: another program has the address $LISTENER.
		"listen": func(w *messageWorld, _ string) {
			ln, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
			w.check(err)
			w.t.Cleanup(func() { _ = ln.Close() })
			w.vars["LISTENER"] = ln.Addr().String()
		},
		// serves COMMAND: it serves, until it is interrupted.
		"serves": func(w *messageWorld, rest string) {
			w.interrupted = true
			w.run(rest)
			w.interrupted = false
			if w.last.err == nil || w.last.err.Code != failure.Interrupted {
				w.t.Fatalf("%s: %s: %+v", w.row, rest, w.last.err)
			}
		},
		// hold-sandbox: another process has the sandbox's folder open.
		"hold-sandbox": func(w *messageWorld, _ string) {
			lock := flock.New(w.path("state/sandbox/sandbox.lock"))
			w.check(lock.Lock())
			w.t.Cleanup(func() { _ = lock.Unlock() })
		},
		// jobs-that-begin-alike: jobs until two have the beginning $BEGIN.
		"jobs-that-begin-alike": func(w *messageWorld, _ string) {
			seen := map[string]bool{}
			for range 17 {
				w.mustRun("--profile sandbox user bulk --quantity 1 --dry-run=false")
				w.mustRun("--profile sandbox job list -o ids")
				for id := range strings.FieldsSeq(w.last.stdout) {
					seen[id] = true
				}
				first := map[string]int{}
				for id := range seen {
					if first[id[:1]]++; first[id[:1]] == 2 {
						w.vars["BEGIN"] = id[:1]
						return
					}
				}
			}
		},
		// terminal: a person is at it from here on.
		"terminal": func(w *messageWorld, rest string) { w.terminal = rest != "off" },
		// stdout full|gone, for the next command.
		"stdout": func(w *messageWorld, rest string) {
			w.out = map[string]error{"full": syscall.ENOSPC, "gone": syscall.EPIPE}[rest]
		},
		// cheap-tokens: a token file whose passphrase is checked quickly.
		"cheap-tokens": func(w *messageWorld, _ string) {
			(&house{dir: w.dir, known: map[string]bool{}}).cheapStore(w.t)
			w.env["TELEMATICSCTL_STORE_PASSPHRASE"] = keptPassphrase
		},
		// keyring none|locked|short|well.
		"keyring": func(w *messageWorld, rest string) {
			w.keyring.state = map[string]error{"none": errors.New("no keyring is here"), "locked": tokenstore.ErrLocked}[rest]
			w.keyring.limit = map[string]int{"short": 1}[rest]
			w.env["TELEMATICSCTL_TOKEN_STORE"] = "keyring"
		},
		// keyring-items OLD NEW: replaces a text in all items.
		"keyring-items": func(w *messageWorld, rest string) {
			words, n := w.words(rest), 0
			for name, text := range w.keyring.items {
				if strings.Contains(text, words[0]) {
					w.keyring.items[name] = strings.Replace(text, words[0], words[1], 1)
					n++
				}
			}
			if n == 0 {
				w.t.Fatalf("%s: %q is in no item: %v", w.row, words[0], w.keyring.items)
			}
		},
		// interrupt-at N: the next command is interrupted when its Nth request comes.
		"interrupt-at": func(w *messageWorld, rest string) {
			n, err := strconv.Atoi(rest)
			w.check(err)
			w.arrived = func(*http.Request) {
				if n--; n == 0 {
					w.cancel()
				}
			}
		},
		// meanwhile N VERB...: what happens just before the Nth request of the next command is answered.
		"meanwhile": func(w *messageWorld, rest string) {
			n := 1
			if count, _, ok := strings.Cut(rest, " "); ok {
				if _, err := fmt.Sscanf(count, "%d", &n); err == nil {
					_, rest, _ = strings.Cut(rest, " ")
				}
			}
			w.arrived = func(*http.Request) {
				if n--; n == 0 {
					w.do(rest)
				}
			}
		},
	}
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

func (w *messageWorld) serve(kind string) {
	options := sandbox.Options{Now: w.time, SignInLimit: -1}
	url, stop, err := newServiceWith(kind, nil, options, w.answering)
	w.check(err)
	w.t.Cleanup(stop)
	for name, value := range environment(url) {
		w.env[name] = unescaped(value)
	}
	w.env["TELEMATICSCTL_TOKEN_STORE"] = "memory"
	w.vars["URL"] = url
}

// answering puts the row's own answers before those of a service.
func (w *messageWorld) answering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.arrived != nil {
			w.arrived(r)
		}
		for _, a := range w.answers {
			if (a.method != "*" && a.method != r.Method) ||
				!strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(a.path)) {
				continue
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if a.status == "drop" {
				panic(http.ErrAbortHandler)
			}
			for name := range a.header {
				rw.Header().Set(name, a.header.Get(name))
			}
			status := 0
			_, err := fmt.Sscan(a.status, &status)
			w.check(err)
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, a.body)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// time is the clock of the row's commands and its service.
func (w *messageWorld) time() time.Time {
	if w.realClock.IsZero() {
		return w.now
	}
	return w.now.Add(time.Since(w.realClock))
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
		Retry: userservice.Retry{Tries: 2, First: time.Nanosecond}, Keyring: &w.keyring,
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
		w.now = w.now.Add(2 * time.Minute)
	}
	var out, errs bytes.Buffer
	args := append([]string{"-q"}, w.words(line)...)
	for i := range args {
		args[i] = unescaped(args[i])
	}
	p := w.process(args, w.stdin)
	p.Streams.Out, p.Streams.Err = &out, &errs
	p.Streams.ReadEnvironment(p.Getenv)
	if w.out != nil {
		p.Streams.Out = failingWriter{w.out}
	}
	r := messageResult{line: line}
	p.Failed = func(e *failure.Error) { r.err = e }
	w.stdin, w.out = "", nil
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	w.cancel = cancel
	if w.interrupted {
		cancel()
	}
	r.exit = cmd.Run(ctx, p)
	w.arrived, w.cancel = nil, nil
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

// status is the first line of what a row expects.
func (w *messageWorld) status() string {
	if w.last.err == nil {
		return fmt.Sprintf("exit %d", w.last.exit)
	}
	text := fmt.Sprintf("exit %d %s", w.last.exit, w.last.err.Code)
	if w.last.err.Reason != "" {
		text += " " + string(w.last.err.Reason)
	}
	return text
}

var (
	uuidInText  = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	jobInText   = regexp.MustCompile(`(^|[^-0-9a-f])[0-9a-f]{12}\b`)
	hostInText  = regexp.MustCompile(`(127\.0\.0\.1|localhost):\d{4,5}`)
	tempInText  = regexp.MustCompile(`\.tmp-?\d+`)
	spanInText  = regexp.MustCompile(`process \d+`)
	unprintable = regexp.MustCompile(`\r\n`)
)

// printed is what the last command printed on standard error, with what differs from run to run
// replaced by names.
func (w *messageWorld) printed() []string {
	text := w.last.stderr
	var names []string
	for name, value := range w.vars {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(w.vars[b]) - len(w.vars[a]) })
	for _, name := range names {
		value := w.vars[name]
		if len(value) < 4 { // it may be a part of something else
			text = strings.ReplaceAll(text, `"`+value+`"`, `"$`+name+`"`)
			continue
		}
		text = strings.ReplaceAll(text, value, "$"+name)
	}
	if w.vague != nil {
		text = w.vague.ReplaceAllString(text, "N$1")
	}
	text = uuidInText.ReplaceAllStringFunc(text, func(id string) string {
		if strings.HasPrefix(id, "5a4db0c5-") || strings.Contains(w.row.command+strings.Join(w.row.before, " "), id) {
			return id
		}
		return "UUID"
	})
	text = jobInText.ReplaceAllString(text, "${1}JOB")
	text = hostInText.ReplaceAllString(text, "$1:PORT")
	text = spanInText.ReplaceAllString(text, "process N")
	text = tempInText.ReplaceAllString(text, ".tmp")
	text = unprintable.ReplaceAllString(text, "\n")
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// failingWriter is a standard output that cannot be written.
type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: f.err}
}

// messageKeyring is a keyring in memory that can be away, locked, or short.
type messageKeyring struct {
	counted
	state error
	limit int
}

func (k *messageKeyring) Get(service, user string) (string, error) {
	if k.state != nil {
		return "", k.state
	}
	return k.counted.Get(service, user)
}

func (k *messageKeyring) Set(service, user, text string) error {
	if k.state != nil {
		return k.state
	}
	return k.counted.Set(service, user, text)
}

func (k *messageKeyring) Delete(service, user string) error {
	if k.state != nil {
		return k.state
	}
	return k.counted.Delete(service, user)
}

func (k *messageKeyring) Limit(string, string) int { return k.limit }

func (k *messageKeyring) State(context.Context) error { return k.state }
