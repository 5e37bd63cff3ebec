package input

import (
	"io"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// ReportWriter writes the rows that have mistakes, to be corrected and given back: with the
// input's own columns, the number and the line of each row in the input, and what is wrong with
// it.
type ReportWriter struct {
	file *File
	out  io.Writer
	name string
	raw  bool
	rows *Writer // nil before the first row
	keep []int   // the columns of the input that are repeated
}

// LineColumn is the line that a row begins at in the input.
const LineColumn = "Line"

// NewReportWriter returns a ReportWriter of a file of that name, in the shape of the input; raw
// is that of NewWriter. Flush must be called at the end.
func NewReportWriter(w io.Writer, file *File, name string, raw bool) *ReportWriter {
	return &ReportWriter{file: file, out: w, name: name, raw: raw}
}

// begin writes the header, which is known as soon as Check reports a row.
func (w *ReportWriter) begin() {
	if w.rows != nil {
		return
	}
	added := []string{RowColumn, LineColumn, ErrorColumn}
	drop := foldedSet(append(added, OutcomeColumn)...)
	var header []string
	for i, name := range w.file.Header() {
		if !drop[field.Fold(name)] {
			w.keep, header = append(w.keep, i), append(header, name)
		}
	}
	w.rows = NewWriter(w.out, w.file.Shape().For(w.name), append(header, added...), w.raw)
}

// Write writes a row. Of one whose cells are not those of the columns, the cells are left blank,
// and what stands in it follows the error: given back as it is, it must not become another user.
func (w *ReportWriter) Write(row *Row) error {
	w.begin()
	cells := make([]string, 0, len(w.keep)+3)
	for _, i := range w.keep {
		text := ""
		if i < len(row.Cells) && row.Broken == nil {
			text = row.Cells[i]
		}
		cells = append(cells, text)
	}
	why := make([]string, len(row.Mistakes))
	for i, m := range row.Mistakes {
		why[i] = strings.TrimPrefix(m.Column+": "+m.Why, ": ")
	}
	text := strings.Join(why, "; ")
	if row.Broken != nil {
		text += " (the row is: " + redactJWT(strings.Join(row.Broken, ", ")) + ")"
	}
	return w.rows.Write(append(cells, strconv.Itoa(row.N), strconv.Itoa(row.Line), text))
}

// Flush writes what is buffered, and the header where there was no row.
func (w *ReportWriter) Flush() error {
	w.begin()
	return w.rows.Flush()
}
