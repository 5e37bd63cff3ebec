package input

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// records are the lines of a table of cells: separated text, or the sheet of a workbook.
type records interface {
	// record returns the next, good until the one after it is read, and the line that it
	// begins at; wrong says why it cannot be parsed.
	record() (cells []string, line int, wrong string, err error)
	// unended reports whether the last record has no line end: a file that was cut off has none.
	unended() bool
	close()
}

// cellsReader reads the rows of a table of cells whose first record is the header.
type cellsReader struct {
	file    *File
	records records
	record  []string
	line    int
	wrong   string // what is wrong with the quotes of the record
}

func newCSV(f *File, text io.Reader) (*cellsReader, error) {
	t := &csvRecords{file: f, parser: newCSVParser(text, f.separator)}
	for range f.preamble {
		if _, err := t.parser.readLine(); err != nil && !errors.Is(err, io.EOF) {
			return nil, f.source.damaged(1, err)
		}
	}
	return newCells(f, t)
}

// newCells goes past the header where it is known.
func newCells(f *File, records records) (*cellsReader, error) {
	r := &cellsReader{file: f, records: records}
	if f.columns.header == nil {
		return r, nil
	}
	_, err := r.next()
	return r, err
}

// csvRecords are the records of separated text.
type csvRecords struct {
	file   *File
	parser *csvParser
}

func (t *csvRecords) record() (cells []string, line int, wrong string, err error) {
	cells, wrong, err = t.parser.record()
	line = t.parser.start
	switch {
	case err == nil || errors.Is(err, io.EOF):
	case errors.Is(err, errUnclosed):
		err = t.file.source.broken(fmt.Sprintf("the quotes of the row at line %d are not closed by the end of the "+
			"file, which may be cut off", line)).
			Because(ReasonRowTooLarge, "")
	default:
		err = t.file.source.unreadable(line, err)
	}
	return cells, line, wrong, err
}

func (t *csvRecords) unended() bool { return t.parser.unended }

func (t *csvRecords) close() {}

func (r *cellsReader) close() { r.records.close() }

func (r *cellsReader) header() error {
	line, err := r.next()
	if errors.Is(err, io.EOF) {
		return r.file.source.broken("the file has no header and no row")
	}
	if err == nil && r.wrong != "" {
		err = r.file.source.broken(fmt.Sprintf("the header (line %d) cannot be read: %s", line, r.wrong))
	}
	if err != nil {
		return err
	}
	columns := &r.file.columns
	columns.width = len(r.record)
	for _, name := range withoutTrailingEmpty(r.record) {
		columns.add(strings.Clone(name))
	}
	file := r.file.source.called
	if err := columns.checkSeparator(file, r.file.format); err != nil {
		return err
	}
	if err := columns.check(file, r.file.options.ColumnsLater); err != nil {
		return err
	}
	if err := columns.checkMap(file); err != nil {
		return err
	}
	return columns.checkSome(file)
}

// withoutTrailingEmpty drops the columns without a name that a spreadsheet writes behind the last.
func withoutTrailingEmpty(names []string) []string {
	for len(names) > 0 && isBlank(names[len(names)-1]) {
		names = names[:len(names)-1]
	}
	return names
}

func (r *cellsReader) next() (line int, err error) {
	for {
		r.record, r.line, r.wrong, err = r.records.record()
		if err != nil {
			return 0, err
		}
		if r.wrong != "" || !allBlank(r.record) {
			return r.line, nil
		}
	}
}

func (r *cellsReader) read(row *Row) {
	columns := &r.file.columns
	named := len(columns.header)
	row.Cells = append(row.Cells, r.record[:min(len(r.record), named)]...)
	for len(row.Cells) < named {
		row.Cells = append(row.Cells, "")
	}
	if r.broken(row) {
		row.Broken = r.record
		return
	}
	row.short = len(r.record) < named
	if row.short && r.records.unended() {
		r.file.notes.truncated = true
	}
	for i, m := range columns.meanings {
		if text := row.Cells[i]; text != "" && !isBlank(text) {
			if r.file.format != XLSX {
				text = cellText(text)
			}
			r.file.set(row, columns.header[i], m, text)
		}
	}
}

// broken reports whether the cells of the record are not those of the columns, which is a mistake.
func (r *cellsReader) broken(row *Row) bool {
	columns := &r.file.columns
	switch {
	case r.wrong != "":
		column := "" // of the cell that cannot be read: those before it could be
		if len(r.record) < len(columns.header) {
			column = columns.header[len(r.record)]
		}
		row.mistake(column, "", r.wrong)
	case len(r.record) == 1 && columns.width >= 3:
		row.mistakeOf("", r.record[0], fmt.Sprintf("one cell where the header has %d: is the line above broken by a "+
			"line break in a cell without quotes, or is this line not a row?", columns.width),
			"a broken line: one cell where the header has more")
	case r.beyond(row):
	case r.repeatsHeader():
		row.mistakeOf("", "", "the header again", "the header again")
	default:
		return false
	}
	return true
}

// beyond reports whether there are cells behind the last column that has a name, which
// are mistakes: the others would be read as the wrong columns.
func (r *cellsReader) beyond(row *Row) bool {
	columns := &r.file.columns
	for i := len(columns.header); i < len(r.record); i++ {
		switch {
		case isBlank(r.record[i]):
		case i >= columns.width:
			row.mistakeOf("", r.record[i], fmt.Sprintf("%d cells where the header has %d: is a cell with the separator "+
				"in it without quotes?",
				len(r.record), columns.width), "more cells than the header: is a cell with the separator in it without quotes?")
			return true
		case !r.file.options.IgnoreUnknown:
			row.mistake("", r.record[i], fmt.Sprintf("column %d has no name", i+1))
			return true
		}
	}
	return false
}

// repeatsHeader reports whether the record is the header again, as files have it that were joined.
func (r *cellsReader) repeatsHeader() bool {
	header, filled := r.file.columns.header, 0
	for i, cell := range r.record {
		if i >= len(header) {
			break
		}
		if len(cell) == 0 && len(header[i]) == 0 {
			continue
		}
		if cell != header[i] {
			return false
		}
		filled++
	}
	return filled > 0
}

func allBlank(cells []string) bool {
	for _, cell := range cells {
		if !isBlank(cell) {
			return false
		}
	}
	return true
}

// isBlank reports whether a cell is empty: nothing in it, or white space and invisible characters.
func isBlank(cell string) bool {
	return cell == "" || (cell[0] <= ' ' || cell[0] >= 0x80) && field.Trim(cell) == ""
}

// checkSeparator finds a header that is one column because its separator is not known.
func (c *columns) checkSeparator(file, format string) error {
	if len(c.header) != 1 || (format != CSV && format != TSV) || c.meanings[0].role != unknown &&
		c.meanings[0].role != skipped {
		return nil
	}
	for _, candidate := range []string{"\t", ";", ",", "|", "^", "~", "#", "!", "§", ":", "\u001f"} {
		parts, known := strings.Split(c.header[0], candidate), 0
		for _, part := range parts {
			if m := c.names.of(part); m.role == value || m.role == token {
				known++
			}
		}
		if known > 0 && len(parts) > 1 {
			return failure.Newf(failure.Invalid, "%s: the header is one column, %s: %s looks like the separator", file,
				field.Quote(c.header[0]), field.Quote(candidate)).Because(ReasonSeparator, candidate)
		}
	}
	return nil
}
