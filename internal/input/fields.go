package input

import "github.com/telematicsctl/telematicsctl/internal/field"

// Fields lists the fields that the file has a column of, in the order of its columns. The
// members of JSON are all known after Check.
func (f *File) Fields() []*field.Field {
	var out []*field.Field
	for _, m := range f.columns.meanings {
		if m.role == value {
			out = append(out, m.field)
		}
	}
	return out
}

// LastField returns the field of the last column; nil where it is none.
func (f *File) LastField() *field.Field {
	if n := len(f.columns.meanings); n > 0 && f.columns.meanings[n-1].role == value {
		return f.columns.meanings[n-1].field
	}
	return nil
}
