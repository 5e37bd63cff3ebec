package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		rule    string
		env     func(string) string
		noColor bool
		tty     bool // on a terminal
		pipe    bool // in a pipe
	}{
		{"only on a terminal", env(), false, true, false},
		{"NO_COLOR turns it off", env("NO_COLOR", "1"), false, false, false},
		{"an empty NO_COLOR does not", env("NO_COLOR", ""), false, true, false},
		{"TERM=dumb turns it off", env("TERM", "dumb"), false, false, false},
		{"CLICOLOR=0 turns it off", env("CLICOLOR", "0"), false, false, false},
		{"CLICOLOR=1 leaves it as it is", env("CLICOLOR", "1"), false, true, false},
		{"CLICOLOR_FORCE turns it on everywhere", env("CLICOLOR_FORCE", "1"), false, true, true},
		{"CLICOLOR_FORCE=0 does not", env("CLICOLOR_FORCE", "0"), false, true, false},
		{"CLICOLOR_FORCE wins over NO_COLOR", env("CLICOLOR_FORCE", "1", "NO_COLOR", "1"), false, true, true},
		{"--no-color wins over all", env("CLICOLOR_FORCE", "1"), true, false, false},
	} {
		for _, tty := range []bool{true, false} {
			want := map[bool]bool{true: c.tty, false: c.pipe}[tty]
			s := &terminal.Streams{OutTTY: tty, ErrTTY: tty, NoColor: c.noColor}
			s.ReadEnvironment(c.env)
			if s.ColorOut() != want || s.ColorErr() != want {
				t.Errorf("%s: terminal %v: got %v and %v", c.rule, tty, s.ColorOut(), s.ColorErr())
			}
		}
	}
}

// -q silences notes, not warnings of harm and not errors.
func TestNotices(t *testing.T) {
	for _, c := range []struct {
		quiet, color bool
		want         string
	}{
		{false, false, "on prod\\n\nWarning: the battery \\x1b[31m\nError: it failed\nHint: fix it\n"},
		{true, false, "Warning: the battery \\x1b[31m\nError: it failed\nHint: fix it\n"},
		{true, true, "\x1b[33mWarning:\x1b[0m the battery \\x1b[31m\n\x1b[31mError:\x1b[0m it " +
			"failed\n\x1b[1mHint:\x1b[0m fix it\n"},
	} {
		var out, notices bytes.Buffer
		s := &terminal.Streams{Out: &out, Err: &notices, ErrTTY: c.color, Quiet: c.quiet}
		s.Note("on prod\n")
		s.Warn("the battery \x1b[31m")
		s.Fail("Error", "it failed")
		s.Fail("Hint", "fix it")
		if notices.String() != c.want || out.Len() != 0 {
			t.Errorf("quiet %v: got %q (and %q on standard output)\nwant %q", c.quiet, &notices, &out, c.want)
		}
	}
}

func TestNoticesFromManyGoroutinesStayLines(t *testing.T) {
	var notices bytes.Buffer
	s := &terminal.Streams{Err: &notices}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { s.Note("a note") })
	}
	all.Wait()
	if got := notices.String(); got != strings.Repeat("a note\n", 32) {
		t.Errorf("got %q", got)
	}
}

// asked makes streams with somebody at both ends who has typed.
func asked(typed string) (*terminal.Streams, *bytes.Buffer) {
	var questions bytes.Buffer
	return &terminal.Streams{In: strings.NewReader(typed), Err: &questions, InTTY: true, ErrTTY: true}, &questions
}

