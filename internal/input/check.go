package input

import (
	"context"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// unique are the columns of which no two rows of a file may have the same value.
var unique = [...]string{"ClientId", "CustomToken", DeviceTokenColumn}

// ownValue is the row's value of one of the unique columns, "" where it has none.
func (r *Row) ownValue(name string) string {
	if name == DeviceTokenColumn {
		return r.DeviceToken
	}
	return r.Set.Text(name)
}

// Check reads the whole file, holds every row against every rule, and gives each mistake to report, in the order of the file: first
// those of a row, then that its ClientId, CustomToken or DeviceToken came before. It returns the number of rows, and of those with a mistake. A file without a row is
// failure.Invalid; so is a file that is broken in the middle. report's own error ends the check.
//
// A file without mistakes is read once; one with mistakes twice. The memory is at most 16 bytes for each ClientId, CustomToken and DeviceToken, and 24 for
// each that comes more than once.
func (f *File) Check(ctx context.Context, report func(Mistake) error) (rows, bad int, err error) {
	seen := newSeen()
	f.twice = nil
	err = f.each(ctx, 1, nil, func(row *Row) error {
		rows++
		if len(row.Mistakes) > 0 {
			bad++
		}
		for _, name := range unique {
			if text := row.ownValue(name); text != "" {
				seen.add(name, text)
			}
		}
		return nil
	})
	if err != nil {
		return rows, bad, err
	}
	if rows == 0 {
		return 0, 0, failure.New(failure.Invalid, f.source.called+": the file has no row").WithHint("there is nothing to do; the file may have been cut off")
	}
	if err := f.columns.checkMap(f.source.called); err != nil {
		return rows, bad, err
	}
	twice := newRepeats(seen)
	if bad == 0 && len(twice.hashes) == 0 {
		return rows, 0, nil
	}
	bad, err = f.reportAll(ctx, twice, report)
	return rows, bad, err
}

// reportAll is the second pass: it reports, and makes sure of each value whose hash came more than once.
func (f *File) reportAll(ctx context.Context, twice *repeats, report func(Mistake) error) (bad int, err error) {
	err = f.each(ctx, 1, nil, func(row *Row) error {
		for _, name := range unique {
			if text := row.ownValue(name); text != "" {
				twice.meet(name, text, row.N)
			}
		}
		f.repeated(row, twice)
		if len(row.Mistakes) > 0 {
			bad++
		}
		for _, m := range row.Mistakes {
			if err := report(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		f.twice = twice
	}
	return bad, err
}

// repeated adds a mistake for each unique field whose value stands in an earlier row.
func (f *File) repeated(row *Row, twice *repeats) {
	for _, name := range unique {
		text := row.ownValue(name)
		if text == "" {
			continue
		}
		if n := twice.row(name, text); n != 0 && n != row.N {
			row.mistake(f.columnOf(row, name), text, fmt.Sprintf("the same %s stands in row %d", name, n))
		}
	}
}

// agree makes sure that a row does not name two users.
func (f *File) agree(row *Row) {
	if row.DeviceToken == "" {
		return
	}
	if token := row.Set.Text("CustomToken"); token != "" && token != row.DeviceToken {
		row.mistake(f.columnOf(row, DeviceTokenColumn), row.DeviceToken, "the row's CustomToken is another")
	}
}

// columnOf is the column that a row has a field in.
func (f *File) columnOf(row *Row, name string) string {
	for i, m := range f.columns.meanings {
		is := m.role == token && name == DeviceTokenColumn || m.role == value && m.field.Name == name
		if is && i < len(row.Cells) && !isBlank(row.Cells[i]) {
			return f.columns.header[i]
		}
	}
	return name
}
