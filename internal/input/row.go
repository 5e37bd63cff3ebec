package input

import (
	"errors"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// say reads one value, given as text, into the row.
func (f *File) say(row *Row, column string, m meaning, text string) {
	if row.bare && !m.isClientID() {
		return
	}
	switch m.role {
	case token:
		t, err := field.ParseUUID(text)
		if err != nil {
			row.mistake(column, text, err.Error())
			return
		}
		row.DeviceToken = t
	case value:
		v, err := m.field.ParseText(text, f.options.Now)
		if err == nil && strings.IndexByte(text, 0) >= 0 {
			err = errNUL
		}
		f.put(row, column, m, v, err, text, text)
	case unknown:
		row.mistake(column, text, noField)
	}
}

func (m meaning) isClientID() bool { return m.role == value && m.field.Name == "ClientId" }

var errNUL = errors.New("it holds a NUL character: the file is damaged")

// sayJSON reads one value that is neither a string nor a number.
func (f *File) sayJSON(row *Row, column string, m meaning, given any, text string) {
	if row.bare && !m.isClientID() {
		return
	}
	switch m.role {
	case token:
		row.mistake(column, text, "it is not a UUID")
	case value:
		v, err := m.field.CheckJSON(given, f.options.Now)
		f.put(row, column, m, v, err, given, text)
	case unknown:
		row.mistake(column, text, noField)
	}
}

// put takes a value that was held to its field's rule, or the value as it was given where no rule is held.
func (f *File) put(row *Row, column string, m meaning, v any, err error, given any, text string) {
	if err != nil && !f.options.Loose {
		row.mistake(column, text, err.Error())
		return
	}
	if err != nil {
		v = given
	}
	if text, ok := v.(string); ok && !f.options.Loose && m.field.Kind == field.Text {
		v = strings.TrimSpace(text) // « a» and «a» are one user
	}
	row.Set.Put(m.field, v)
}

func (r *Row) mistake(column, value, why string) {
	column = strings.TrimSpace(column)
	r.Mistakes = append(r.Mistakes, Mistake{Row: r.N, Line: r.Line, Column: column, Value: shown(column, value), Why: withoutJWT(why), Unknown: why == noField})
}
