// Package terminal holds the three streams and what is known of the person at them: which
// streams are terminals, whether they take color, how wide they are, and prompts, notes,
// warnings and the spinner.
//
// Standard output carries data only and is written by package render; everything here
// goes to standard error.
package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// Streams is the program's three streams and what is known of them. System makes it of
// real files; a test makes it by hand and sets the switches as it likes. Notices and
// prompts may come from many goroutines; the switches are set before the first of them.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	OutFile *os.File // the terminal at Out, for a program that is to write there; nil where there is none

	InTTY, OutTTY, ErrTTY bool // which of them are terminals
	Width                 int  // columns of the terminal at Out; 0 where it is none
	ErrWidth              int  // columns of the terminal at Err; those of Out where 0

	Quiet   bool // only warnings and errors are printed
	NoInput bool // nobody is asked
	NoColor bool // no color, whatever the environment says

	BusyAfter time.Duration // when the spinner appears; a second where 0

	env   environment
	raw   func() (restore func() error, err error) // the terminal at In without echo; nil: it has none
	busy  busy
	lines []string   // held back by HoldLines
	held  int        // calls of HoldLines that are not done
	write sync.Mutex // one notice at a time; guards these
	ask   sync.Mutex // one prompt at a time
}

// environment is what the environment says of color, and whether the terminal cannot move
// its cursor.
type environment struct{ off, forced, dumb bool }

// System makes Streams of real files, usually the process's own. getenv gives NO_COLOR,
// CLICOLOR, CLICOLOR_FORCE and TERM. The files stay the caller's. The width is measured
// once.
func System(in, out, err *os.File, getenv func(string) string) *Streams {
	s := &Streams{In: in, Out: out, Err: err, InTTY: isTerminal(in), OutTTY: isTerminal(out), ErrTTY: isTerminal(err)}
	s.ReadEnvironment(getenv)
	if s.OutTTY {
		s.OutFile = out
		obeyEscapes(out)
		if width, _, err := term.GetSize(int(out.Fd())); err == nil {
			s.Width = width
		}
	}
	if s.ErrTTY {
		obeyEscapes(err)
		if width, _, sizeErr := term.GetSize(int(err.Fd())); sizeErr == nil {
			s.ErrWidth = width
		}
	}
	if s.InTTY {
		s.In = typedFile{in, s}
		fd := int(in.Fd())
		s.raw = func() (func() error, error) {
			state, err := term.MakeRaw(fd)
			return func() error { return term.Restore(fd, state) }, err
		}
	}
	return s
}

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// ReadEnvironment reads what the environment says of color: NO_COLOR (not empty),
// CLICOLOR=0 and TERM=dumb turn it off on a terminal; CLICOLOR_FORCE (neither empty nor
// 0) turns it on everywhere and wins over these.
func (s *Streams) ReadEnvironment(getenv func(string) string) {
	force := getenv("CLICOLOR_FORCE")
	s.env = environment{
		off:    getenv("NO_COLOR") != "" || getenv("CLICOLOR") == "0" || getenv("TERM") == "dumb",
		forced: force != "" && force != "0",
		dumb:   getenv("TERM") == "dumb",
	}
}

// ColorOut reports whether output to Out may be colored.
func (s *Streams) ColorOut() bool { return s.color(s.OutTTY) }

// ColorErr reports whether output to Err may be colored.
func (s *Streams) ColorErr() bool { return s.color(s.ErrTTY) }

func (s *Streams) color(tty bool) bool {
	return !s.NoColor && (s.env.forced || (tty && !s.env.off))
}

// Style is how a word on Err stands out.
type Style string

// The styles, as ANSI has them.
const (
	Bold   Style = "1"
	Red    Style = "31"
	Yellow Style = "33"
)

// Paint returns the text in a style if Err takes color, else as it is. The text must be sanitized.
func (s *Streams) Paint(style Style, text string) string {
	if !s.ColorErr() {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Note writes a line to Err for whoever watches: what a command acts on, what it found.
// Silent under Quiet. Control characters are shown, not obeyed. A failing Err is nobody's
// concern.
func (s *Streams) Note(text string) {
	if !s.Quiet {
		s.line(s.wrap(sanitize.Clean(text), 0))
	}
}

// Warn writes "Warning: text" to Err. It warns of harm, and so speaks under Quiet too.
func (s *Streams) Warn(text string) {
	s.labeled(Yellow, "Warning", text)
}

// Fail writes "label: text" to Err, as Error: and Hint: are written; it speaks under Quiet too.
func (s *Streams) Fail(label, text string) {
	style := Bold
	if label == "Error" {
		style = Red
	}
	s.labeled(style, label, text)
}

// labeled writes "label: text", wrapped as wide as the terminal.
func (s *Streams) labeled(style Style, label, text string) {
	text = s.wrap(sanitize.Clean(text), columns(label)+2)
	s.line(s.Paint(style, label+":") + " " + text)
}

func (s *Streams) line(text string) {
	s.write.Lock()
	defer s.write.Unlock()
	if s.held > 0 {
		s.lines = append(s.lines, text)
		return
	}
	s.clearBusy()
	_, _ = fmt.Fprintln(s.Err, text)
}

// HoldLines keeps notes and warnings back while another program has the screen; release prints
// them.
func (s *Streams) HoldLines() (release func()) {
	s.write.Lock()
	defer s.write.Unlock()
	s.held++
	return func() {
		s.write.Lock()
		defer s.write.Unlock()
		if s.held--; s.held > 0 {
			return
		}
		for _, text := range s.lines {
			_, _ = fmt.Fprintln(s.Err, text)
		}
		s.lines = nil
	}
}
