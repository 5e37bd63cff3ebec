package input

import (
	"hash/maphash"
	"slices"
)

// hash makes a number of a column's name and a value.
type hash func(name, text string) uint64

// newHash makes a hash that nobody can foresee, so that no file can be made whose values share one.
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

// seen remembers values by their hashes. They are kept in portions, so that memory grows by little at once.
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

// twice are the hashes that came more than once, ascending: each of a value that did, or, hardly ever, of two values. Nothing is remembered any more
// afterwards.
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

// repeats knows the row in which each value stands first that comes more than once. It takes 24 bytes a value, and tells values apart by 128 bits.
type repeats struct {
	hash, check hash
	hashes      []uint64 // ascending
	first       []place  // beside hashes
	others      []other  // values that share a hash with another: hardly ever one
}

type place struct {
	check uint64
	row   int // 0: not met yet
}

type other struct {
	hash uint64
	place
}

// newRepeats makes repeats of the hashes that came more than once.
func newRepeats(s *seen) *repeats {
	hashes := s.twice()
	return &repeats{hash: s.hash, check: newHash(), hashes: hashes, first: make([]place, len(hashes))}
}

// meet notes that a value stands in a row. Rows are met in their order.
func (r *repeats) meet(name, text string, row int) {
	h := r.hash(name, text)
	i, suspect := slices.BinarySearch(r.hashes, h)
	if !suspect || r.find(i, h, name, text) != 0 {
		return
	}
	here := place{r.check(name, text), row}
	if r.first[i].row == 0 {
		r.first[i] = here
	} else {
		r.others = append(r.others, other{h, here})
	}
}

// row is the first row in which a value was met; 0 for one that comes once.
func (r *repeats) row(name, text string) int {
	if len(r.hashes) == 0 {
		return 0
	}
	h := r.hash(name, text)
	i, suspect := slices.BinarySearch(r.hashes, h)
	if !suspect {
		return 0
	}
	return r.find(i, h, name, text)
}

func (r *repeats) find(i int, h uint64, name, text string) int {
	check := r.check(name, text)
	if r.first[i].check == check {
		return r.first[i].row
	}
	for _, o := range r.others {
		if o.hash == h && o.check == check {
			return o.row
		}
	}
	return 0
}
