package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Values are texts by the names of fields, kept as a JSON object: a field that is added
// to the table moves nothing. A name without a value is null, and is not kept.
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
	if out, ok := parsePlain(data); ok {
		*v = out
		return nil
	}
	var object map[string]*string
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	out := make(Values, 0, len(object))
	for name, text := range object {
		if text != nil {
			out = append(out, Value{intern([]byte(name)), *text})
		}
	}
	slices.SortFunc(out, func(a, b Value) int { return strings.Compare(a.Name, b.Name) })
	*v = out
	return nil
}

// parsePlain reads what MarshalJSON writes where nothing is escaped, which is most of a
// large file; ok is false for anything else. The texts share one string.
func parsePlain(data []byte) (out Values, ok bool) {
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' || bytes.IndexByte(data, '\\') >= 0 {
		return nil, false
	}
	if len(data) == 2 {
		return Values{}, true
	}
	text := string(data)
	out = make(Values, 0, bytes.Count(data, []byte(`":"`)))
	next := func(from int) (start, end int) { // between the quotes
		if from >= len(text) || text[from] != '"' {
			return 0, -1
		}
		return from + 1, from + 1 + strings.IndexByte(text[from+1:], '"')
	}
	for at := 1; ; at++ {
		start, end := next(at)
		if end < start || text[end+1] != ':' {
			return nil, false
		}
		from, to := next(end + 2)
		if to < from {
			return nil, false
		}
		out = append(out, Value{intern(data[start:end]), text[from:to]})
		switch at = to + 1; {
		case at == len(text)-1:
			return out, true
		case text[at] != ',':
			return nil, false
		}
	}
}

// names are the names of fields that were read, so that each is kept once.
var names atomic.Pointer[map[string]string]

func intern(name []byte) string {
	known := names.Load()
	if known != nil {
		if s, ok := (*known)[string(name)]; ok {
			return s
		}
	}
	more := map[string]string{}
	if known != nil {
		maps.Copy(more, *known)
	}
	s := string(name)
	if len(more) < 1000 { // an import may have any names
		more[s] = s
		names.Store(&more)
	}
	return s
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
