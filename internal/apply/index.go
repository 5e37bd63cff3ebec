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

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
)

// entry is what is kept of a row while the users are read: 24 bytes, whatever the row says. That a
// user is the row's by the hash alone is made sure of before anything is planned for it.
type entry struct {
	hash   uint64 // of what the row is known by
	digest uint64 // of what the row says
	mask   uint32 // the fields that it says, by their place in index.columns; and isMatched
	n      int32
}

// isMatched is the bit of a mask that says that a user is the row's. There are fewer fields.
const isMatched = 1 << 31

func (e *entry) matched() bool { return e.mask&isMatched != 0 }

// index finds the row that a user is named by.
type index struct {
	seed    maphash.Seed
	columns []*field.Field
	entries []entry // by hash
	keyed   bool    // a row is known by a key, not by the DeviceToken
	tokens  bool    // a row is known by the DeviceToken
}

// newIndex reads the rows, of which there are about so many.
func newIndex(ctx context.Context, rows Rows, about int, columns []*field.Field) (*index, error) {
	x := &index{seed: maphash.MakeSeed(), columns: columns, entries: make([]entry, 0, about)}
	err := rows(ctx, func(r Row) error {
		if err := checkClears(r); err != nil {
			return err
		}
		name, value := r.known()
		x.keyed = x.keyed || name != deviceTokenKey
		x.tokens = x.tokens || name == deviceTokenKey
		e := entry{n: int32(r.N), mask: x.mask(&r.Set)} //nolint:gosec // a file has fewer rows
		e.hash = x.sum(name, value)
		e.digest = x.digest(&r.Set, e.mask)
		x.entries = append(x.entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	for i := 1; i < len(x.entries); i++ {
		a, b := x.entries[i-1], x.entries[i]
		if a.hash == b.hash {
			return nil, failure.Newf(failure.Invalid, "rows %d and %d name the same user", min(a.n, b.n), max(a.n, b.n)).
				Because(ReasonDuplicate, "")
		}
	}
	return x, nil
}

// sum is the hash of what a row, or a user, is known by.
func (x *index) sum(name, value string) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	_, _ = h.WriteString(name)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(value)
	return h.Sum64()
}

// knownAs is what a row, or a user, is known by.
func knownAs(name, value string) string { return name + "\x00" + value }

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
	h.SetSeed(x.seed)
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

// find returns the row of a hash; nil for none.
func (x *index) find(hash uint64) *entry {
	i, ok := slices.BinarySearchFunc(x.entries, hash, func(e entry, hash uint64) int {
		return cmp.Compare(e.hash, hash)
	})
	if !ok {
		return nil
	}
	return &x.entries[i]
}
