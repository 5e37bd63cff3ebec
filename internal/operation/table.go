package operation

import (
	"context"
	"encoding/json"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// NumberedTable is the rows of a job without an input, as files of results repeat
// them: what the templates say.
type NumberedTable struct{ Users *NewUsers }

var _ job.Table = NumberedTable{}

// Header returns the fields that have a template, by their names.
func (t NumberedTable) Header() []string {
	var names []string
	for _, f := range t.Users.Templates.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// Cells gives the cells of each row.
func (t NumberedTable) Cells(ctx context.Context, yield func(n int, cells []string) error) error {
	fields := t.Users.Templates.Fields()
	cells := make([]string, len(fields))
	return t.Users.Records(ctx, func(r job.Record) error {
		for i, f := range fields {
			cells[i] = cellText(r.Fields, f)
		}
		return yield(r.N, cells)
	})
}

// cellText returns a value as a file has it.
func cellText(values field.Set, f *field.Field) string {
	v, _ := values.Get(f.Name)
	if text, ok := v.(string); ok || v == nil {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
