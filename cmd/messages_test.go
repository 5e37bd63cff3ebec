package cmd_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The table of messages: testdata/messages has every error and warning that a user can meet, a file
// a room and a row each:
//
//	== what happened                     a row begins
//	service well                         what must be done before: see verbs
//	$ user create --client-id c-1        the command
//	> exit 8 rejected user-exists        exit status, code and reason
//	> Error: ...                         all that it prints on standard error, under -q
//	> Hint: ...
//	hint                                 the command that the hint names works when it is typed
//	again --if-exists ok                 the command, with these arguments, works
//	by hand: why nothing is run
//
// UPDATE_MESSAGES=1 go test ./cmd -run TestMessages writes the lines that begin with ">": read
// them.

const messagesFolder = "testdata/messages"

// A messageRow is a row of the table.
type messageRow struct {
	file, name string
	line       int
	before     []string // what happens before the command
	command    string
	want       []string // without "> "
	after      []string
	got        []string
}

// A seenMessage is what a row met.
type seenMessage struct {
	row  *messageRow
	text string
	err  *failure.Error

	hinted bool // the hint is the one of the reason's table
}

// readMessages reads the table.
func readMessages(t *testing.T) []*messageRow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(messagesFolder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rows in %s: %v", messagesFolder, err)
	}
	var rows []*messageRow
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var row *messageRow
		for i, line := range strings.Split(string(data), "\n") {
			name, begins := strings.CutPrefix(line, "== ")
			switch {
			case begins:
				row = &messageRow{file: file, name: name, line: i + 1}
				rows = append(rows, row)
			case row == nil || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "$ "):
				if row.command != "" {
					t.Fatalf("%s:%d: a second command", file, i+1)
				}
				row.command = line[2:]
			case strings.HasPrefix(line, "> "):
				row.want = append(row.want, line[2:])
			case row.command == "":
				row.before = append(row.before, line)
			default:
				row.after = append(row.after, line)
			}
		}
	}
	return rows
}

func TestMessages(t *testing.T) {
	t.Parallel()
	rows := readMessages(t)
	var mu sync.Mutex
	var seen []seenMessage
	t.Run("rows", func(t *testing.T) {
		for _, row := range rows {
			t.Run(strings.TrimSuffix(filepath.Base(row.file), ".txt")+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				met := runMessage(t, row)
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, met)
			})
		}
	})
	if os.Getenv("UPDATE_MESSAGES") != "" {
		updateMessages(t, rows)
	}
	if len(seen) < len(rows) { // -run chose some
		return
	}
	t.Run("every reason", func(t *testing.T) { checkReasons(t, seen) })
	t.Run("wording", func(t *testing.T) { checkWording(t, seen) })
}

// runMessage runs a row and compares what it prints.
func runMessage(t *testing.T, row *messageRow) seenMessage {
	t.Helper()
	w := newMessageWorld(t, row)
	for _, line := range row.before {
		w.do(line)
	}
	w.run(row.command)
	first := w.last
	row.got = append([]string{w.status()}, w.printed()...)
	if os.Getenv("UPDATE_MESSAGES") == "" && !slices.Equal(row.got, row.want) {
		t.Errorf("%s:%d: %s\ngot\n  > %s\nwant\n  > %s", row.file, row.line, row.command, strings.Join(row.got, "\n  > "),
			strings.Join(row.want, "\n  > "))
	}
	if first.err != nil && first.exit != first.err.Code.Exit() && first.exit != 141 {
		t.Errorf("exit status %d with code %s", first.exit, first.err.Code)
	}
	w.checkHintFlags(first)
	hinted := w.isOfTable(first)
	for _, line := range row.after {
		w.do(line)
	}
	hint := w.hintOf(first)
	if hint != "" && len(row.after) == 0 {
		t.Errorf("%s:%d: nothing follows the hint: add a line \"hint\" (its command works), \"again ARGUMENTS\" (the "+
			"command works), or \"by hand: WHY\"", row.file, row.line)
	}
	if n := len(w.hints); n > 0 {
		t.Errorf("%s:%d: %d commands of the hint were not run: add a line \"hint\" for each: %q",
			row.file, row.line, n, w.hints)
	}
	return seenMessage{row, strings.Join(row.got[1:], "\n"), first.err, hinted}
}

