package job

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// Record is a row as results files have it.
type Record struct {
	Cells []string // the input's own, in the order of Header; valid until the next record
	Row   Row
}

// Table is the input of a job as results files repeat it.
type Table interface {
	// Header is whole once all records were given.
	Header() []string
	// Records gives each row of the job, in order. Nothing of a row but its cells and ClientID is sure to be there, unless whole, if not nil, tells that it
	// is to be.
	Records(ctx context.Context, whole func(n int) bool, do func(Record) error) error
}

// Header implements Table.
func (f FileRows) Header() []string { return f.File.Header() }

// Records implements Table. What the other rows say is not looked at again.
func (f FileRows) Records(ctx context.Context, whole func(n int) bool, do func(Record) error) error {
	f.Settled = func(n int) bool { return whole == nil || !whole(n) }
	return f.Each(ctx, func(row Row, in *input.Row) error { return do(Record{in.Cells, row}) })
}

// Header implements Table: the fields that were said, by their names.
func (q NumberedRows) Header() []string {
	if q.Quantity < 1 {
		return nil
	}
	user := q.row(1).User
	var names []string
	for _, f := range user.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// Records implements Table.
func (q NumberedRows) Records(ctx context.Context, _ func(n int) bool, do func(Record) error) error {
	var fields []*field.Field
	for _, name := range q.Header() {
		fields = append(fields, field.Get(name))
	}
	cells := make([]string, len(fields))
	return q.Rows(ctx, func(row Row) error {
		for i, f := range fields {
			v, _ := row.User.Get(f.Name)
			cells[i] = cellText(v)
		}
		return do(Record{cells, row})
	})
}

func cellText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// The columns that a results file adds to the input's own; one of the same name in the input gives way.
var added = []string{input.DeviceTokenColumn, input.OutcomeColumn, input.ErrorColumn}

// WriteResults writes every row of a job with its outcome to path, in the format of its name (FormatOf), and counts those that have none: no run has
// come to them. The file appears, mode 0600, when it is whole.
func WriteResults(ctx context.Context, path string, in Table, account *journal.Table) (blank int, err error) {
	err = write(path, "--results", func(w io.Writer) (err error) {
		blank, err = Results(ctx, w, FormatOf(path), in, account)
		return err
	})
	return blank, err
}

// FormatOf is what a file of that name is written as: JSON Lines where it ends in .jsonl, .ndjson or .json, TSV where it ends in .tsv or .tab, else
// CSV. So it can be read again by its name.
func FormatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson", ".json":
		return input.JSONLines
	case ".tsv", ".tab":
		return input.TSV
	default:
		return input.CSV
	}
}

// newCSV writes CSV, or TSV.
func newCSV(w io.Writer, format string) *csv.Writer {
	out := csv.NewWriter(w)
	if format == input.TSV {
		out.Comma = '\t'
	}
	return out
}

func write(path, flag string, fill func(io.Writer) error) error {
	err := atomicfile.Write(path, 0o600, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		if err := fill(b); err != nil {
			return err
		}
		return b.Flush()
	})
	if err == nil {
		return nil
	}
	if failure.CodeOf(err) != failure.Failed {
		return err
	}
	return failure.Wrap(failure.Failed, flag+" "+path+" cannot be written", err).
		WithHint("nothing is lost: `telematicsctl job show` has every row of the job")
}

// Results writes what WriteResults does to w.
func Results(ctx context.Context, w io.Writer, format string, in Table, account *journal.Table) (blank int, err error) {
	known := account.Read(false)
	out := newRecords(w, format, in, added)
	err = out.all(ctx, func(r Record) ([]string, error) {
		e, err := known.Entry(r.Row.N)
		if err != nil {
			return nil, err
		}
		if OutcomeOf(e) == "" {
			blank++
		}
		return outcomeCells(e), nil
	})
	return blank, err
}

// noAnswer is why a row is unknown that was sent and has no outcome.
const noAnswer = "it was sent, and the answer is not known: the run ended before it came, or is under way"

// outcomeCells are a row's values of the added columns.
func outcomeCells(e journal.Entry) []string {
	switch token := tokenText(e.Token); e.State {
	case journal.Untouched, journal.Failed:
		return []string{"", string(OutcomeOf(e)), e.Text} // its DeviceToken belongs to nobody, as far as is known
	case journal.Sent:
		return []string{token, string(Unknown), noAnswer} // there may be a user who has it
	default:
		return []string{token, string(OutcomeOf(e)), e.Text}
	}
}

// Left is what a run leaves to be looked after.
type Left struct {
	Failed int // rows that failed, and may be given back
	Kept   int // rows that failed, are tried again by the next run, and would be other users if they were given back
	Again  int // rows that are unknown, and are tried again by the next run
	Lost   int // rows that are unknown, and are never sent again
}

