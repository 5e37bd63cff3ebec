package sandbox

import (
	"bytes"
	"encoding/binary"
)

// slabs keep keys and their values in large pieces of memory without pointers, so that a million users cost the garbage
// collector nothing: it need not look at twenty million keys. Space that is given back is used again for entries of the same
// size. Reading is safe for many goroutines, as long as nobody writes.
type slabs struct {
	chunks [][]byte
	used   int              // bytes of the last ordinary chunk
	last   int              // its place
	free   map[uint32][]ref // by rounded size
	spare  []uint32         // places of chunks that were given back whole
}

// ref is where an entry is. The zero ref is none.
type ref struct{ chunk, at uint32 }

const (
	slabChunk  = 1 << 20 // bytes of a chunk
	slabLarge  = 1 << 17 // an entry from here on has a chunk of its own
	slabHeader = 8       // lengths of the key and of the value
	slabRound  = 16      // entries take multiples of it
)

func newSlabs() *slabs {
	// The first chunk stays empty, so that no entry has the zero ref.
	return &slabs{chunks: make([][]byte, 1), used: slabChunk, free: map[uint32][]ref{}}
}

func roundUp(n int) uint32 { return uint32(n+slabRound-1) &^ (slabRound - 1) } //nolint:gosec // entries are small

// add copies an entry in.
func (s *slabs) add(key string, value []byte) ref {
	size := roundUp(slabHeader + len(key) + len(value))
	r := s.place(size)
	b := s.chunks[r.chunk][r.at:]
	binary.LittleEndian.PutUint32(b, uint32(len(key)))       //nolint:gosec // checked by what a body may be
	binary.LittleEndian.PutUint32(b[4:], uint32(len(value))) //nolint:gosec // checked by what a body may be
	copy(b[slabHeader:], key)
	copy(b[slabHeader+len(key):], value)
	return r
}

// place finds room.
func (s *slabs) place(size uint32) ref {
	if size >= slabLarge {
		return ref{s.chunk(int(size)), 0}
	}
	if list := s.free[size]; len(list) > 0 {
		r := list[len(list)-1]
		s.free[size] = list[:len(list)-1]
		return r
	}
	if s.used+int(size) > slabChunk {
		s.last, s.used = int(s.chunk(slabChunk)), 0
	}
	r := ref{uint32(s.last), uint32(s.used)} //nolint:gosec // below slabChunk
	s.used += int(size)
	return r
}

func (s *slabs) chunk(size int) uint32 {
	if n := len(s.spare); n > 0 {
		at := s.spare[n-1]
		s.spare = s.spare[:n-1]
		s.chunks[at] = make([]byte, size)
		return at
	}
	s.chunks = append(s.chunks, make([]byte, size))
	return uint32(len(s.chunks) - 1) //nolint:gosec // a million of them are a terabyte
}

// remove gives an entry's room back.
func (s *slabs) remove(r ref) {
	key, value := s.read(r)
	size := roundUp(slabHeader + len(key) + len(value))
	if size >= slabLarge {
		s.chunks[r.chunk] = nil
		s.spare = append(s.spare, r.chunk)
		return
	}
	s.free[size] = append(s.free[size], r)
}

// read is a key and its value. They are valid until the entry is removed.
func (s *slabs) read(r ref) (key, value []byte) {
	b := s.chunks[r.chunk][r.at:]
	k, v := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	b = b[slabHeader:]
	return b[:k:k], b[k : k+v : k+v]
}

func (s *slabs) key(r ref) []byte {
	b := s.chunks[r.chunk][r.at:]
	return b[slabHeader : slabHeader+binary.LittleEndian.Uint32(b)]
}

// entry is an entry as the tree has it: where it is, and the first bytes of its key, which decide most comparisons
// without a look at the slab.
type entry struct {
	high, low uint64
	ref
}

func newEntry(key string, r ref) entry {
	var head [16]byte
	copy(head[:], key)
	return entry{binary.BigEndian.Uint64(head[:]), binary.BigEndian.Uint64(head[8:]), r}
}

// before orders entries by their keys.
func (m *memory) before(a, b entry) bool {
	if a.high != b.high {
		return a.high < b.high
	}
	if a.low != b.low {
		return a.low < b.low
	}
	return bytes.Compare(m.keyOf(a.ref), m.keyOf(b.ref)) < 0
}

func (m *memory) keyOf(r ref) []byte {
	if r.chunk == probeChunk {
		return m.probes.keys[r.at]
	}
	return m.slabs.key(r)
}

// probes are keys that are looked for. The tree compares nothing but entries, so a probe has a ref too: in a chunk that
// there is not.
type probes struct {
	keys [][]byte
	free chan uint32
}

const (
	probeChunk = 1<<32 - 1
	// mostProbes is how many transactions are under way at once; more wait.
	mostProbes = 256
)

func newProbes() *probes {
	p := &probes{keys: make([][]byte, mostProbes), free: make(chan uint32, mostProbes)}
	for i := range uint32(mostProbes) {
		p.free <- i
	}
	return p
}
