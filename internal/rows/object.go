package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// mostColumns is how many different members the objects of a file may have among them.
const mostColumns = 1000

// object is the row of a JSON file that is being read.
type object struct {
	file *File
	raw  json.RawMessage
	met  []meaning // of the members so far
}

// header takes the columns from the first object. What is no object is a mistake of the row, and found when that is read.
func (o *object) header() error {
	columns := &o.file.columns
	_ = members(o.raw, func(name string, _ any) { columns.at(name) })
	return columns.check(o.file.source.called)
}

func (o *object) read(row *Row) {
	columns := &o.file.columns
	for range columns.header {
		row.Cells = append(row.Cells, "")
	}
	o.met = o.met[:0]
	err := members(o.raw, func(name string, v any) {
		i := columns.at(name)
		if i < 0 {
			row.mistake(name, "", fmt.Sprintf("the file has more than %d different members", mostColumns))
			return
		}
		for len(row.Cells) <= i {
			row.Cells = append(row.Cells, "")
		}
		row.Cells[i] = textOf(v)
		o.say(row, name, columns.meanings[i], v, row.Cells[i])
	})
	if err != nil {
		row.Set, row.DeviceToken = field.Set{}, ""
		row.mistake("", string(o.raw[:min(len(o.raw), longestValue)]), whyNot(err))
	}
}

// whyNot says why a row is no object.
func whyNot(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return "it is not JSON: " + err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it is not JSON: it ends early"
	default:
		return err.Error()
	}
}

// say reads one member into the row. null says nothing, nor does a string without anything in it.
func (o *object) say(row *Row, name string, m meaning, v any, text string) {
	if m.role != unknown && isBlank(text) {
		return
	}
	if slices.ContainsFunc(o.met, m.same) {
		row.mistake(name, text, "another member of the object is the same field")
		return
	}
	o.met = append(o.met, m)
	switch v.(type) {
	case nil, string, json.Number:
		o.file.say(row, name, m, text)
	default:
		o.file.sayJSON(row, name, m, v, text)
	}
}

// textOf is a member's value as the text of a cell.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return ""
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// linesReader reads JSON Lines: an object a line.
type linesReader struct {
	file   *File
	object object
	lines  lines
}

func newLines(f *File, text io.Reader) *linesReader {
	r := &linesReader{file: f, object: object{file: f}}
	r.lines.open(text)
	return r
}

func (r *linesReader) header() error {
	if _, err := r.next(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return r.object.header()
}

func (r *linesReader) next() (line int, err error) {
	text, err := r.lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.file.source.unreadable(r.lines.n+1, err)
	}
	if err != nil {
		return 0, err
	}
	if r.lines.cut && errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(new(json.RawMessage)), io.ErrUnexpectedEOF) {
		return 0, r.file.source.broken(fmt.Sprintf("the JSON ends early, in line %d: the file is cut off", r.lines.n))
	}
	r.object.raw = text
	return r.lines.n, nil
}

func (r *linesReader) read(row *Row) { r.object.read(row) }

// lines reads the lines of a text that are not blank.
type lines struct {
	scanner *bufio.Scanner
	n       int  // the line, from 1
	cut     bool // the line has no line feed at its end
}

func (l *lines) open(text io.Reader) {
	l.scanner = bufio.NewScanner(text)
	l.scanner.Buffer(make([]byte, 0, bufferSize), largestRow)
	l.scanner.Split(func(data []byte, atEOF bool) (advance int, line []byte, err error) {
		advance, line, err = bufio.ScanLines(data, atEOF)
		l.cut = advance == len(line)
		return advance, line, err
	})
}

// next is the next line, good until the one after it is read; io.EOF is the end.
func (l *lines) next() ([]byte, error) {
	for l.scanner.Scan() {
		l.n++
		if line := bytes.TrimSpace(l.scanner.Bytes()); len(line) > 0 {
			return line, nil
		}
	}
	if err := l.scanner.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
