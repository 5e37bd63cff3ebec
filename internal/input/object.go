package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

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

// header takes the columns from the first object, to which next goes on. What is no object is a mistake of the row, and found when that is read.
func (o *object) header(next func() (int, error)) error {
	if _, err := next(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
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
		text := textOf(v)
		if !isBlank(text) || row.Cells[i] == "" {
			row.Cells[i] = text
		}
		o.say(row, name, columns.meanings[i], v, text)
	})
	if err != nil {
		row.Set, row.DeviceToken = field.Set{}, ""
		row.mistake("", shownObject(string(o.raw[:min(len(o.raw), utf8.UTFMax*longestValue)])), whyNot(err))
	}
}

// whyNot says why a row is no object.
func whyNot(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it is not JSON: " + field.JSONTrouble(err)
	}
	return err.Error()
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
