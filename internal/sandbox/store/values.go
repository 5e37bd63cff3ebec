package store

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unique"
)

// Values are texts by the names of fields, kept as a JSON object: a field that is added to a table elsewhere
// moves nothing. A name without a value is null, and is not kept.
type Values []Value

// Value is one field's.
type Value struct{ Name, Text string }

// Get returns a field's text, and whether it has one.
func (v Values) Get(name string) (string, bool) {
	for i := range v {
		if v[i].Name == name {
			return v[i].Text, true
		}
	}
	return "", false
}

// With returns a copy in which a field has a text.
func (v Values) With(name, text string) Values {
	out := slices.Grow(v.Without(name), 1)
	return append(out, Value{name, text})
}

// Without returns a copy in which a field is null.
func (v Values) Without(name string) Values {
	out := make(Values, 0, len(v)+1)
	for _, one := range v {
		if one.Name != name {
			out = append(out, one)
		}
	}
	return out
}

// MarshalJSON writes an object, its names in alphabetical order.
func (v Values) MarshalJSON() ([]byte, error) {
	sorted := slices.SortedFunc(slices.Values(v), func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	b := []byte{'{'}
	for i, one := range sorted {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, one.Name)
		b = append(b, ':')
		b = AppendString(b, one.Text)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads an object of strings and nulls.
func (v *Values) UnmarshalJSON(data []byte) error {
	var object map[string]*string
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	out := make(Values, 0, len(object))
	for name, text := range object {
		if text != nil {
			out = append(out, Value{unique.Make(name).Value(), *text})
		}
	}
	*v = out
	return nil
}

// AppendString appends a JSON string.
func AppendString(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always has a JSON form
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...)
}
