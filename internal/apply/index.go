package apply

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
)

// entry is what is kept of a row while the users are read: 56 bytes, whatever the row says. Rows are
// told apart by 128 bits of what they are known by.
type entry struct {
	hash, check uint64
	digest      uint64 // of what the row says
	mask        uint32 // the fields that it says, by their place in index.columns
	n           int32
	user        uuid.UUID // who matches; zero for nobody
}

// index finds the row that a user is named by.
type index struct {
	a, b    maphash.Seed
	columns []*field.Field
	entries []entry // by hash and check
}

func newIndex(ctx context.Context, rows Rows, columns []*field.Field) (*index, error) {
	x := &index{a: maphash.MakeSeed(), b: maphash.MakeSeed(), columns: columns}
	err := rows(ctx, func(r Row) error {
		if err := checkClears(r); err != nil {
			return err
		}
		name, value := r.known()
		e := entry{n: int32(r.N), mask: x.mask(&r.Set)} //nolint:gosec // a file has fewer rows
		e.hash, e.check = x.sums(name, value)
		e.digest = x.digest(&r.Set, e.mask)
		x.entries = append(x.entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(x.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.check, b.check))
	})
	for i := 1; i < len(x.entries); i++ {
		a, b := x.entries[i-1], x.entries[i]
		if a.hash == b.hash && a.check == b.check {
			return nil, failure.Newf(failure.Invalid, "rows %d and %d name the same user", min(a.n, b.n), max(a.n, b.n)).
				Because(ReasonDuplicate, "")
		}
	}
	return x, nil
}

func (x *index) sums(name, value string) (hash, check uint64) {
	text := name + "\x00" + value
	return maphash.String(x.a, text), maphash.String(x.b, text)
}

func (x *index) mask(set *field.Set) (mask uint32) {
	for i, f := range x.columns {
		if _, ok := set.Value(f); ok {
			mask |= 1 << i
		}
	}
	return mask
}

// digest is the same for sets that say the same of the fields of a mask. Sets that say the same in
// another form may have another digest.
func (x *index) digest(set *field.Set, mask uint32) uint64 {
	var h maphash.Hash
	h.SetSeed(x.a)
	for i, f := range x.columns {
		if mask&(1<<i) == 0 {
			continue
		}
		v, _ := set.Value(f)
		text := form(f, v)
		var head [8]byte
		binary.LittleEndian.PutUint32(head[:], uint32(i))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(text))) //nolint:gosec // far smaller
		_, _ = h.Write(head[:])
		_, _ = h.WriteString(text)
	}
	return h.Sum64()
}

// form returns a value as text, equal for what the service reads back alike.
func form(f *field.Field, v any) string {
	switch v := fleet.Written(f, v).(type) {
	case nil:
		return "-"
	case bool:
		return strconv.FormatBool(v)
	case string:
		if f.Kind == field.Time {
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
				if t, err := time.Parse(layout, v); err == nil {
					return "=" + t.UTC().Format(time.RFC3339Nano)
				}
			}
		}
		return "=" + v
	default:
		return fmt.Sprint(v)
	}
}

// find returns the row that is known by a value; nil for none.
func (x *index) find(name, value string) *entry {
	hash, check := x.sums(name, value)
	i, ok := slices.BinarySearchFunc(x.entries, entry{hash: hash, check: check}, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.check, b.check))
	})
	if !ok {
		return nil
	}
	return &x.entries[i]
}
