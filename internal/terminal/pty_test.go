//go:build !windows

package terminal_test

import (
	"bufio"
	"context"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// person is whoever sits at a pseudo-terminal: keys go in, the screen comes out.
type person struct {
	t      *testing.T
	keys   *os.File
	screen *bufio.Reader
	tty    *os.File
	before *term.State
}

func sitDown(t *testing.T) (*person, *terminal.Streams) {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = keys.Close(), tty.Close() })
	if err := pty.Setsize(keys, &pty.Winsize{Rows: 40, Cols: 123}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, keys, bufio.NewReader(keys), tty, before}, terminal.System(tty, tty, tty, env())
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.keys.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// sees reads the screen up to and with the text, and returns what was on it.
func (p *person) sees(text string) string {
	p.t.Helper()
	var seen strings.Builder
	for !strings.HasSuffix(seen.String(), text) {
		b, err := p.screen.ReadByte()
		if err != nil {
			p.t.Fatalf("%v after %q", err, seen.String())
		}
		seen.WriteByte(b)
	}
	return seen.String()
}

// finds checks that the terminal is as it was before.
func (p *person) finds() {
	p.t.Helper()
	after, err := term.GetState(int(p.tty.Fd()))
	if err != nil || !reflect.DeepEqual(after, p.before) {
		p.t.Errorf("the terminal was left in another state: %+v, %v; it was %+v", after, err, p.before)
	}
}

type result struct {
	secret secret.String
	err    error
}

// password asks in the background and waits until the question stands there.
func (p *person) password(ctx context.Context, s *terminal.Streams) <-chan result {
	p.t.Helper()
	results := make(chan result, 1)
	go func() {
		got, err := s.Password(ctx, "Password", "--password-stdin")
		results <- result{got, err}
	}()
	p.sees("Password: ")
	return results
}

func TestATerminalIsKnown(t *testing.T) {
	_, s := sitDown(t)
	if !s.InTTY || !s.OutTTY || !s.ErrTTY || s.Width != 123 || !s.CanPrompt() || !s.ColorOut() {
		t.Errorf("got %+v", s)
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	p, s := sitDown(t)
	asking := p.password(t.Context(), s)
	p.types("hush-wrong\x7f\x7f\x7f\x7f\x7fhush\r")
	got := <-asking
	if got.err != nil || got.secret.Reveal() != "hush-hush" {
		t.Errorf("got %q, %v", got.secret.Reveal(), got.err)
	}
	p.finds()
	s.Note("the end")
	if seen := p.sees("the end"); strings.Contains(seen, "hush") || strings.Contains(seen, "*") {
		t.Errorf("the screen shows %q", seen)
	}
}

// A new secret is typed twice, so that a slip of the finger does not become it.
func TestANewPasswordIsAskedForTwice(t *testing.T) {
	for name, c := range map[string]struct {
		typed []string // an answer after each question
		want  string
		says  string
	}{
		"the same":         {[]string{"hush", "hush"}, "hush", ""},
		"a slip":           {[]string{"hush", "hash", "hush", "hush"}, "hush", ""},
		"never the same":   {[]string{"a", "b", "c", "d", "e", "f"}, "", "typed differently each time"},
		"nothing":          {[]string{""}, "", "nothing was entered"},
		"given up halfway": {[]string{"hush", "\x03"}, "", "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := sitDown(t)
			results := make(chan result, 1)
			go func() {
				got, err := s.NewPassword(t.Context(), "New passphrase", "THE_VARIABLE")
				results <- result{got, err}
			}()
			for i, text := range c.typed {
				seen := p.sees([]string{"New passphrase: ", "Once more: "}[i%2])
				if told := strings.Contains(seen, "the two differ"); told != (i > 0 && i%2 == 0) || strings.Contains(seen, "hush") {
					t.Errorf("before answer %d the screen shows %q", i+1, seen)
				}
				p.types(text + "\r")
			}
			got := <-results
			if got.secret.Reveal() != c.want || (got.err == nil) != (c.says == "") ||
				(got.err != nil && !strings.Contains(got.err.Error(), c.says)) {
				t.Errorf("got %q, %v", got.secret.Reveal(), got.err)
			}
			p.finds()
		})
	}
}

func TestWhatIsTypedAheadIsForTheNextQuestion(t *testing.T) {
	p, s := sitDown(t)
	asking := p.password(t.Context(), s)
	p.types("hush\ry\n")
	if got := <-asking; got.err != nil || got.secret.Reveal() != "hush" {
		t.Errorf("got %q, %v", got.secret.Reveal(), got.err)
	}
	if yes, err := s.Confirm(t.Context(), "Go on?", "--yes"); !yes || err != nil {
		t.Errorf("got %v, %v", yes, err)
	}
}

func TestACancelledPasswordGivesTheTerminalBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, s := sitDown(t)
	asking := p.password(ctx, s)
	p.types("half of it")
	cancel()
	if got := <-asking; !failure.Is(got.err, failure.Interrupted) || !got.secret.IsZero() {
		t.Errorf("got %q, %v", got.secret.Reveal(), got.err)
	}
	p.finds()
}

func TestCtrlCAndCtrlDAtAPasswordInterrupt(t *testing.T) {
	for _, key := range []string{"\x03", "\x04"} {
		p, s := sitDown(t)
		asking := p.password(t.Context(), s)
		p.types(key)
		if got := <-asking; !failure.Is(got.err, failure.Interrupted) {
			t.Errorf("%q: got %v", key, got.err)
		}
		p.finds()
	}
}

func TestALineIsEditedAndShownByTheTerminal(t *testing.T) {
	p, s := sitDown(t)
	lines := make(chan string, 1)
	go func() {
		line, _ := s.Line(t.Context(), "E-mail", "--email")
		lines <- line
	}()
	p.sees("E-mail: ")
	p.types("adx\x7fa\n")
	if got := <-lines; got != "ada" {
		t.Errorf("got %q", got)
	}
	p.sees("a\r\n")
}
