package input

import (
	"context"
	"errors"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Target names a user: by the DeviceToken, or by a key.
type Target struct {
	Row, Line   int
	DeviceToken string // canonical; "" where Key is set
	KeyField    string // the name of the key's field
	Key         string // its normalized value
}

// Skips reports whether a row of a list names nobody, or a user whom an earlier row names.
func (f *File) Skips(row *Row) bool {
	return row.DeviceToken == "" && (row.Key == "" || f.skipsWithoutToken()) || f.isRepeated(row)
}

// Targets is a list of users every line of which is valid: one a line, or a file of any
// format with a column DeviceToken or a key. It is for one goroutine at a time, and
// belongs to its opener, who closes it.
type Targets struct {
	file  *File
	given map[string]bool
	count int
}

// OpenTargets opens a list of users and reads it to its end. given are DeviceTokens that
// are known already: they are skipped. The error is failure.Invalid: the file cannot be
// read, is broken or names nobody, or a line is not valid; the mistakes are grouped.
// Options.Use does not count.
func OpenTargets(ctx context.Context, o Options, stdin io.Reader, given ...string) (*Targets, error) {
	o.Use = 0
	file, err := Open(ctx, o, stdin)
	if err != nil {
		return nil, err
	}
	t := &Targets{file: file, given: map[string]bool{}}
	for _, token := range given {
		t.given[token] = true
	}
	if err := t.check(ctx); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return t, nil
}

func (t *Targets) check(ctx context.Context) error {
	var wrong Groups
	called := t.file.source.called
	_, bad, err := t.file.Check(ctx, wrong.AddRow)
	switch {
	case err != nil:
		return err
	case bad > 0:
		return wrong.Err(called + ": not every line is valid")
	}
	return t.Each(ctx, func(Target) error { t.count++; return nil })
}

// Count returns how many users Each gives.
func (t *Targets) Count() int { return t.count }

// Warnings returns what a person should know of the file.
func (t *Targets) Warnings() []string { return t.file.Warnings() }

// Each gives every user to do, each once, in the order of the file, as often as it is
// called. It ends with do's error, with the context's, or with failure.Invalid where the
// file is broken.
func (t *Targets) Each(ctx context.Context, do func(Target) error) error {
	return t.file.each(ctx, nil, nil, func(row *Row) error {
		if len(row.Mistakes) > 0 {
			return failure.Newf(failure.Invalid, "%s: line %d: %s", t.file.source.called, row.Line, row.Mistakes[0].Why)
		}
		if t.file.Skips(row) || t.given[row.DeviceToken] {
			return nil
		}
		target := Target{Row: row.N, Line: row.Line, DeviceToken: row.DeviceToken}
		if target.DeviceToken == "" {
			target.KeyField, target.Key = row.KeyField, row.Key
		}
		return do(target)
	})
}

// Close closes the file, and removes what was kept of standard input.
func (t *Targets) Close() error { return t.file.Close() }
