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

// index finds the row that a user is named by.
type index struct {
	seed      maphash.Seed
	chunks    [][]entry // as they came, until they are sorted
	entries   []entry   // by hash
	directory directory
	rows      int
	keyed     bool // a row is known by a key, not by the DeviceToken
	tokens    bool // a row is known by the DeviceToken
	scratch   []byte
}

// chunkSize is for how many rows room is made at once.
const chunkSize = 4096

func newIndex() *index { return &index{seed: maphash.MakeSeed()} }

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
	if n := len(x.chunks); n == 0 || len(x.chunks[n-1]) == chunkSize {
		x.chunks = append(x.chunks, make([]entry, 0, chunkSize))
	}
	last := &x.chunks[len(x.chunks)-1]
	*last = append(*last, e)
	x.rows = max(x.rows, r.N)
}

// sort makes the rows ready to be found.
func (x *index) sort() error {
	x.entries, x.chunks = slices.Concat(x.chunks...), nil
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	for i := 1; i < len(x.entries); i++ {
		if a, b := x.entries[i-1], x.entries[i]; a.hash == b.hash {
			return failure.Newf(failure.Invalid, "rows %d and %d name the same user", min(a.n, b.n), max(a.n, b.n)).
				Because(ReasonDuplicate, "")
		}
	}
	x.directory = newDirectory(len(x.entries), func(i int) uint64 { return x.entries[i].hash })
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

// find returns the row of a hash; nil for none.
func (x *index) find(hash uint64) *entry {
	low, high := x.directory.around(hash)
	for i := low; i < high; i++ {
		if e := &x.entries[i]; e.hash == hash {
			return e
		}
	}
	return nil
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
	for i := range x.entries {
		if e := &x.entries[i]; want(e) {
			s.bits[e.n/64] |= 1 << (e.n % 64)
			s.size++
		}
	}
	return s
}
