package rows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// mostShown is how many mistakes an error names.
const mostShown = 100

// Tokens reads the DeviceTokens of a file, each once, in the order of the file: one a line (blank lines and lines that begin with # are passed
// over), or the DeviceToken column of any of the formats (rows without one are passed over). The tokens are in memory, the file is not. The
// error is failure.Invalid: the file cannot be read, is broken or has no DeviceToken, or some are none; the first 100 of these are named, each
// by its line. Options.Use does not count.
func Tokens(ctx context.Context, o Options, stdin io.Reader) ([]string, error) {
	o.Use = 0
	if _, err := formatOf(o); err != nil {
		return nil, err
	}
	src, err := openSource(ctx, o, stdin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.close() }()
	if err := src.scan(ctx); err != nil {
		return nil, err
	}
	all := tokens{called: src.called, met: map[string]bool{}}
	if o.isList(src.head) {
		err = all.ofLines(ctx, src)
	} else {
		err = all.ofRows(ctx, o, src)
	}
	if err == nil {
		err = all.mistakes()
	}
	if err != nil {
		return nil, err
	}
	return all.list, nil
}

// isList tells whether a file has one DeviceToken a line: it is not said to be anything else, and its first line is a DeviceToken,
// or is neither JSON nor a header with a DeviceToken column.
func (o Options) isList(head []byte) bool {
	var line []byte
	for text := range bytes.Lines(head) {
		if line = bytes.TrimSpace(text); len(line) > 0 && line[0] != '#' {
			break
		}
	}
	if _, err := field.ParseUUID(string(line)); err == nil {
		return o.Format == ""
	}
	if format, err := formatOf(o); format != "" || err != nil {
		return false
	}
	if looksLike(head) != CSV {
		return false
	}
	names, err := newNames(o)
	if err != nil {
		return false
	}
	if _, ok := namedSeparator(head); ok {
		return false
	}
	header := headerLine(head)
	for name := range bytes.SplitSeq(header, []byte(string(separatorOf(header)))) {
		if names.of(string(bytes.Trim(name, `" `))).role == token {
			return false
		}
	}
	return true
}

// tokens are the DeviceTokens of a file, and what is none.
type tokens struct {
	called string
	list   []string
	met    map[string]bool
	wrong  []failure.Field
	more   int // mistakes that are not named
}

func (t *tokens) add(token string) {
	if !t.met[token] {
		t.met[token] = true
		t.list = append(t.list, token)
	}
}

func (t *tokens) mistake(line int, why string) {
	if len(t.wrong) == mostShown {
		t.more++
		return
	}
	t.wrong = append(t.wrong, failure.Field{Key: fmt.Sprintf("line %d", line), Message: why})
}

// mistakes is the error for all that is wrong, nil for nothing.
func (t *tokens) mistakes() error {
	message := t.called + ": not every line is a DeviceToken"
	if t.more > 0 {
		message += fmt.Sprintf(" (%d more are not named here)", t.more)
	}
	if len(t.wrong) == 0 && len(t.list) == 0 {
		return failure.New(failure.Invalid, t.called+": there is no DeviceToken in it")
	}
	return failure.Mistakes(message, t.wrong)
}

func (t *tokens) ofLines(ctx context.Context, src *source) error {
	text, err := src.text(ctx)
	if err != nil {
		return err
	}
	var l lines
	l.open(text)
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return src.unchanged()
		}
		if err != nil {
			return src.unreadable(l.n+1, err)
		}
		if line[0] == '#' {
			continue
		}
		if token, err := field.ParseUUID(string(line)); err != nil {
			t.mistake(l.n, err.Error())
		} else {
			t.add(token)
		}
	}
}

func (t *tokens) ofRows(ctx context.Context, o Options, src *source) error {
	names, err := newNames(o)
	if err != nil {
		return err
	}
	f := &File{options: o, source: src, columns: columns{names: names}}
	if err := f.begin(ctx); err != nil {
		return err
	}
	return f.each(ctx, 1, nil, func(row *Row) error {
		for _, m := range row.Mistakes {
			t.mistake(m.Line, m.Why)
		}
		if row.DeviceToken != "" {
			t.add(row.DeviceToken)
		}
		return nil
	})
}