func TestPromptsAskOnStandardErrorAndReadALineEach(t *testing.T) {
	s, questions := asked("ada@example.com \r\nhush hush\nYES\nnope")
	line, err := s.Line(t.Context(), "E-mail\x1b", "--email")
	if err != nil || line != "ada@example.com" {
		t.Errorf("line: got %q, %v", line, err)
	}
	password, err := s.Password(t.Context(), "Password", "--password-stdin")
	if err != nil || password.Reveal() != "hush hush" {
		t.Errorf("password: got %q, %v", password.Reveal(), err)
	}
	for _, want := range []bool{true, false} {
		if got, err := s.Confirm(t.Context(), "Delete?", "--yes"); err != nil || got != want {
			t.Errorf("confirm: got %v, %v; want %v", got, err, want)
		}
	}
	if want := `E-mail\x1b: Password: Delete? [y/N] Delete? [y/N] `; questions.String() != want {
		t.Errorf("asked %q, want %q", questions, want)
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for typed, want := range map[string]bool{"y": true, "Y": true, "yes": true, "\tYes": true, "": false, "n": false,
		"yep": false, "j": false} {
		s, _ := asked(typed + "\n")
		if got, err := s.Confirm(t.Context(), "?", "--yes"); err != nil || got != want {
			t.Errorf("%q: got %v, %v", typed, got, err)
		}
	}
}

// ask puts each kind of question to the streams.
func ask(ctx context.Context, s *terminal.Streams) map[string]error {
	_, line := s.Line(ctx, "Which", "--the-flag")
	_, password := s.Password(ctx, "Which", "--the-flag")
	yes, confirm := s.Confirm(ctx, "Which", "--the-flag")
	if yes {
		confirm = errors.New("taken for a yes")
	}
	return map[string]error{"Line": line, "Password": password, "Confirm": confirm}
}

func TestWhereNobodyCanBeAskedTheErrorNamesTheFlag(t *testing.T) {
	const noTerminal = `cannot ask "Which": standard input or standard error is not a terminal`
	for name, c := range map[string]struct {
		streams *terminal.Streams
		message string
	}{
		"input is a pipe":  {&terminal.Streams{ErrTTY: true, OutTTY: true}, noTerminal},
		"errors are piped": {&terminal.Streams{InTTY: true, OutTTY: true}, noTerminal},
		"--no-input": {&terminal.Streams{InTTY: true, ErrTTY: true, NoInput: true},
			`cannot ask "Which": prompts are turned off`},
	} {
		s := c.streams
		var questions bytes.Buffer
		s.In, s.Err = strings.NewReader("y\ny\ny\n"), &questions
		if s.CanPrompt() {
			t.Errorf("%s: can prompt", name)
		}
		for kind, err := range ask(t.Context(), s) {
			if !failure.Is(err, failure.Invalid) || err.Error() != c.message ||
				!failure.HasReason(err, terminal.ReasonCannotAsk) || failure.From(err).Subject != "--the-flag" ||
				questions.Len() != 0 {
				t.Errorf("%s, %s: got %v (%+v), asked %q", name, kind, err, failure.From(err), &questions)
			}
		}
	}
}

func TestAnAnswerThatDoesNotCome(t *testing.T) {
	s, _ := asked("")
	for kind, err := range ask(t.Context(), s) {
		if !failure.Is(err, failure.Invalid) || !failure.HasReason(err, terminal.ReasonNoAnswer) {
			t.Errorf("%s at the end of input: got %v", kind, err)
		}
	}
	s, _ = asked("\n")
	if _, err := s.Password(t.Context(), "Password", "--password-stdin"); !failure.Is(err, failure.Invalid) {
		t.Errorf("an empty password: got %v", err)
	}
	s, _ = asked(strings.Repeat("x", 1<<20))
	if _, err := s.Line(t.Context(), "Which", "--the-flag"); !failure.Is(err, failure.Invalid) {
		t.Errorf("an endless line: got %v", err)
	}
	boom := errors.New("boom")
	s.In = brokenReader{boom}
	for kind, err := range ask(t.Context(), s) {
		if !errors.Is(err, boom) {
			t.Errorf("%s: got %v", kind, err)
		}
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestACancelledPromptDoesNotWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, typing := io.Pipe()
	defer func() { _ = typing.Close() }()
	var questions bytes.Buffer
	s := &terminal.Streams{In: reading{in, cancel}, Err: &questions, InTTY: true, ErrTTY: true}
	if _, err := s.Line(ctx, "Which", "--the-flag"); !failure.Is(err, failure.Interrupted) {
		t.Errorf("got %v", err)
	}
	for kind, err := range ask(ctx, s) {
		if !failure.Is(err, failure.Interrupted) {
			t.Errorf("%s after that: got %v", kind, err)
		}
	}
	if questions.String() != "Which: \n" {
		t.Errorf("asked %q", &questions)
	}
}

// reading says when it is read from.
type reading struct {
	io.Reader
	begun func()
}

func (r reading) Read(p []byte) (int, error) {
	r.begun()
	return r.Reader.Read(p)
}

func TestReadSecretLine(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for in, want := range map[string]string{
		"hush": "hush", "hush\n": "hush", "hush\r\n": "hush", "hush hush": "hush hush", long: long,
		"": "", "\n": "", "\r\n": "", "a\nb": "", "a\n\n": "", "a\rb": "", long + "x": "",
	} {
		got, err := terminal.ReadSecretLine(strings.NewReader(in))
		if got.Reveal() != want || failure.Is(err, failure.Invalid) != (want == "") {
			t.Errorf("%.20q: got %.20q, %v", in, got.Reveal(), err)
		}
		if err != nil && in != "" && len(in) > 3 && strings.Contains(err.Error(), in) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if _, err := terminal.ReadSecretLine(brokenReader{errors.New("boom")}); !failure.Is(err, failure.Failed) {
		t.Errorf("got %v", err)
	}
}

func TestPipesAreNoTerminals(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	s := terminal.System(r, w, w, env("CLICOLOR_FORCE", "1"))
	if s.InTTY || s.OutTTY || s.ErrTTY || s.Width != 0 || s.CanPrompt() || !s.ColorOut() {
		t.Errorf("got %+v", s)
	}
}

// What is said on a terminal is wrapped between words, and never within a command.
func TestNoticesAreWrapped(t *testing.T) {
	t.Parallel()
	const columnsWrong = "the columns are not valid; the known ones are FirstName, Email"
	errorOf := func(s *terminal.Streams, text string) { s.Fail("Error", text) }
	hintOf := func(s *terminal.Streams, text string) { s.Fail("Hint", text) }
	for name, c := range map[string]struct {
		pipe       bool
		say        func(*terminal.Streams, string)
		text, want string
	}{
		"an error": {false, errorOf, columnsWrong,
			"Error: the columns are not\n    valid; the known ones\n    are FirstName, Email\n"},
		"an error in a pipe": {true, errorOf, columnsWrong, "Error: " + columnsWrong + "\n"},
		"a warning": {false, (*terminal.Streams).Warn, columnsWrong,
			"Warning: the columns are\n    not valid; the known\n    ones are FirstName,\n    Email\n"},
		"a note": {false, (*terminal.Streams).Note, columnsWrong,
			"the columns are not valid;\n    the known ones are\n    FirstName, Email\n"},
		"as wide as the terminal": {false, hintOf, "sign in again, please", "Hint: sign in again, please\n"},
		"a hint with a command": {false, hintOf, "sign in with `telematicsctl auth login`",
			"Hint: sign in with\n    `telematicsctl auth login`\n"},
		"a command longer than a line": {false, hintOf, "run `telematicsctl auth login --profile prod` first",
			"Hint: run\n    `telematicsctl auth login --profile prod`\n    first\n"},
		"a backtick that is not closed": {false, hintOf, "the name a`b is not one that can be used",
			"Hint: the name a`b is not\n    one that can be used\n"},
		"wide characters": {false, hintOf, "\u65e5\u672c\u8a9e \u65e5\u672c\u8a9e \u65e5\u672c\u8a9e \u65e5\u672c\u8a9e",
			"Hint: \u65e5\u672c\u8a9e \u65e5\u672c\u8a9e \u65e5\u672c\u8a9e\n    \u65e5\u672c\u8a9e\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			s := &terminal.Streams{Err: &b, ErrTTY: !c.pipe, Width: 27}
			s.ReadEnvironment(env("NO_COLOR", "1"))
			c.say(s, c.text)
			if b.String() != c.want {
				t.Errorf("got\n%swant\n%s", &b, c.want)
			}
		})
	}
}

// So is a question, as wide as the terminal that shows it.
func TestQuestionsAreWrapped(t *testing.T) {
	t.Parallel()
	s, questions := asked("y\n")
	s.Width, s.ErrWidth = 200, 30
	yes, err := s.Confirm(t.Context(), "Delete Ada Lovelace and 12 more users of prod?", "--yes")
	want := "Delete Ada Lovelace and 12\n    more users of prod? [y/N] "
	if !yes || err != nil || questions.String() != want {
		t.Errorf("%v, %v, asked %q", yes, err, questions)
	}
}

// The terminal echoes no line end for an answer that does not come.
func TestAnUnansweredPromptEndsItsLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := &terminal.Streams{In: strings.NewReader(""), Err: &b, InTTY: true, ErrTTY: true}
	if _, err := s.Confirm(t.Context(), "Delete 1 user?", "--yes"); err == nil || b.String() != "Delete 1 user? [y/N] \n" {
		t.Errorf("%q, %v", &b, err)
	}
}
