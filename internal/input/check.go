package input

import (
	"context"
	"fmt"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// unique calls do for each value of the row that no two rows of a file may share: its
// key, CustomToken and DeviceToken. folded is the value without the difference of upper
// and lower case, where keys that differ in it alone are suspicious.
func (r *Row) unique(do func(name, folded, text string)) {
	if r.Key != "" {
		folded := r.Key
		if r.KeyField == "ClientId" {
			folded = strings.ToLower(folded)
		}
		do(r.KeyField, folded, r.Key)
	}
	if r.Set.Len() > 0 {
		if t := r.Set.Text("CustomToken"); t != "" && r.KeyField != "CustomToken" {
			do("CustomToken", t, t)
		}
	}
	if r.DeviceToken != "" {
		do(DeviceTokenColumn, r.DeviceToken, r.DeviceToken)
	}
}

// Check reads the whole file, applies every rule to every row, and gives each row with mistakes
// to report, in the order of the file; the last of a row's is that its key, CustomToken or
// DeviceToken came before. It returns the number of rows, and of those with a mistake. A file
// without a row is failure.Invalid; so is a file that is broken in the middle, and one whose
// columns are not valid: Groups.With adds the mistakes to that. report's own error ends the
// check. In a list of users what comes twice is skipped.
//
// A file without mistakes is read once; one with mistakes twice. The memory is at most 16
// bytes for each key, CustomToken and DeviceToken, and 24 for each that comes more than
// once.
func (f *File) Check(ctx context.Context, report func(*Row) error) (rows, bad int, err error) {
	return f.CheckEach(ctx, report, func(*Row) error { return nil })
}

// CheckEach is Check that gives each row in which nothing is wrong to do on the way. That the row
// repeats another, or that the columns are not valid, is not known by then.
func (f *File) CheckEach(ctx context.Context, report, do func(*Row) error) (rows, bad int, err error) {
	seen := newSeen()
	f.duplicates, f.notes = nil, notes{}
	selected := f.selected()
	missing := 0
	err = f.each(ctx, nil, nil, func(row *Row) error {
		rows++
		row.unique(func(name, folded, _ string) { seen.add(name, folded) })
		if !selected(row) {
			return nil
		}
		if len(row.Mistakes) > 0 {
			bad++
		} else if row.Key == "" && row.DeviceToken == "" {
			missing++
		}
		f.noteRow(row)
		if len(row.Mistakes) > 0 {
			return nil
		}
		return do(row)
	})
	if err != nil {
		return rows, bad, err
	}
	if rows == 0 && len(f.columns.wrong) == 0 {
		return 0, 0, failure.New(failure.Invalid, f.source.called+": the file has no row").Because(ReasonNoRow, "")
	}
	if err := f.columns.checkMap(f.source.called); err != nil {
		return rows, bad, err
	}
	needed := f.needsKey
	f.needsKey = f.requiresKey() // the members of JSON are known now
	duplicates := newDuplicates(seen)
	if bad > 0 || len(duplicates.hashes) > 0 || needed != f.needsKey && missing > 0 {
		if bad, err = f.reportAll(ctx, duplicates, report); err != nil {
			return rows, bad, err
		}
	}
	also := ""
	if bad > 0 {
		also = fmt.Sprintf(", nor %s %d of %s", are(bad), bad, count(rows, "row", "rows"))
	}
	return rows, bad, f.columns.err(f.source.called, also)
}

// selected returns what tells the rows that are judged in one pass.
func (f *File) selected() func(*Row) bool {
	if f.options.Select == nil {
		return func(*Row) bool { return true }
	}
	return f.options.Select()
}

func (f *File) noteRow(row *Row) {
	n := &f.notes
	if n.rows++; row.short {
		if n.short++; n.firstShort == 0 {
			n.firstShort = row.N
		}
	} else {
		n.truncated = false
	}
	if f.skipsWithoutToken() && row.DeviceToken == "" && len(row.Mistakes) == 0 {
		n.withoutToken++
	}
}

// reportAll is the second pass: it reports, and makes sure of each value whose hash came
// more than once.
func (f *File) reportAll(ctx context.Context, duplicates *duplicates, report func(*Row) error) (bad int, err error) {
	selected := f.selected()
	kept := f.notes
	err = f.each(ctx, nil, nil, func(row *Row) error {
		row.unique(func(name, folded, text string) {
			if first, earlier := duplicates.meet(name, folded, text, row.N); first != 0 && earlier != text &&
				len(duplicates.hashes) > 0 {
				kept.variant(name, first, earlier, row.N, text)
			}
		})
		if !selected(row) {
			return nil
		}
		f.repeated(row, duplicates)
		if len(row.Mistakes) == 0 {
			return nil
		}
		bad++
		return report(row)
	})
	f.notes = kept
	if err == nil {
		f.duplicates = duplicates
	}
	return bad, err
}

// variant notes a key that differs from an earlier one in case only.
func (n *notes) variant(name string, first int, earlier string, row int, text string) {
	n.variants++
	if len(n.pairs) < 5 {
		n.pairs = append(n.pairs, fmt.Sprintf("%s %s (row %d) and %s (row %d)", name, field.Quote(earlier), first,
			field.Quote(text), row))
	}
}

// repeated adds a mistake for each unique value that an earlier row has.
func (f *File) repeated(row *Row, duplicates *duplicates) {
	if f.options.Use == 0 {
		return
	}
	row.unique(func(name, folded, text string) {
		if n := duplicates.row(name, folded, text); n != 0 && n != row.N {
			row.mistakeOf(f.columnOf(row, name), text, fmt.Sprintf("the same %s as row %d", name, n),
				"the same "+name+" as an earlier row")
		}
	})
}

// isRepeated reports whether an earlier row of a list has the same user.
func (f *File) isRepeated(row *Row) bool {
	repeated := false
	if f.duplicates != nil {
		row.unique(func(name, folded, text string) {
			n := f.duplicates.row(name, folded, text)
			repeated = repeated || n != 0 && n != row.N
		})
	}
	return repeated
}
