package apply

import (
	"cmp"
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

// File gives the rows of an input.File, and finds the row that a user is named by. It is for one
// plan.
type File struct {
	In   *input.File
	Keys []*field.Field
	// BlankClears has a blank cell clear its field, except where it is a key. Such a file has its
	// columns in a header.
	BlankClears bool

	index  *index
	clears error // the first row that clears what cannot be cleared
}

// Check is input.File.Check; it comes before Make, which reads no row again but those that change
// a user.
func (f *File) Check(ctx context.Context, report func(*input.Row) error) (rows, bad int, err error) {
	f.index, f.clears = newIndex(), nil
	return f.In.CheckEach(ctx, report, func(r *input.Row) error {
		if row := f.row(r); row.DeviceToken != uuid.Nil || row.KeyField != nil {
			f.clears = cmp.Or(f.clears, checkClears(&row))
			f.index.add(&row)
		}
		return nil
	})
}

// Each gives the rows of a file that was checked, or those of them that are wanted.
func (f *File) Each(ctx context.Context, want func(n int) bool, do func(*Row) error) error {
	if want == nil {
		want = func(int) bool { return true }
	}
	return f.In.EachIn(ctx, want, func(r *input.Row) error {
		if len(r.Mistakes) > 0 {
			return failure.Newf(failure.Invalid, "row %d: %s", r.N, r.Mistakes[0].Why)
		}
		row := f.row(r)
		return do(&row)
	})
}

func (f *File) row(r *input.Row) Row {
	row := Row{N: r.N, Set: r.Set, Key: r.Key}
	if r.DeviceToken != "" {
		row.DeviceToken = uuid.MustParse(r.DeviceToken)
	}
	if r.Key != "" {
		row.KeyField = f.keyField(r.KeyField)
	}
	if f.BlankClears {
		row.Set = r.Set.Clone()
		clearBlanks(&row.Set, f.In.Fields(), f.Keys)
	}
	return row
}

// keyField returns the field of a row's key by its name.
func (f *File) keyField(name string) *field.Field {
	for _, k := range f.Keys {
		if k.Name == name {
			return k
		}
	}
	return nil
}

func clearBlanks(set *field.Set, columns, keys []*field.Field) {
	for _, f := range columns {
		if _, ok := set.Value(f); !ok && !slices.Contains(keys, f) && !notClearable(f) {
			set.Put(f, nil)
		}
	}
}

// checkClears refuses values that would clear what cannot be cleared.
func checkClears(row *Row) error {
	for f, v := range row.Set.All() {
		if v == nil && notClearable(f) {
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
