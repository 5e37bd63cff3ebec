package field

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Set is the fields that were assigned, with their values. A field that was not assigned is not
// in it and is not sent. The zero value is empty and ready for use; a copy shares nothing
// that Put changes only after Clone.
type Set struct {
	assigned []assigned        // in the table's order
	extra    map[extraName]any // what the table does not know, sent as given (--no-validate)
}

// extraName is a member that the table does not know, at the top ("") or inside UserFields.
type extraName struct{ inside, name string }

// assigned is one field with its value. A few of them in a list are found faster than in a
// map, and a million rows have each their own.
type assigned struct {
	field *Field
	value any
}

// Put says a field. A nil value is sent as null.
func (s *Set) Put(f *Field, value any) {
	i := len(s.assigned)
	for i > 0 && s.assigned[i-1].field.index >= f.index {
		i--
	}
	if i < len(s.assigned) && s.assigned[i].field == f {
		s.assigned[i].value = value
		return
	}
	if s.assigned == nil {
		s.assigned = make([]assigned, 0, 6)
	}
	s.assigned = slices.Insert(s.assigned, i, assigned{f, value})
}

// Get is the value that was assigned, if any.
func (s *Set) Get(name string) (any, bool) {
	return s.Value(MustGet(name))
}

// Value returns the value that was set for a field, if any. A nil value clears the field.
func (s *Set) Value(f *Field) (any, bool) {
	for _, m := range s.assigned {
		if m.field == f {
			return m.value, true
		}
	}
	return nil, false
}

// Clears reports whether the field is set to nothing: an update empties it.
func (s *Set) Clears(f *Field) bool {
	v, ok := s.Value(f)
	return ok && v == nil
}

// Text is the value as a string, "" where it was not set or is not a string.
func (s *Set) Text(name string) string {
	v, _ := s.Get(name)
	text, _ := v.(string)
	return text
}

// Len is the number of fields that were assigned.
func (s *Set) Len() int { return len(s.assigned) + len(s.extra) }

// Fields lists what was assigned, in the table's order.
func (s *Set) Fields() []*Field {
	out := make([]*Field, len(s.assigned))
	for i, m := range s.assigned {
		out[i] = m.field
	}
	return out
}

// All gives what was assigned, in the table's order.
func (s *Set) All() iter.Seq2[*Field, any] {
	return func(yield func(*Field, any) bool) {
		for _, m := range s.assigned {
			if !yield(m.field, m.value) {
				return
			}
		}
	}
}

// Clone is a copy that shares nothing, with room for two more fields.
func (s *Set) Clone() Set {
	out := Set{extra: maps.Clone(s.extra)}
	if s.assigned != nil {
		out.assigned = append(make([]assigned, 0, len(s.assigned)+2), s.assigned...)
	}
	return out
}

// Merge puts everything that the other set says over this one.
func (s *Set) Merge(over Set) {
	for _, m := range over.assigned {
		s.Put(m.field, m.value)
	}
	for k, v := range over.extra {
		s.putExtra(k, v)
	}
}

func (s *Set) putExtra(name extraName, value any) {
	if s.extra == nil {
		s.extra = map[extraName]any{}
	}
	s.extra[name] = value
}

// extras lists the unknown members at the top or inside UserFields, sorted.
func (s *Set) extras(inside string) []extraName {
	var out []extraName
	for name := range s.extra {
		if name.inside == inside {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b extraName) int { return strings.Compare(a.name, b.name) })
	return out
}

// Body is the JSON object that is sent for a use: only what was assigned, in the table's
// order, the telematics parameters and the ClientId under UserFields (for Quantity at the
// top, as the content of CustomFields).
func (s *Set) Body(use Use) ([]byte, error) {
	b := object{text: make([]byte, 1, 512)}
	b.text[0] = '{'
	innerExtras := s.extras(UserFields)
	inside := len(innerExtras) > 0
	for _, m := range s.assigned {
		if m.field.Inside != "" && use != Quantity {
			inside = true
			continue
		}
		name := m.field.Name
		if use == Update && m.field.UpdateName != "" {
			name = m.field.UpdateName
		}
		b.member(name, m.value)
	}
	for _, name := range s.extras("") {
		b.member(name.name, s.extra[name])
	}
	if inside {
		b.name(UserFields)
		b.text = append(b.text, '{')
		for _, m := range s.assigned {
			if m.field.Inside != "" {
				b.member(m.field.Name, m.value)
			}
		}
		for _, name := range innerExtras {
			b.member(name.name, s.extra[name])
		}
		b.text = append(b.text, '}')
	}
	return append(b.text, '}'), b.err
}

