package field

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Set is the fields that were said, with their values. A field that was not said is not in it and is not sent.
// The zero value is empty and ready for use; a copy shares nothing that Put changes only after Clone.
type Set struct {
	values map[*Field]any
	extra  map[string]any // top-level names that the table does not know, sent as given (--no-validate)
}

// Put says a field. A nil value is sent as null.
func (s *Set) Put(f *Field, value any) {
	if s.values == nil {
		s.values = map[*Field]any{}
	}
	s.values[f] = value
}

// Get is the value that was said, if any.
func (s *Set) Get(name string) (any, bool) {
	v, ok := s.values[Get(name)]
	return v, ok
}

// Text is the value as a string, "" where it was not said or is no string.
func (s *Set) Text(name string) string {
	v, _ := s.Get(name)
	text, _ := v.(string)
	return text
}

// Len is the number of fields that were said.
func (s *Set) Len() int { return len(s.values) + len(s.extra) }

// Fields lists what was said, in the table's order.
func (s *Set) Fields() []*Field {
	out := slices.Collect(maps.Keys(s.values))
	slices.SortFunc(out, func(a, b *Field) int { return a.index - b.index })
	return out
}

// Clone is a copy that shares nothing.
func (s *Set) Clone() Set { return Set{maps.Clone(s.values), maps.Clone(s.extra)} }

// Merge puts everything that the other set says over this one.
func (s *Set) Merge(over Set) {
	for f, v := range over.values {
		s.Put(f, v)
	}
	for k, v := range over.extra {
		s.putExtra(k, v)
	}
}

func (s *Set) putExtra(key string, value any) {
	if s.extra == nil {
		s.extra = map[string]any{}
	}
	s.extra[key] = value
}

// Body is the JSON object that is sent for a use: only what was said, in the table's order, the telematics parameters and
// the ClientId under UserFields (for Quantity at the top, as the content of CustomFields).
func (s *Set) Body(use Use) ([]byte, error) {
	var top, inside []member
	for _, f := range s.Fields() {
		m := member{f.Name, s.values[f]}
		if use == Update && f.UpdateName != "" {
			m.name = f.UpdateName
		}
		if f.Inside == "" || use == Quantity {
			top = append(top, m)
		} else {
			inside = append(inside, m)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.extra)) {
		top = append(top, member{k, s.extra[k]})
	}
	if len(inside) > 0 {
		object, err := encode(inside)
		if err != nil {
			return nil, err
		}
		top = append(top, member{UserFields, json.RawMessage(object)})
	}
	return encode(top)
}

type member struct {
	name  string
	value any
}

func encode(members []member) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Reader turns text and JSON into a Set, and keeps account of every mistake on the way.
type Reader struct {
	Use   Use       // where the set will be written: a field that may not stand there is a mistake
	Now   time.Time // what "not in the future" is measured by
	Loose bool      // send values as they are: no rule is held, and unknown names pass

	Set      Set
	Mistakes []failure.Field
}

// Text reads one field from a flag or a cell.
func (r *Reader) Text(f *Field, text string) {
	v, err := f.ParseText(text, r.Now)
	if err != nil {
		if !r.Loose {
			r.mistake(f.Path(), err.Error())
			return
		}
		v = text
	}
	r.Set.Put(f, v)
}

// JSON reads a body of the service's own shape, UserFields as an object or as the list that the service gives back.
// Names may have any spelling that Lookup knows.
func (r *Reader) JSON(data []byte) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var body map[string]any
	if err := d.Decode(&body); err != nil {
		r.mistake("", "not a JSON object: "+err.Error())
		return
	}
	if body == nil || d.More() {
		r.mistake("", "not one JSON object")
		return
	}
	r.object(body, "")
}

func (r *Reader) object(body map[string]any, inside string) {
	for _, key := range slices.Sorted(maps.Keys(body)) {
		value := body[key]
		if inside == "" && fold(key) == fold(UserFields) {
			if inner, ok := userFields(value); ok {
				r.object(inner, UserFields)
				continue
			}
			r.mistake(UserFields, quoteJSON(value)+" is not an object")
			continue
		}
		f, ok := Lookup(key)
		switch {
		case ok && f.Use&r.Use != 0 && (inside == "" || f.Inside == inside):
			r.value(f, value)
		case r.Loose && inside == "":
			r.Set.putExtra(key, value)
		default:
			path := strings.TrimPrefix(inside+"."+key, ".")
			r.mistake(path, "no such field here; the known ones are "+strings.Join(Names(r.Use), ", "))
		}
	}
}

func userFields(value any) (map[string]any, bool) {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	if value == nil {
		return nil, true
	}
	inner, ok := value.(map[string]any)
	return inner, ok
}

func (r *Reader) value(f *Field, value any) {
	v, err := f.CheckJSON(value, r.Now)
	if err != nil {
		if !r.Loose {
			r.mistake(f.Path(), err.Error())
			return
		}
		v = value
	}
	r.Set.Put(f, v)
}

func (r *Reader) mistake(key, message string) {
	r.Mistakes = append(r.Mistakes, failure.Field{Key: key, Message: message})
}

// Names lists the names of the fields of a use, for messages.
func Names(use Use) []string {
	var out []string
	for _, f := range All(use) {
		out = append(out, f.Name)
	}
	return out
}
