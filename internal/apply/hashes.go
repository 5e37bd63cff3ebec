package apply

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Seen returns what remembers the users that a list has given, in 11 bytes each where there are
// about as many as is said. Two users whom it takes for one are missing in the list, which is
// complete only with all.
func Seen(about int) fleet.Seen {
	return &seen{seed: maphash.MakeSeed(), users: newHashSet(about)}
}

type seen struct {
	seed  maphash.Seed
	users *hashSet
}

// Has implements fleet.Seen.
func (s *seen) Has(u userservice.User) bool {
	return s.users.has(maphash.String(s.seed, u.DeviceToken))
}

// Add implements fleet.Seen.
func (s *seen) Add(u userservice.User) { s.users.add(maphash.String(s.seed, u.DeviceToken)) }

// hashSet is a set of hashes in one array, a third of which is free.
type hashSet struct {
	slots []uint64 // 0: free
	used  int
}

// leastSlots is the size of a set of few hashes.
const leastSlots = 1024

func newHashSet(about int) *hashSet {
	return &hashSet{slots: make([]uint64, max(about+about/3, leastSlots))}
}

// slot returns the place of a hash, or the free one that it would have.
func (s *hashSet) slot(hash uint64) int {
	at, _ := bits.Mul64(hash, uint64(len(s.slots)))
	i := int(at) //nolint:gosec // less than len
	for s.slots[i] != 0 && s.slots[i] != hash {
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	return i
}

// 0 marks a free slot: another hash stands for it.
func stored(hash uint64) uint64 { return max(hash, 1) }

func (s *hashSet) has(hash uint64) bool { return s.slots[s.slot(stored(hash))] != 0 }

func (s *hashSet) add(hash uint64) {
	if s.used >= len(s.slots)/8*7 {
		old := s.slots
		s.slots = make([]uint64, len(old)*2)
		for _, h := range old {
			if h != 0 {
				s.slots[s.slot(h)] = h
			}
		}
	}
	if i := s.slot(stored(hash)); s.slots[i] == 0 {
		s.slots[i] = stored(hash)
		s.used++
	}
}

// keyHashes are the hashes of the users' keys, 8 bytes each: the lowest bit says that the user is
// managed.
type keyHashes []uint64

func (k *keyHashes) add(hash uint64, managed bool) {
	hash &^= 1
	if managed {
		hash |= 1
	}
	*k = append(*k, hash)
}

// twice returns the hashes, without the lowest bit, of keys that several users have of whom one is
// managed, and how many others there are.
func (k keyHashes) twice() (managed map[uint64]bool, others int) {
	slices.Sort(k)
	managed = map[uint64]bool{}
	for i := 0; i < len(k); {
		end := i + 1
		for end < len(k) && k[end]&^1 == k[i]&^1 {
			end++
		}
		switch {
		case end == i+1:
		case k[end-1]&1 == 1: // the managed ones are last
			managed[k[i]&^1] = true
		default:
			others++
		}
		i = end
	}
	return managed, others
}

// directory says where in a sorted list the values are that begin alike: some four of each kind,
// where they are spread evenly.
type directory struct {
	begins []int32
	shift  int
}

// newDirectory returns the directory of a list of n values, of which first gives the highest 64
// bits.
func newDirectory(n int, first func(i int) uint64) directory {
	kinds := bits.Len(uint(n / 4))
	d := directory{begins: make([]int32, 1<<kinds+1), shift: 64 - kinds}
	next := 0
	for i := range n {
		for kind := int(first(i) >> d.shift); next <= kind; next++ { //nolint:gosec // has few bits
			d.begins[next] = int32(i)
		}
	}
	for ; next < len(d.begins); next++ {
		d.begins[next] = int32(n) //nolint:gosec // a list is far shorter
	}
	return d
}

// around returns the part of the list in which a value is that begins so, if it is in the list.
func (d *directory) around(first uint64) (low, high int) {
	kind := first >> d.shift
	return int(d.begins[kind]), int(d.begins[kind+1])
}
