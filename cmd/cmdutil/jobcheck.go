package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// checkInput applies every rule to every row, and returns how many rows there are
// and how many of them are invalid. Without skip, mistakes are an error that
// groups them by column and reason; the file of --report gets the invalid rows in
// any case.
func (r *JobRun) checkInput(ctx context.Context, file *input.File, skip bool, report string) (rows, bad int,
	err error) {
	var groups input.Groups
	var checkErr error
	pass := func(w io.Writer) error {
		out := input.NewReportWriter(w, file, report, r.Flags.Raw)
		rows, bad, checkErr = file.Check(ctx, func(row *input.Row) error {
			return errors.Join(groups.AddRow(row), out.Write(row))
		})
		if checkErr != nil && groups.Count() == 0 {
			return checkErr // there is nothing to report
		}
		return out.Flush()
	}
	if report == "" {
		rows, bad, checkErr = file.Check(ctx, groups.AddRow)
	} else if err = atomicfile.Write(report, 0o600, pass); err != nil && err != checkErr { //nolint:errorlint // itself
		err = atomicfile.Failure(failure.Failed, "the report cannot be written to "+report, report, err)
	}
	if err := cmp.Or(err, groups.With(checkErr)); err != nil {
		return rows, bad, err
	}
	for _, warning := range file.Warnings() {
		r.App.Streams.Warn(warning)
	}
	if report != "" && bad > 0 {
		r.App.Streams.Note(Count(bad, "invalid row is", "invalid rows are") + " in " + report)
	}
	if bad == 0 || skip {
		return rows, bad, nil
	}
	return rows, bad, groups.Err(fmt.Sprintf("%d of %s %s invalid: nothing was sent", bad, Count(rows, "row", "rows"),
		Are(bad)))
}

// countRequested counts the records of a source, and those that cannot be sent.
func countRequested(ctx context.Context, source job.Source, clean bool) (requested, invalid int, err error) {
	if s, ok := source.(counter); ok && clean {
		if requested, invalid, ok := s.Counted(); ok {
			return requested, invalid, nil
		}
	}
	err = source.Records(ctx, func(r job.Record) error {
		requested++
		if r.Invalid != "" {
			invalid++
		}
		return nil
	})
	return requested, invalid, err
}

// counter is a source that may have counted its records while its input was checked.
type counter interface {
	Counted() (requested, invalid int, ok bool)
}

// inputTable is the rows of an input that a job is about, as files of results
// repeat them.
type inputTable struct {
	file   *input.File
	source job.Source
}

// Header implements job.Table.
func (t inputTable) Header() []string { return t.file.Header() }

// Cells implements job.Table. The source says which rows, the file what is in
// them.
func (t inputTable) Cells(ctx context.Context, yield func(n int, cells []string) error) error {
	if s, ok := t.source.(job.SettledSkipper); ok {
		s.SkipSettled(func(int) bool { return true })
		defer s.SkipSettled(nil)
	}
	var failed error
	next, stop := iter.Pull(func(yield func(int) bool) {
		failed = t.source.Records(ctx, func(r job.Record) error {
			if !yield(r.N) {
				return errEnoughRows
			}
			return nil
		})
	})
	defer stop()
	n, more := next()
	err := t.file.EachOf(ctx, func(int) bool { return false }, func(row *input.Row) error {
		switch {
		case !more:
			return errEnoughRows
		case row.N != n:
			return nil
		}
		cells := row.Cells
		if row.Broken != nil {
			cells = nil // given back as they are, they must not become another user
		}
		err := yield(n, cells)
		n, more = next()
		return err
	})
	if err == errEnoughRows { //nolint:errorlint // it is this very one
		err = nil
	}
	if err == nil && !more && failed != errEnoughRows { //nolint:errorlint // it is this very one
		err = failed
	}
	return err
}

var errEnoughRows = fmt.Errorf("enough rows")
