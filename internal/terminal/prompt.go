package terminal

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// The reasons why a question gets no answer.
const (
	ReasonCannotAsk   failure.Reason = "cannot-ask"   // nobody can be asked; subject: what answers instead
	ReasonNoAnswer    failure.Reason = "no-answer"    // nothing usable was typed; subject: what answers instead
	ReasonSecretInput failure.Reason = "secret-input" // standard input is not one secret
)

// longestAnswer is the most bytes that a prompt or a secret on standard input takes.
const longestAnswer = 64 << 10

// yesNo stands behind a question that is answered by yes or no; the capital is the answer
// of an empty line.
const yesNo = " [y/N] "

// CanPrompt reports whether somebody can be asked: In and Err are terminals, and NoInput
// is not set.
func (s *Streams) CanPrompt() bool { return s.InTTY && s.ErrTTY && !s.NoInput }

// Line asks for a line of text and returns it without the space around it; it may be empty. instead
// is what answers in place of a person (a flag, a variable): the subject of the error
// (failure.Invalid) where nobody can be asked. A cancelled context is its own error; the read from
// In that it leaves behind takes the next line, so that the command should end then.
func (s *Streams) Line(ctx context.Context, label, instead string) (string, error) {
	text, err := s.prompt(ctx, label+": ", instead, readLine)
	return strings.TrimSpace(text), err
}

// Confirm asks a question that is answered by y or yes; anything else, and an empty line,
// is no. Errors are those of Line.
func (s *Streams) Confirm(ctx context.Context, question, instead string) (bool, error) {
	text, err := s.prompt(ctx, question+yesNo, instead, readLine)
	answer := strings.ToLower(strings.TrimSpace(text))
	return answer == "y" || answer == "yes", err
}

// Password asks for a secret without showing it. Before it returns, a cancelled context
// included, the terminal is as it was before; Ctrl-C and Ctrl-D at the prompt are
// failure.Interrupted. An empty answer is failure.Invalid. The other errors are those of
// Line.
func (s *Streams) Password(ctx context.Context, label, instead string) (secret.String, error) {
	text, err := s.prompt(ctx, label+": ", instead, s.readHidden())
	if err == nil && text == "" {
		err = failure.New(failure.Invalid, label+": nothing was entered").Because(ReasonNoAnswer, instead)
	}
	return secret.New(text), err
}

// mostMistypings is how often a new secret may be typed in two ways.
const mostMistypings = 3

// NewPassword asks for a new secret: twice, and again
// where the two differ. One that comes out different each time is failure.Invalid. The
// other errors are those of Password.
func (s *Streams) NewPassword(ctx context.Context, label, instead string) (secret.String, error) {
	for range mostMistypings {
		first, err := s.Password(ctx, label, instead)
		if err != nil {
			return secret.String{}, err
		}
		again, err := s.Password(ctx, "Once more", instead)
		if err != nil {
			return secret.String{}, err
		}
		if first == again {
			return first, nil
		}
		s.Warn("the two differ: type it twice again")
	}
	return secret.String{}, failure.New(failure.Invalid, "it was typed differently each time").
		Because(ReasonNoAnswer, instead)
}

// prompt writes the question to Err and reads the answer in the background, so that a
// cancelled context ends the wait.
func (s *Streams) prompt(ctx context.Context, question, instead string, read reader) (string, error) {
	question = sanitize.Clean(question)
	if !s.CanPrompt() {
		why := "standard input or standard error is not a terminal"
		if s.NoInput {
			why = "prompts are turned off"
		}
		asked := strings.TrimRight(strings.TrimSuffix(question, yesNo), ": ")
		return "", failure.Newf(failure.Invalid, "cannot ask %q: %s", asked, why).Because(ReasonCannotAsk, instead)
	}
	s.ask.Lock()
	defer s.ask.Unlock()
	defer s.HoldBusy()()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	answers, done, err := read(s, question)
	if err != nil {
		return "", err
	}
	select {
	case a := <-answers:
		if errors.Is(a.err, io.EOF) {
			s.line("") // the terminal echoes no line end for it
			a.err = failure.New(failure.Invalid, "no answer: standard input has ended").Because(ReasonNoAnswer, instead)
		}
		return a.text, errors.Join(a.err, done())
	case <-ctx.Done():
		err := errors.Join(ctx.Err(), done())
		s.line("")
		return "", err
	}
}

// answer is what was read, or why nothing was.
type answer struct {
	text string
	err  error
}

// reader puts a question and begins to read its answer. done gives the terminal back and
// is called once.
type reader func(s *Streams, question string) (answers <-chan answer, done func() error, err error)

func begin(read func() (string, error)) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	return answers
}

// readLine reads a line as the terminal edits and echoes it.
func readLine(s *Streams, question string) (<-chan answer, func() error, error) {
	if _, err := io.WriteString(s.Err, s.wrap(question, 0)); err != nil {
		return nil, nil, err
	}
	return begin(func() (string, error) { return scanLine(s.In) }), func() error { return nil }, nil
}

// readHidden reads a line that is not shown. The terminal is made raw before the reading
// begins and in the same goroutine that gives it back, so that no cancellation can come
// between the two.
func (s *Streams) readHidden() reader {
	if s.raw == nil {
		return readLine
	}
	return func(s *Streams, question string) (<-chan answer, func() error, error) {
		restore, err := s.raw()
		if err != nil {
			return nil, nil, failure.Wrap(failure.Failed, "cannot turn the terminal's echo off", err)
		}
		hidden := term.NewTerminal(console{oneByte{s.In}, s.Err}, "")
		return begin(func() (string, error) {
			text, err := hidden.ReadPassword(question)
			switch {
			case errors.Is(err, term.ErrPasteIndicator):
				err = nil
			case errors.Is(err, io.EOF): // Ctrl-C, Ctrl-D: in a raw terminal they are characters
				_, _ = io.WriteString(s.Err, "\r\n")
				err = failure.New(failure.Interrupted, "interrupted")
			}
			return text, err
		}), restore, nil
	}
}

// console is the person's end of the terminal.
type console struct {
	io.Reader
	io.Writer
}

// oneByte reads a byte at a time, so that what was typed ahead is left for the next prompt.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

// scanLine reads up to the line's end, a byte at a time, and returns it without its end.
// A last line needs none.
func scanLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) < longestAnswer {
		n, err := r.Read(b[:])
		if n == 1 && b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[:n]...)
		if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
			return "", err
		}
		if err != nil {
			return string(line), nil
		}
	}
	return "", failure.Newf(failure.Invalid, "the answer is longer than %d bytes", longestAnswer)
}

// ReadSecretLine reads a secret that stands alone on standard input (--password-stdin,
// --instance-key-stdin): all of it, less one line break (LF or CRLF) at its end. Nothing
// at all, a second line, or more than 64 KiB is failure.Invalid.
func ReadSecretLine(r io.Reader) (secret.String, error) {
	data, err := io.ReadAll(io.LimitReader(r, longestAnswer+1))
	if err != nil {
		return secret.String{}, failure.Wrap(failure.Failed, "cannot read standard input", err)
	}
	text := string(data)
	if cut, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(cut, "\r")
	}
	wrong := ""
	switch {
	case len(data) > longestAnswer:
		wrong = "it is longer than 64 KiB"
	case text == "":
		wrong = "it is empty"
	case strings.ContainsAny(text, "\r\n"):
		wrong = "it has more than one line"
	default:
		return secret.New(text), nil
	}
	return secret.String{}, failure.New(failure.Invalid, "no secret on standard input: "+wrong).
		Because(ReasonSecretInput, "")
}
