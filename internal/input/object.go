package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// mostColumns is how many different members the objects of a file may have among them.
const mostColumns = 1000

// met is a member of an object that says something.
type met struct {
	meaning
	name string
	text string
}

// object is the row of a JSON file that is being read.
type object struct {
	file *File
	raw  json.RawMessage
	met  []met // the members so far that say something
}

// header takes the columns from the first object, to which next goes on. What is not an
// object is a mistake of the row, and found when that is read.
func (o *object) header(next func() (int, error)) error {
	if _, err := next(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	columns := &o.file.columns
	if path := wrapped(o.raw, columns.names); path != "" {
		return o.file.source.broken("it has no users at its top: the member "+path+" looks like users").
			Because(ReasonWrapped, path)
	}
	_ = members(o.raw, func(name string, _ any) { columns.at(name) })
	return columns.check(o.file.source.called, o.file.options.ColumnsLater)
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
		row.mistake("", redactObject(string(o.raw[:min(len(o.raw), utf8.UTFMax*longestValue)])), whyNot(err))
	}
}

// whyNot returns why a row is not an object.
func whyNot(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it is not JSON: " + field.ExplainJSONError(err)
	}
	return err.Error()
}

// say reads one member into the row. A string without anything in it says nothing, nor
// does null, except in an update.
func (o *object) say(row *Row, name string, m meaning, v any, text string) {
	clears := v == nil && m.role == value && o.file.options.updates()
	if m.role != unknown && isBlank(text) && !clears {
		return
	}
	if i := slices.IndexFunc(o.met, func(other met) bool { return m.same(other.meaning) }); i >= 0 {
		o.again(row, name, m, text, o.met[i])
		return
	}
	o.met = append(o.met, met{m, name, text})
	if clears {
		row.Set.Put(m.field, nil)
		return
	}
	switch v.(type) {
	case nil, string, json.Number:
		o.file.set(row, name, m, text)
	default:
		o.file.setJSON(row, name, m, v, text)
	}
}

// again judges a second member that is the same field: the service itself writes ImageUrl
// and ExternalImageUrl, of which the second is what was set, and users are read with flat
// and nested members that agree.
func (o *object) again(row *Row, name string, m meaning, text string, first met) {
	if m.role == value && m.field.UpdateName != "" && isReadName(name) != isReadName(first.name) {
		if !isReadName(name) {
			o.file.set(row, name, m, text)
		}
		return
	}
	if name != first.name && strings.Contains(name, ".") != strings.Contains(first.name, ".") && text == first.text {
		return
	}
	row.mistake(name, text, "another member of the object is the same field")
}

// isReadName reports whether a member is ImageUrl, and not ExternalImageUrl.
func isReadName(name string) bool {
	_, last, ok := strings.Cut(name, ".")
	if !ok {
		last = name
	}
	return field.Fold(last) == "imageurl"
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
