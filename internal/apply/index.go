package apply

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
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
	mask   uint32 // the fields that it says, by their places; and isMatched, isNamed
	n      int32
}

// The bits of a mask that say that a user is the row's, and that a user has what the row is known
// by. There are fewer fields.
const (
	isMatched = 1 << 31
	isNamed   = 1 << 30
)

func (e *entry) matched() bool { return e.mask&isMatched != 0 }

// indexParts is how many parts an index has, by the highest bits of the hash: memory grows by
// little at once, and a row is found in a few steps.
const indexParts = 1 << 10

// index finds the row that a user is named by.
type index struct {
	seed    maphash.Seed
	parts   [indexParts][]entry // by hash, once it is sorted
	rows    int
	keyed   bool // a row is known by a key, not by the DeviceToken
	tokens  bool // a row is known by the DeviceToken
	scratch []byte
}

func newIndex() *index { return &index{seed: maphash.MakeSeed()} }

func (x *index) part(hash uint64) *[]entry { return &x.parts[hash/(1<<64/indexParts)] }

// add takes a row.
func (x *index) add(r *Row) {
	name, value := r.known()
	x.keyed = x.keyed || name != deviceTokenKey
	x.tokens = x.tokens || name == deviceTokenKey
	e := entry{n: int32(r.N), hash: x.sum(name, value)} //nolint:gosec // a file has fewer rows
	for f := range r.Set.All() {
		e.mask |= 1 << f.Place()
	}
	e.digest = x.digest(&r.Set, e.mask)
	part := x.part(e.hash)
	*part = append(*part, e)
	x.rows = max(x.rows, r.N)
}

// sort makes the rows ready to be found.
func (x *index) sort() error {
	for _, part := range x.parts {
		slices.SortFunc(part, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
		for i := 1; i < len(part); i++ {
			if a, b := part[i-1], part[i]; a.hash == b.hash {
				return failure.Newf(failure.Invalid, "rows %d and %d name the same user", min(a.n, b.n), max(a.n, b.n)).
					Because(ReasonDuplicate, "")
			}
		}
	}
	return nil
}

// sum is the hash of what a row, or a user, is known by.
func (x *index) sum(name, value string) uint64 {
	x.scratch = append(append(append(x.scratch[:0], name...), 0), value...)
	return maphash.Bytes(x.seed, x.scratch)
}

// knownAs is what a row, or a user, is known by.
func knownAs(name, value string) string { return name + "\x00" + value }

// digest is the same for sets that say the same of the fields of a mask. Sets that say the same in
// another form may have another digest.
func (x *index) digest(set *field.Set, mask uint32) uint64 {
	x.scratch = x.scratch[:0]
	for rest := mask &^ (isMatched | isNamed); rest != 0; rest &= rest - 1 {
		f := field.At(bits.TrailingZeros32(rest))
		v, _ := set.Value(f)
		head := len(x.scratch)
		x.scratch = append(x.scratch, byte(f.Place()), 0, 0, 0, 0) //nolint:gosec // less than 31
		x.scratch = appendForm(x.scratch, f, v)
		length := len(x.scratch) - head
		binary.LittleEndian.PutUint32(x.scratch[head+1:], uint32(length)) //nolint:gosec // far smaller
	}
	return maphash.Bytes(x.seed, x.scratch)
}

// form returns a value as text, equal for what the service reads back alike.
func form(f *field.Field, v any) string { return string(appendForm(nil, f, v)) }

func appendForm(out []byte, f *field.Field, v any) []byte {
	switch v := fleet.Written(f, v).(type) {
	case nil:
		return append(out, '-')
	case bool:
		return strconv.AppendBool(out, v)
	case string:
		out = append(out, '=')
		if f.Kind == field.Time {
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
				if t, err := time.Parse(layout, v); err == nil {
					return t.UTC().AppendFormat(out, time.RFC3339Nano)
				}
			}
		}
		return append(out, v...)
	default:
		return fmt.Append(out, v)
	}
}

// find returns the row of a hash; nil for none. Hashes are spread evenly: it is near the place that
// its value says.
func (x *index) find(hash uint64) *entry {
	part := *x.part(hash)
	near, _ := bits.Mul64(hash*indexParts, uint64(len(part)))
	i := int(near) //nolint:gosec // less than the length
	for i > 0 && part[i-1].hash >= hash {
		i--
	}
	for i < len(part) && part[i].hash < hash {
		i++
	}
	if i == len(part) || part[i].hash != hash {
		return nil
	}
	return &part[i]
}

// rowSet is a set of rows, a bit each.
type rowSet struct {
	bits []uint64
	size int
}

func (s *rowSet) has(n int) bool { return n/64 < len(s.bits) && s.bits[n/64]&(1<<(n%64)) != 0 }

// those returns the rows that are wanted.
func (x *index) those(want func(*entry) bool) *rowSet {
	s := &rowSet{bits: make([]uint64, x.rows/64+1)}
	for _, part := range x.parts {
		for i := range part {
			if e := &part[i]; want(e) {
				s.bits[e.n/64] |= 1 << (e.n % 64)
				s.size++
			}
		}
	}
	return s
}
