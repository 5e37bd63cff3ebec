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
