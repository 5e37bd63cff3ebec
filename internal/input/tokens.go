package input

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

// TokenFile is a file of DeviceTokens whose every line was found to be good. It is for one goroutine at a time, and belongs to its opener, who
// closes it.
type TokenFile struct {
	given  []string
	called string
	source *source
	rows   *File // nil: one DeviceToken a line
	count  int
	twice  *repeats
}

// OpenTokens opens a file of DeviceTokens: one a line (blank lines and lines that begin with # are passed over), or the DeviceToken column of any
// of the formats (rows without one are passed over). It reads the file to its end, and remembers 16 bytes of each token, for as long as it reads. given
// are DeviceTokens that come before those of the file. The error is failure.Invalid: the file cannot be read, is broken or has no DeviceToken,
// or some are none; the first 100 of these are named, each by its line. Options.Use does not count.
func OpenTokens(ctx context.Context, o Options, stdin io.Reader, given ...string) (*TokenFile, error) {
	o.Use = 0
	if _, err := formatOf(o); err != nil {
		return nil, err
	}
	src, err := openSource(ctx, o, stdin)
	if err != nil {
		return nil, err
	}
	t := &TokenFile{given: given, called: src.called, source: src}
	if err := src.scan(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if !o.isList(src.head) {
		err = t.beginRows(ctx, o)
	}
	if err == nil {
		err = t.check(ctx)
	}
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *TokenFile) beginRows(ctx context.Context, o Options) error {
	names, err := newNames(o)
	if err != nil {
		return err
	}
	t.rows = &File{options: o, source: t.source, columns: columns{names: names}}
	return t.rows.begin(ctx)
}

// Count is how many DeviceTokens Each gives.
func (t *TokenFile) Count() int { return t.count }

// Each gives every DeviceToken to do, each once and in its one spelling, in the order of the file, as often as it is called. It ends with do's error,
// with the context's, or with failure.Invalid (ErrChanged) where the file is no longer as it was opened.
func (t *TokenFile) Each(ctx context.Context, do func(token string) error) error {
	return t.all(ctx, func(n int, token string) error {
		if first := t.twice.row(DeviceTokenColumn, token); first != 0 && first != n {
			return nil
		}
		return do(token)
	}, t.changed)
}

// changed is the error for a line that was a DeviceToken when the file was opened.
func (t *TokenFile) changed(line int, why string) error {
	return t.source.broken(fmt.Sprintf("line %d: %s: the file was changed while it was read", line, why))
}

// Close lets go of the file, and removes what was kept of standard input.
func (t *TokenFile) Close() error { return t.source.close() }

// check finds what is no DeviceToken, and what comes more than once.
func (t *TokenFile) check(ctx context.Context) error {
	wrong, seen, n := mistakenTokens{}, newSeen(), 0
	err := t.all(ctx, func(at int, token string) error {
		seen.add(DeviceTokenColumn, token)
		n = at
		return nil
	}, wrong.add)
	if err != nil {
		return err
	}
	if n == len(t.given) && len(wrong.named) == 0 {
		return failure.New(failure.Invalid, t.called+": there is no DeviceToken in it")
	}
	if err := wrong.err(t.called); err != nil {
		return err
	}
	if t.twice = newRepeats(seen); len(t.twice.hashes) == 0 {
		t.count = n
		return nil
	}
	return t.all(ctx, func(at int, token string) error {
		t.twice.meet(DeviceTokenColumn, token, at)
		if first := t.twice.row(DeviceTokenColumn, token); first == 0 || first == at {
			t.count++
		}
		return nil
	}, wrong.add)
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

// all gives every DeviceToken with its number, from 1, and what is none to mistake.
func (t *TokenFile) all(ctx context.Context, do func(n int, token string) error, mistake func(line int, why string) error) error {
	n := 0
	next := func(token string) error {
		n++
		return do(n, token)
	}
	for _, token := range t.given {
		if err := next(token); err != nil {
			return err
		}
	}
	if t.rows == nil {
		return t.ofLines(ctx, next, mistake)
	}
	return t.rows.each(ctx, 1, nil, func(row *Row) error {
		for _, m := range row.Mistakes {
			if err := mistake(m.Line, m.Why); err != nil {
				return err
			}
		}
		if row.DeviceToken == "" {
			return nil
		}
		return next(row.DeviceToken)
	})
}

func (t *TokenFile) ofLines(ctx context.Context, next func(token string) error, mistake func(line int, why string) error) error {
	text, err := t.source.text(ctx)
	if err != nil {
		return err
	}
	var l lines
	l.open(text)
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.source.unreadable(l.n+1, err)
		}
		if line[0] == '#' {
			continue
		}
		token, err := field.ParseUUID(string(line))
		if err != nil {
			err = mistake(l.n, err.Error())
		} else {
			err = next(token)
		}
		if err != nil {
			return err
		}
	}
}

// mistakenTokens are the lines of a file that are no DeviceToken.
type mistakenTokens struct {
	named []failure.Field
	more  int // those that are not named
}

func (m *mistakenTokens) add(line int, why string) error {
	if len(m.named) == mostShown {
		m.more++
	} else {
		m.named = append(m.named, failure.Field{Key: fmt.Sprintf("line %d", line), Message: why})
	}
	return nil
}

// err is the error for all that is wrong, nil for nothing.
func (m *mistakenTokens) err(called string) error {
	message := called + ": not every line is a DeviceToken"
	if m.more > 0 {
		message += fmt.Sprintf(" (%d more are not named here)", m.more)
	}
	return failure.InvalidFields(message, m.named)
}
