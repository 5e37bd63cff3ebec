package input

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvReader reads CSV and TSV.
type csvReader struct {
	file   *File
	within *bounded
	csv    *csv.Reader
	record []string
	line   int
	wrong  *csv.ParseError // what is wrong with the quotes of the record
	before int64           // bytes before what csv reads: the line «sep=;»
}

func newCSV(f *File, text io.Reader) (*csvReader, error) {
	r := &csvReader{file: f, within: &bounded{r: text}}
	r.within.rowAt(0)
	buffered := bufio.NewReaderSize(r.within, bufferSize)
	for range f.skip {
		line, err := buffered.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, f.source.damaged(1, err)
		}
		r.before += int64(len(line))
	}
	r.csv = csv.NewReader(buffered)
	r.csv.Comma = f.comma
	r.csv.FieldsPerRecord = -1
	r.csv.ReuseRecord = true
	if f.columns.header == nil {
		return r, nil
	}
	_, err := r.next() // past the header, which is known
	return r, err
}

func (r *csvReader) header() error {
	line, err := r.next()
	if errors.Is(err, io.EOF) {
		return r.file.source.broken("the file has no header and no row")
	}
	if err == nil && r.wrong != nil {
		err = r.file.source.broken(fmt.Sprintf("the header (line %d) cannot be read: %s", line, quotes))
	}
	if err != nil {
		return err
	}
	r.file.columns.width = len(r.record)
	for _, name := range withoutTrailingEmpty(r.record) {
		r.file.columns.add(strings.Clone(name))
	}
	file, columns := r.file.source.called, &r.file.columns
	if err := columns.check(file); err != nil {
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

// quotes is what is wrong with a record that encoding/csv cannot parse.
const quotes = `a quote (") stands where none may: put the whole cell in quotes and write each quote inside it twice`

func (r *csvReader) next() (line int, err error) {
	for {
		r.within.rowAt(r.before + r.csv.InputOffset())
		r.record, err = r.csv.Read()
		r.wrong = nil
		switch {
		case errors.Is(err, io.EOF):
			return 0, err
		case errors.As(err, &r.wrong):
			r.line = r.file.skip + r.wrong.StartLine
		case len(r.record) > 0:
			at, _ := r.csv.FieldPos(0)
			r.line = r.file.skip + at
		}
		if err != nil && r.wrong == nil {
			return 0, r.file.source.unreadable(r.line, err)
		}
		if r.wrong != nil && errors.Is(r.wrong, csv.ErrQuote) && r.atEnd() {
			return 0, r.file.source.broken(fmt.Sprintf("the quotes of the row at line %d are not closed by the end of the file, which may be cut off", r.line))
		}
		if size(r.record) > largestRow {
			return 0, r.file.source.unreadable(r.line, errTooLarge)
		}
		if r.wrong != nil || !allBlank(r.record) {
			return r.line, nil
		}
	}
}

// atEnd tells whether the file ends where the record does.
func (r *csvReader) atEnd() bool {
	return r.within.ended && r.before+r.csv.InputOffset() >= r.within.given
}

func (r *csvReader) read(row *Row) {
	columns := &r.file.columns
	row.Cells = append(row.Cells, r.record[:min(len(r.record), len(columns.header))]...)
	for len(row.Cells) < len(columns.header) {
		row.Cells = append(row.Cells, "")
	}
	if r.wrong != nil {
		column := "" // of the cell that cannot be read: those before it could be
		if len(r.record) < len(columns.header) {
			column = columns.header[len(r.record)]
		}
		row.mistake(column, "", quotes)
		return
	}
	r.beyond(row)
	for i, m := range columns.meanings {
		if text := row.Cells[i]; !isBlank(text) {
			r.file.say(row, columns.header[i], m, text)
		}
	}
}

// beyond finds mistakes in the cells behind the last column that has a name.
func (r *csvReader) beyond(row *Row) {
	columns := &r.file.columns
	for i := len(columns.header); i < len(r.record); i++ {
		switch {
		case isBlank(r.record[i]):
		case i >= columns.width:
			row.mistake("", r.record[i], fmt.Sprintf("the row has %d cells, and the header %d: is a cell with the separator in it without quotes?", len(r.record), columns.width))
			return
		case !r.file.options.IgnoreUnknown:
			row.mistake("", r.record[i], fmt.Sprintf("column %d has no name", i+1))
		}
	}
}

func size(record []string) int {
	n := 0
	for _, cell := range record {
		n += len(cell)
	}
	return n
}

func allBlank(cells []string) bool {
	for _, cell := range cells {
		if !isBlank(cell) {
			return false
		}
	}
	return true
}

// isBlank tells whether a cell says nothing: it is empty, or white space alone.
func isBlank(cell string) bool {
	return cell == "" || (cell[0] <= ' ' || cell[0] >= 0x80) && strings.TrimSpace(cell) == ""
}
