package store

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Values are texts by the names of fields, kept as a JSON object: a field that is added to the
// table moves nothing. A field without a value is not there. They are a list because to look
// through 200,000 maps takes three times as long.
type Values []Value

// Value is one field's.
type Value struct{ Name, Text string }

// Get returns a field's text, "" where it has none.
func (v Values) Get(name string) string {
	if text := v.Lookup(name); text != nil {
		return *text
	}
	return ""
}

// Lookup returns a field's text, which is not to be changed; nil where it has none.
func (v Values) Lookup(name string) *string {
	for i := range v {
		if v[i].Name == name {
			return &v[i].Text
		}
	}
	return nil
}

// Map returns a copy as a map.
func (v Values) Map() map[string]string {
	out := make(map[string]string, len(v))
	for _, one := range v {
		out[one.Name] = one.Text
	}
	return out
}

// ValuesOf returns what a map holds, in the order of the names.
func ValuesOf(m map[string]string) Values {
	out := make(Values, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Value{name, m[name]})
	}
	return out
}

// MarshalJSON writes an object.
func (v Values) MarshalJSON() ([]byte, error) { return json.Marshal(v.Map()) }

// UnmarshalJSON reads an object of texts and nulls.
func (v *Values) UnmarshalJSON(data []byte) error {
	var plain bool
	if *v, plain = parsePlain(string(data)); plain {
		return nil
	}
	var m map[string]*string
	err := json.Unmarshal(data, &m)
	*v = make(Values, 0, len(m))
	for name, text := range m {
		if text != nil {
			*v = append(*v, Value{name, *text})
		}
	}
	return err
}

// parsePlain reads what MarshalJSON writes where nothing is escaped, which is most of a large
// file: it takes a third of the time. ok is false for anything else.
func parsePlain(data string) (out Values, ok bool) {
	parts := strings.Split(data, `"`)
	end := len(parts) - 1
	if end%4 != 0 || parts[0] != "{" || parts[end] != "}" || strings.Contains(data, `\`) {
		return nil, false
	}
	out = make(Values, 0, end/4)
	for i := 0; i < end; i += 4 {
		if i > 0 && parts[i] != "," || parts[i+2] != ":" {
			return nil, false
		}
		out = append(out, Value{parts[i+1], parts[i+3]})
	}
	return out, true
}
