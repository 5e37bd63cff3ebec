package render

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// compact is the value as JSON on one line, without a line break, every control character escaped.
func compact(value any) ([]byte, error) {
	text, err := encode(value, "")
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// indented is the value as JSON, two spaces a level, with a line break at its end, every
// control character escaped.
func indented(value any) ([]byte, error) { return encode(value, "  ") }

func encode(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(sanitize.CleanJSON(&b))
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	replaceLoneSurrogates(b.Bytes())
	return b.Bytes(), nil
}

// member is one member of an object, its key and its value both JSON.
type member struct{ key, value []byte }

// members takes a struct or a map apart, in the order in which its members are printed.
// nil has none.
func members(value any) ([]member, error) {
	if value == nil {
		return nil, nil
	}
	text, err := compact(value)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("render: the head and the tail of a stream must be objects")
	}
	var out []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		key, err := compact(name)
		if err != nil {
			return nil, err
		}
		out = append(out, member{key, value})
	}
	return out, nil
}

// jsonFrame writes a list that grows: the whole is valid JSON once end was called. Inside
// an object each element has one line; a bare array is written as List writes it.
type jsonFrame struct {
	key   string // "" for a bare array
	begun bool   // an element was written
}

func (f *jsonFrame) begin(head []member) ([]byte, error) {
	if f.key == "" {
		return []byte("["), nil
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	for _, m := range head {
		if err := writeMember(&b, m); err != nil {
			return nil, err
		}
		b.WriteString(",\n")
	}
	key, err := compact(f.key)
	if err != nil {
		return nil, err
	}
	b.WriteString("  ")
	b.Write(key)
	b.WriteString(": [")
	return b.Bytes(), nil
}

func (f *jsonFrame) element(text []byte) ([]byte, error) {
	var b bytes.Buffer
	if f.begun {
		b.WriteByte(',')
	}
	b.WriteString("\n  ")
	f.begun = true
	if f.key == "" {
		err := json.Indent(&b, text, "  ", "  ")
		return b.Bytes(), err
	}
	b.WriteString("  ")
	b.Write(text)
	return b.Bytes(), nil
}

func (f *jsonFrame) end(tail []member) ([]byte, error) {
	var b bytes.Buffer
	if f.begun {
		b.WriteByte('\n')
		if f.key != "" {
			b.WriteString("  ")
		}
	}
	b.WriteByte(']')
	if f.key != "" {
		for _, m := range tail {
			b.WriteString(",\n")
			if err := writeMember(&b, m); err != nil {
				return nil, err
			}
		}
		b.WriteString("\n}")
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func writeMember(b *bytes.Buffer, m member) error {
	b.WriteString("  ")
	b.Write(m.key)
	b.WriteString(": ")
	return json.Indent(b, m.value, "  ", "  ")
}
