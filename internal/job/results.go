package job

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// Table is the input of a job as files made from it repeat it.
type Table interface {
	// Header returns the input's own columns, all of them: the input was read once.
	Header() []string
	// Cells gives the cells of each row that the job is about, in the order of the
	// input and of the header. Cells at the end may be missing.
	Cells(ctx context.Context, yield func(n int, cells []string) error) error
}

// RowWriter writes rows of text below a header.
type RowWriter interface {
	Write(cells []string) error
	Flush() error
}

// NewRowWriter begins a file of rows.
type NewRowWriter func(w io.Writer, header []string) RowWriter

// The columns that files of results add to the input's own; one of the same name
// in the input gives way. Row is the row's number in the input.
const (
	RowColumn         = "Row"
	DeviceTokenColumn = "DeviceToken"
	OutcomeColumn     = "Outcome"
	ErrorColumn       = "Error"
)

// Results writes every row of the job with its outcome, and returns how many have
// none: no run has come to them.
func (j *Job) Results(ctx context.Context, w io.Writer, in Table, create NewRowWriter) (blank int, err error) {
	columns := []string{RowColumn, DeviceTokenColumn, OutcomeColumn, ErrorColumn}
	err = j.rows(ctx, w, in, create, columns, columns, func(n int, e journal.Entry) []string {
		row := strconv.Itoa(n)
		outcome := outcomeOf(e)
		token := tokenText(e.DeviceToken)
		switch {
		case outcome == "":
			blank++
			return []string{row, "", "", ""}
		case outcome == Failed && j.Spec.Operation == registerName:
			token = "" // it belongs to nobody, as far as is known
		case e.State == journal.Sent:
			return []string{row, token, string(outcome), noAnswer}
		}
		return []string{row, token, string(outcome), e.Text}
	})
	return blank, err
}

// WriteResults writes Results to a file, which appears, mode 0600, when it is
// whole.
func (j *Job) WriteResults(ctx context.Context, path string, in Table, create NewRowWriter) (blank int, err error) {
	err = writeOutput("the results", path, func(w io.Writer) error {
		blank, err = j.Results(ctx, w, in, create)
		return err
	})
	return blank, err
}

// Leftovers are the rows that a file of failed rows is about.
type Leftovers struct {
	Failed    int // they are in the file
	Unknown   int // they are not: given back they could be done twice
	Retryable int // of Unknown: the next run sends them again
}

// WriteFailed writes the rows that failed, with the input's own columns and the
// reason, to be corrected and given back. withToken adds the DeviceToken of each:
// for rows that have no key, so that they are the same users when they are given
// back.
func (j *Job) WriteFailed(ctx context.Context, path string, in Table, create NewRowWriter,
	withToken bool) (Leftovers, error) {
	var left Leftovers
	columns := []string{RowColumn, ErrorColumn}
	drop := []string{RowColumn, OutcomeColumn, ErrorColumn}
	if withToken {
		columns = []string{RowColumn, DeviceTokenColumn, ErrorColumn}
		drop = append(drop, DeviceTokenColumn)
	}
	err := writeOutput("the failed rows", path, func(w io.Writer) error {
		return j.rows(ctx, w, in, create, columns, drop, func(n int, e journal.Entry) []string {
			switch outcomeOf(e) {
			case Failed:
				left.Failed++
			case Unknown:
				left.Unknown++
				if e.Retryable || e.State == journal.Sent {
					left.Retryable++
				}
				return nil
			default:
				return nil
			}
			if withToken {
				return []string{strconv.Itoa(n), tokenText(e.DeviceToken), e.Text}
			}
			return []string{strconv.Itoa(n), e.Text}
		})
	})
	return left, err
}

// writeOutput writes a file of the user's.
func writeOutput(what, path string, fill func(io.Writer) error) error {
	err := atomicfile.Write(path, 0o600, fill)
	if err == nil {
		return nil
	}
	return atomicfile.Failure(failure.Failed, what+" cannot be written to "+path, path, err)
}

// rows writes the rows for which more returns values of the added columns.
func (j *Job) rows(ctx context.Context, w io.Writer, in Table, create NewRowWriter, add, drop []string,
	more func(int, journal.Entry) []string) error {
	var keep []int
	var header []string
	for i, name := range in.Header() {
		if !isOneOf(name, drop) {
			keep, header = append(keep, i), append(header, name)
		}
	}
	out := create(w, append(header, add...))
	known := j.journal.Read()
	err := in.Cells(ctx, func(n int, cells []string) error {
		e, err := known.Entry(n)
		if err != nil {
			return unusable(j.Spec.ID, err)
		}
		values := more(n, e)
		if values == nil {
			return nil
		}
		line := make([]string, 0, len(keep)+len(values))
		for _, i := range keep {
			line = append(line, cellAt(cells, i))
		}
		return out.Write(append(line, values...))
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

func cellAt(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}

// isOneOf reports whether a column is one of those names, in any spelling.
func isOneOf(name string, names []string) bool {
	folded := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(name)))
	return slices.ContainsFunc(names, func(other string) bool { return folded == strings.ToLower(other) })
}
