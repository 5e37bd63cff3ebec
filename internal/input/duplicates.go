package input

import (
	"hash/maphash"
	"slices"
)

// hash returns a number for a column's name and a value.
type hash func(name, text string) uint64

// newHash returns a hash that nobody can foresee, so that no file can be made whose
// values share one.
func newHash() hash {
	seed := maphash.MakeSeed()
	return func(name, text string) uint64 {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(name)
		_, _ = h.WriteString(text)
		return h.Sum64()
	}
}

// seen remembers values by their hashes. They are kept in portions, so that memory grows
// by little at once.
type seen struct {
	hash     hash
	portions [256][]uint64
}

func newSeen() *seen { return &seen{hash: newHash()} }

func (s *seen) add(name, text string) {
	h := s.hash(name, text)
	p := &s.portions[h>>56]
	*p = append(*p, h)
}

// twice returns the hashes that came more than once, ascending: each of a value that did,
// or, hardly ever, of two values. Nothing is remembered any more afterwards.
func (s *seen) twice() []uint64 {
	var out []uint64
	for i, p := range s.portions {
		slices.Sort(p)
		for k := 1; k < len(p); k++ {
			if p[k] == p[k-1] && (len(out) == 0 || out[len(out)-1] != p[k]) {
				out = append(out, p[k])
			}
		}
		s.portions[i] = nil
	}
	return out
}

// duplicates knows the row in which each value stands first whose folded form comes more
// than once. It takes 24 bytes a value, and tells values apart by 128 bits.
type duplicates struct {
	hash, check hash
	hashes      []uint64          // ascending
	first       []place           // beside hashes
	others      map[otherKey]int  // the rows of values that share the folded form with another
	texts       map[uint64]string // the first values that came more than once, by hash, for messages
}

type place struct {
	check uint64
	row   int // 0: not met yet
}

type otherKey struct{ hash, check uint64 }

// mostTexts is how many values are remembered for messages.
const mostTexts = 1000

// newDuplicates makes duplicates of the hashes that came more than once.
func newDuplicates(s *seen) *duplicates {
	hashes := s.twice()
	return &duplicates{
		hash: s.hash, check: newHash(), hashes: hashes, first: make([]place, len(hashes)),
		others: map[otherKey]int{}, texts: map[uint64]string{},
	}
}

// meet notes that a value stands in a row. Rows are met in their order. For a value that
// is new, and whose folded form is not, it returns the row that has the folded form
// first, and the value there.
func (d *duplicates) meet(name, folded, text string, row int) (first int, earlier string) {
	h := d.hash(name, folded)
	i, suspect := slices.BinarySearch(d.hashes, h)
	if !suspect || d.find(i, h, name, text) != 0 {
		return 0, text
	}
	check := d.check(name, text)
	if d.first[i].row == 0 {
		d.first[i] = place{check, row}
		if len(d.texts) < mostTexts {
			d.texts[h] = text
		}
		return 0, text
	}
	d.others[otherKey{h, check}] = row
	earlier, known := d.texts[h]
	if !known {
		earlier = folded
	}
	return d.first[i].row, earlier
}

// row returns the first row in which a value was met; 0 for one that comes once.
func (d *duplicates) row(name, folded, text string) int {
	if len(d.hashes) == 0 {
		return 0
	}
	h := d.hash(name, folded)
	i, suspect := slices.BinarySearch(d.hashes, h)
	if !suspect {
		return 0
	}
	return d.find(i, h, name, text)
}

func (d *duplicates) find(i int, h uint64, name, text string) int {
	check := d.check(name, text)
	if d.first[i].check == check {
		return d.first[i].row
	}
	return d.others[otherKey{h, check}]
}
