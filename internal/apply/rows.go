package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// Row is a row of the file.
type Row struct {
	N           int
	DeviceToken uuid.UUID    // zero where the row has none
	KeyField    *field.Field // nil where the row has no key
	Key         string       // normalized
	Set         field.Set    // what it says; nil clears
}

// Rows gives the rows of a file; it can be called again.
type Rows func(ctx context.Context, do func(Row) error) error

// File gives the rows of an input.File that was checked. blankClears has a blank cell clear its
// field, except where it is a key.
func File(file *input.File, columns []*field.Field, keys []*field.Field, blankClears bool) Rows {
	return func(ctx context.Context, do func(Row) error) error {
		return file.Each(ctx, 1, func(r *input.Row) error {
			if len(r.Mistakes) > 0 {
				return failure.Newf(failure.Invalid, "row %d: %s", r.N, r.Mistakes[0].Why)
			}
			row := Row{N: r.N, Set: r.Set.Clone(), Key: r.Key}
			if r.DeviceToken != "" {
				row.DeviceToken = uuid.MustParse(r.DeviceToken)
			}
			if f, ok := field.Lookup(r.KeyField); ok && r.Key != "" {
				row.KeyField = f
			}
			if blankClears {
				clearBlanks(&row.Set, columns, keys)
			}
			return do(row)
		})
	}
}

func clearBlanks(set *field.Set, columns, keys []*field.Field) {
	for _, f := range columns {
		if _, ok := set.Value(f); !ok && !slices.Contains(keys, f) && !notClearable(f) {
			set.Put(f, nil)
		}
	}
}

// checkClears refuses values that would clear what cannot be cleared.
func checkClears(row Row) error {
	for _, f := range row.Set.Fields() {
		if row.Set.Clears(f) && notClearable(f) {
			return failure.Newf(failure.Invalid, "row %d: %s cannot be cleared", row.N, f.Name).Because(ReasonCleared, f.Name)
		}
	}
	return nil
}

// known returns what a row is matched by: the DeviceToken, or else the key.
func (r *Row) known() (fieldName, value string) {
	if r.DeviceToken != uuid.Nil {
		return deviceTokenKey, r.DeviceToken.String()
	}
	return r.KeyField.Name, r.Key
}

// named returns what an action calls the row's user: the key, or else the DeviceToken.
func (r *Row) named() (fieldName, value string) {
	if r.KeyField != nil {
		return r.KeyField.Name, r.Key
	}
	return deviceTokenKey, r.DeviceToken.String()
}

func (r *Row) String() string {
	name, value := r.known()
	return fmt.Sprintf("row %d (%s %q)", r.N, name, value)
}
