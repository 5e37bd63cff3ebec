package input

import (
	"bytes"
	"errors"
	"io"
)

var errTooLarge = errors.New("the row is too large")

// bounded is a reader beneath a parser. It gives no more than largestRow bytes beyond the
// beginning of the row that is being parsed, besides what the parser's buffer may have
// read ahead, so that no parser can be made to hold a whole file.
type bounded struct {
	r     io.Reader
	given int64 // bytes so far
	limit int64 // bytes that may be given
	ended bool  // the file has ended
}

// rowAt says that the next row begins at an offset, or behind blank lines after it.
func (b *bounded) rowAt(offset int64) { b.limit = offset + largestRow + bufferSize }

func (b *bounded) Read(p []byte) (int, error) {
	if b.given >= b.limit {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.limit-b.given)])
	b.given += int64(n)
	if len(bytes.Trim(p[:n], "\r\n")) == 0 {
		b.limit += int64(n) // blank lines are no row, however many
	}
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}