// updateMessages writes what the rows printed into the table.
func updateMessages(t *testing.T, rows []*messageRow) {
	t.Helper()
	byFile := map[string][]*messageRow{}
	for _, row := range rows {
		byFile[row.file] = append(byFile[row.file], row)
	}
	for file, rows := range byFile {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		var row *messageRow
		for _, line := range strings.Split(string(data), "\n") {
			switch {
			case strings.HasPrefix(line, "== "):
				row, rows = rows[0], rows[1:]
			case row != nil && len(row.got) > 0 && strings.HasPrefix(line, "> "):
				continue
			}
			out = append(out, line)
			if strings.HasPrefix(line, "$ ") && row != nil {
				for _, got := range row.got {
					out = append(out, "> "+got)
				}
			}
		}
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// checkReasons holds the table to the source: each reason happens in a row, and each hint is one
// that is given.
func checkReasons(t *testing.T, seen []seenMessage) {
	t.Helper()
	source := readReasons(t)
	met, hinted := map[failure.Reason]bool{}, map[failure.Reason]bool{}
	for _, m := range seen {
		if m.err != nil {
			met[m.err.Reason] = true
			hinted[m.err.Reason] = hinted[m.err.Reason] || m.hinted
		}
	}
	for _, value := range slices.Sorted(maps.Keys(source.constants)) {
		why, exempt := unreachableReasons[value]
		if why == "" {
			why, exempt = elsewhereReasons[value]
		}
		switch {
		case met[value] && exempt:
			t.Errorf("%s happens in a row: take it out of unreachableReasons", value)
		case exempt:
			t.Logf("%s (%s) has no row: %s", value, source.constants[value], why)
		case !met[value]:
			t.Errorf("%s (%s) happens in no row: add one to %s", value, source.constants[value], messagesFolder)
		}
	}
	for reason := range unreachableReasons {
		if source.constants[reason] == "" {
			t.Errorf("unreachableReasons has %q, which is not a reason", reason)
		}
	}
	for _, h := range source.hints {
		if why, exempt := unreachableReasons[h.reason]; exempt {
			t.Errorf("%s: the hint of %s is never given: %s", h.where, h.reason, why)
		} else if !hinted[h.reason] && elsewhereReasons[h.reason] == "" {
			t.Errorf("%s: the hint of %s is given in no row: a command sets one of its own", h.where, h.reason)
		}
		if first := source.first[h.reason]; first != h.where {
			t.Errorf("%s: the hint of %s is never given: %s has one already", h.where, h.reason, first)
		}
	}
	checkTexts(t, seen, source.texts)
}

// unreachableReasons are reasons without a row, and why.
var unreachableReasons = map[failure.Reason]string{
	"device-token-taken":   "user create says that the user exists, and a job that the row is existing",
	"no-such-call":         "a job registers users one by one then, or says it in the row",
	"nothing-reported":     "user explain shows it as a check",
	"match":                "a mistake in --match is one of a flag, which says what is right",
	"row-without-key":      "it is a mistake of a row, which says what is missing",
	"state-folder-missing": "the configuration always names a folder",
	"user-refused-before":  "token refresh --all shows the pair as skipped",
}

// elsewhereReasons are reasons with a hint that no row can cause, and why.
var elsewhereReasons = map[failure.Reason]string{
	"bug": "it is one by its name",
}

// unworded is what no message may show: the names and words of Go and its libraries, and URLs with
// what may be a secret.
var unworded = map[string]*regexp.Regexp{
	"a Go type": regexp.MustCompile(`\*?\b(url|json|yaml|strconv|os|fs|net|` +
		`http|x509|tls|exec|io|syscall|failure)\.[A-Z]\w+`),
	"a library's prefix": regexp.MustCompile(`(^| )(json|time|yaml|strconv|x509|tls|csv|zip|xml|hex|uuid|` +
		`toml|gojq|viper|age|exec|net/http|context|dial tcp|lookup|proxyconnect): `),
	"words of encoding": regexp.MustCompile(`cannot unmarshal|unmarshal errors|invalid character '.*' ` +
		`(looking|after|in)|unexpected EOF|unexpected end of JSON`),
	"words of a system": regexp.MustCompile(`\b(open|stat|lstat|mkdir|rename|unlinkat|` +
		`readlink|fork/exec|chdir|getwd|write|fsync) [^ ]*/[^ ]*: `),
	"a URL with its query": regexp.MustCompile(`(https?://|/v1/)[^ ]*\?`),
	"a verb of fmt":        regexp.MustCompile(`%!|<nil>|\{\}|0x[0-9a-f]{6}`),
	"an end":               regexp.MustCompile(`(?m)^(Error|Hint|Warning): .*[^.]\.$`),
	"a capital letter":     regexp.MustCompile(`(?m)^(Error|Hint|Warning): [A-Z][a-z]+ `),
	"failed, and not why":  regexp.MustCompile(`(?m)^Error: [^:0-9]*\bfailed$`),
}

// checkWording holds the messages to the rules of words.
func checkWording(t *testing.T, seen []seenMessage) {
	t.Helper()
	for _, m := range seen {
		for _, what := range slices.Sorted(maps.Keys(unworded)) {
			if found := unworded[what].FindString(m.text); found != "" {
				t.Errorf("%s:%d: %s: %q in\n%s", m.row.file, m.row.line, what, found, m.text)
			}
		}
	}
}

// hintOf is the hint of a command that was run.
func (w *messageWorld) hintOf(r messageResult) string {
	_, hint, _ := strings.Cut(r.stderr, "\nHint: ")
	hint, _, _ = strings.Cut(hint, "\n")
	return hint
}

// isOfTable reports whether a hint is, or begins with, the one that the table of its reason has.
func (w *messageWorld) isOfTable(r messageResult) bool {
	if r.err == nil {
		return false
	}
	bare := *r.err
	bare.Hint = ""
	app := &cmdutil.App{Env: w.process(nil, "")}
	_, _ = app.Config()
	hint := app.Hint(&bare)
	return hint != "" && (r.err.Hint == "" || strings.HasPrefix(r.err.Hint, hint))
}

// checkHintFlags makes the hint of an error once more, as it is where a profile and a file with an
// awkward name are given: its commands must have them.
func (w *messageWorld) checkHintFlags(r messageResult) {
	if r.err == nil || r.err.Hint != "" {
		return
	}
	file := filepath.Join(w.dir, "it's a.yaml")
	text := "profiles:\n  fleet:\n    instance_id: 5a4db0c5-0000-4000-8000-000000000001\n    token_store: file\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	app := &cmdutil.App{Env: w.process(nil, "")}
	app.Flags.Config, app.Flags.Profile = file, "fleet"
	if _, err := app.Config(); err != nil {
		return // what keeps the configuration from being read is the error itself
	}
	flag := " --config " + "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
	for _, found := range commandInHint.FindAllStringSubmatch(app.Hint(r.err), -1) {
		if !strings.Contains(found[1], flag) || !strings.Contains(found[1], "--profile ") &&
			!aboutNoProfile.MatchString(found[1]) {
			w.t.Errorf("%s:%d: the hint's command has not the flags --config and --profile that were given: %s",
				w.row.file, w.row.line, found[1])
		}
	}
}

// aboutNoProfile is a command to which --profile means nothing.
var aboutNoProfile = regexp.MustCompile(`^telematicsctl (profile|sandbox) `)

// commandInHint finds the commands of this program in a hint.
var commandInHint = regexp.MustCompile("`(telematicsctl [^`]*)`")

func (r *messageRow) String() string { return fmt.Sprintf("%s:%d", r.file, r.line) }
