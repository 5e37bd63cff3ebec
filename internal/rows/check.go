package rows

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"

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
// A file without mistakes is read once; one with mistakes twice. The memory is at most 16 bytes for each ClientId, CustomToken and DeviceToken, besides those
// that come twice.
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
	suspects := seen.twice()
	if bad == 0 && len(suspects) == 0 {
		return rows, 0, nil
	}
	bad, err = f.reportAll(ctx, seen, suspects, report)
	return rows, bad, err
}

// reportAll is the second pass: it reports, and makes sure of each suspect by its text.
func (f *File) reportAll(ctx context.Context, seen *seen, suspects map[uint64]bool, report func(Mistake) error) (bad int, err error) {
	first, twice := map[string]int{}, map[string]int{}
	err = f.each(ctx, 1, nil, func(row *Row) error {
		for _, name := range unique {
			text := row.ownValue(name)
			if text == "" || !suspects[seen.hash(name, text)] {
				continue
			}
			if n := first[name+text]; n == 0 {
				first[name+text] = row.N
			} else {
				twice[name+text] = n
			}
		}
		f.repeated(row, first)
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

// repeated adds a mistake for each unique field whose value stands in an earlier row; first knows the rows.
func (f *File) repeated(row *Row, first map[string]int) {
	for _, name := range unique {
		text := row.ownValue(name)
		if n := first[name+text]; text != "" && n != 0 && n != row.N {
			row.mistake(f.columnOf(row, name), text, fmt.Sprintf("the same %s stands in row %d", name, n))
		}
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

// seen remembers values by their hashes. They are kept in portions, so that memory grows by little at once.
type seen struct {
	seed     maphash.Seed
	portions [256][]uint64
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed()} }

func (s *seen) hash(name, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString(name)
	_, _ = h.WriteString(text)
	return h.Sum64()
}

func (s *seen) add(name, text string) {
	h := s.hash(name, text)
	p := &s.portions[h>>56]
	*p = append(*p, h)
}

// twice are the hashes that came more than once: of a value that did, or, hardly ever, of two values.
func (s *seen) twice() map[uint64]bool {
	out := map[uint64]bool{}
	for i, p := range s.portions {
		slices.Sort(p)
		for k := 1; k < len(p); k++ {
			if p[k] == p[k-1] {
				out[p[k]] = true
			}
		}
		s.portions[i] = nil
	}
	return out
}