// WriteFailed writes the rows that failed, with the input's own columns and the reason, ready to be mended and given back. Those that are unknown are
// not among them: given back they would be rows of another job, with other DeviceTokens, and could be made twice. So could those that the next run
// tries again, unless their DeviceTokens are given or derived from a ClientId: they are the same in any job.
func WriteFailed(ctx context.Context, path string, in Table, account *journal.Table) (Left, error) {
	known, ahead := account.Read(false), account.Read(false)
	again := func(n int) bool {
		e, err := ahead.Entry(n)
		return err != nil || e.State == journal.Failed && e.Again // known meets the error as well
	}
	var left Left
	err := write(path, "--failed-out", func(w io.Writer) error {
		out := newRecords(w, FormatOf(path), in, added[2:])
		out.whole = again
		return out.all(ctx, func(r Record) ([]string, error) {
			e, err := known.Entry(r.Row.N)
			if err != nil || !left.add(e, r.Row) {
				return nil, err
			}
			return []string{e.Text}, nil
		})
	})
	return left, err
}

// add counts a row and tells whether it is to be given back.
func (l *Left) add(e journal.Entry, row Row) (back bool) {
	switch {
	case e.State == journal.Failed && e.Again && (row.Nameless || row.Token == uuid.Nil):
		l.Kept++
	case e.State == journal.Failed:
		l.Failed++
		return true
	case e.State == journal.Unknown && e.Again, e.State == journal.Sent && !e.Theirs:
		l.Again++
	case e.State == journal.Unknown, e.State == journal.Sent:
		l.Lost++
	}
	return false
}

// records writes rows of the input with columns added. JSON members that first come up late in a file are in CSV only where the header, which
// comes first, has them: so the input is read once through for its header where that is not known to be whole.
type records struct {
	in    Table
	lines bool
	add   []string
	whole func(n int) bool // of these rows all is needed, and not the cells alone; nil for none
	csv   *csv.Writer
	json  *bufio.Writer
	keep  []int // the columns of the input that are written
	names []string
}

func newRecords(w io.Writer, format string, in Table, add []string) *records {
	r := &records{in: in, lines: format == input.JSONLines, add: add}
	if r.lines {
		r.json = bufio.NewWriter(w)
	} else {
		r.csv = newCSV(w, format)
	}
	return r
}

// head chooses the columns by the header as it is known now.
func (r *records) head() {
	r.keep, r.names = r.keep[:0], r.names[:0]
	for i, name := range r.in.Header() {
		if !isAdded(name) {
			r.keep, r.names = append(r.keep, i), append(r.names, name)
		}
	}
}

// isAdded tells whether a column of the input is one of a results file, in any spelling: it gives way to the new one.
func isAdded(name string) bool {
	folded := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(name)))
	for _, a := range added {
		if folded == strings.ToLower(a) {
			return true
		}
	}
	return false
}

// all writes the rows for which more gives values of the added columns.
func (r *records) all(ctx context.Context, more func(Record) ([]string, error)) error {
	r.head()
	if !r.lines {
		if err := r.csv.Write(append(append([]string{}, r.names...), r.add...)); err != nil {
			return err
		}
	}
	err := r.in.Records(ctx, r.whole, func(rec Record) error {
		values, err := more(rec)
		if err != nil || values == nil {
			return err
		}
		if r.lines {
			return r.line(rec, values)
		}
		return r.row(rec, values)
	})
	if err != nil {
		return err
	}
	if r.lines {
		return r.json.Flush()
	}
	r.csv.Flush()
	return r.csv.Error()
}

func (r *records) row(rec Record, values []string) error {
	line := make([]string, 0, len(r.keep)+len(values))
	for _, i := range r.keep {
		line = append(line, cell(rec, i))
	}
	return r.csv.Write(append(line, values...))
}

func cell(rec Record, i int) string {
	if i < len(rec.Cells) {
		return rec.Cells[i]
	}
	return ""
}

// line writes a row as a JSON object, its members in the order of the columns.
func (r *records) line(rec Record, values []string) error {
	if len(r.in.Header()) != len(r.keep)+len(added) {
		r.head() // members may have come up that were not met before
	}
	_ = r.json.WriteByte('{') // a bufio.Writer keeps its error for the last write
	for n, i := range r.keep {
		r.member(n > 0, r.names[n], cell(rec, i))
	}
	for n, name := range r.add {
		r.member(n > 0 || len(r.keep) > 0, name, values[n])
	}
	_, err := r.json.WriteString("}\n")
	return err
}

func (r *records) member(comma bool, name, value string) {
	if comma {
		_ = r.json.WriteByte(',')
	}
	key, _ := json.Marshal(name) // a string can always be written
	text, _ := json.Marshal(value)
	_, _ = r.json.Write(key)
	_ = r.json.WriteByte(':')
	_, _ = r.json.Write(text)
}