// object is a JSON object that is being written; the first error stays.
type object struct {
	text []byte
	err  error
}

func (o *object) name(name string) {
	if o.text[len(o.text)-1] != '{' {
		o.text = append(o.text, ',')
	}
	o.string(name)
	o.text = append(o.text, ':')
}

func (o *object) member(name string, value any) {
	o.name(name)
	o.value(value)
}

func (o *object) value(value any) {
	switch v := value.(type) {
	case bool:
		o.text = strconv.AppendBool(o.text, v)
		return
	case int64:
		o.text = strconv.AppendInt(o.text, v, 10)
		return
	case string:
		o.string(v)
		return
	}
	o.marshal(value)
}

// string is value without a box for the text.
func (o *object) string(s string) {
	if isPlain(s) {
		o.text = append(append(append(o.text, '"'), s...), '"')
		return
	}
	o.marshal(s)
}

func (o *object) marshal(value any) {
	text, err := json.Marshal(value)
	if o.err == nil {
		o.err = err
	}
	o.text = append(o.text, text...)
}

// isPlain reports whether JSON writes a text as it is: nothing but ASCII that needs no escape.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// Reader turns text and JSON into a Set, and keeps account of every mistake on the way.
type Reader struct {
	Use            Use       // where the set will be written: a field that may not stand there is a mistake
	Now            time.Time // what "not in the future" is measured by
	SkipValidation bool      // send values as they are: no rule is held, and unknown names pass

	Set      Set
	Mistakes []failure.Field
}

// Text reads one field from a flag or a cell.
func (r *Reader) Text(f *Field, text string) {
	v, err := f.ParseText(text, r.Now)
	if err != nil {
		if !r.SkipValidation {
			r.mistake(f.Path(), err.Error())
			return
		}
		v = text
	}
	r.Set.Put(f, v)
}

// JSON reads a body of the service's own shape, UserFields as an object or as the list
// that the service gives back. Names may have any spelling that Lookup knows.
func (r *Reader) JSON(data []byte) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var body map[string]any
	if err := d.Decode(&body); err != nil {
		r.mistake("", "not a JSON object: "+ExplainJSONError(err))
		return
	}
	if body == nil || d.More() {
		r.mistake("", "not one JSON object")
		return
	}
	r.object(body, "", map[*Field]bool{})
}

// object reads the members of a body, or of the object inside it; seen is what has been
// assigned already.
func (r *Reader) object(body map[string]any, inside string, seen map[*Field]bool) {
	for _, key := range slices.Sorted(maps.Keys(body)) {
		value := body[key]
		if inside == "" && Fold(key) == Fold(UserFields) {
			if inner, ok := userFields(value); ok {
				r.object(inner, UserFields, seen)
				continue
			}
			r.mistake(UserFields, quoteJSON(value)+" is not an object")
			continue
		}
		f, ok := Lookup(key)
		ok = ok && f.Use&r.Use != 0 && (inside == "" || f.Inside == inside)
		switch {
		case ok && seen[f]:
			r.mistake(f.Path(), "set more than once")
		case ok:
			seen[f] = true
			r.value(f, value)
		case r.SkipValidation:
			r.Set.putExtra(extraName{inside, key}, value)
		default:
			path := strings.TrimPrefix(inside+"."+key, ".")
			r.mistake(path, unknownField(key, r.Use))
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
		if !r.SkipValidation {
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

func unknownField(name string, use Use) string {
	known := Names(use)
	return "no such field here" + DidYouMean(name, known) + "; the known ones are " + strings.Join(known, ", ")
}
