package input

import (
	"errors"
	"hash/maphash"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// ErrChanged is the cause of the failure.Invalid that ends the reading of a file which is no longer what it was when it was opened.
var ErrChanged = errors.New("the file was changed while it was read")

// blockSize is how many bytes of a file are held to one hash.
const blockSize = 64 << 10

// blocks remember a file as it was read first: 8 bytes for each block.
type blocks struct {
	seed maphash.Seed
	sums []uint64
}

// blockReader reads a file from the start. It hands no byte on before the whole block that it stands in was found to be the one that was
// read first, so that whoever writes to the file meanwhile cannot bring in what was never checked. That the file has kept its length is made sure of
// with each block. A file that was only touched is not changed.
type blockReader struct {
	source *source
	next   int    // the number of the next block, from 0
	block  []byte // memory for one
	rest   []byte // of the block, what was not handed on yet
	err    error
}

func (b *blockReader) Read(p []byte) (int, error) {
	if len(b.rest) == 0 && b.err == nil {
		b.err = b.load()
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// load reads the next block and makes sure of it; io.EOF is behind the last.
func (b *blockReader) load() error {
	s := b.source
	info, err := s.file.Stat()
	switch {
	case err != nil:
		return failure.Wrap(failure.Invalid, s.called, err)
	case info.Size() != s.size:
		return s.changed()
	}
	at := int64(b.next) * blockSize
	if at >= s.size {
		return io.EOF
	}
	if b.block == nil {
		b.block = make([]byte, min(blockSize, s.size))
	}
	block := b.block[:min(blockSize, s.size-at)]
	switch n, err := s.file.ReadAt(block, at); {
	case n == len(block): // with io.EOF behind the last
	case errors.Is(err, io.EOF):
		return s.changed()
	default:
		return err
	}
	if !s.blocks.knows(b.next, block) {
		return s.changed()
	}
	b.next++
	b.rest = block
	return nil
}

// knows tells whether a block is as it was when it was read first, which may be now. Blocks are read in their order.
func (b *blocks) knows(n int, block []byte) bool {
	sum := maphash.Bytes(b.seed, block)
	if n == len(b.sums) {
		b.sums = append(b.sums, sum)
	}
	return b.sums[n] == sum
}

func (s *source) changed() error {
	err := s.broken(ErrChanged.Error()).WithHint("give the command again once nobody writes to the file")
	err.Cause = ErrChanged
	return err
}
