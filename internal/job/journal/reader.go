package journal

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads a journal's entries, best in the order of the rows. It is for one
// goroutine.
type Reader struct {
	j      *Journal
	first  int // the row that the buffer begins with
	buffer []byte
	n      int // bytes of the buffer in use
}

// Read returns a reader.
func (j *Journal) Read() *Reader { return &Reader{j: j, buffer: make([]byte, 1<<16)} }

// Entry reads a row's entry. What was written to the row after the reader came
// near it may be missing.
func (r *Reader) Entry(row int) (Entry, error) {
	e, p, err := r.bare(row)
	if err == nil && p.length > 0 {
		readTexts(r.j.text, &e, p)
	}
	return e, err
}

// Bare reads a row's entry without its texts, which is faster.
func (r *Reader) Bare(row int) (Entry, error) {
	e, _, err := r.bare(row)
	return e, err
}

func (r *Reader) bare(row int) (Entry, place, error) {
	if row < 1 || row > r.j.rows {
		return Entry{}, place{}, fmt.Errorf("the journal has no row %d", row)
	}
	at := (row - r.first) * slotSize
	if r.n == 0 || at < 0 || at+slotSize > r.n {
		n, err := r.j.slots.ReadAt(r.buffer, int64(row)*slotSize)
		if err != nil && (!errors.Is(err, io.EOF) || n < slotSize) {
			return Entry{}, place{}, err
		}
		r.first, r.n, at = row, n, 0
	}
	e, p := decodeSlot(row, r.buffer[at:at+slotSize])
	if p.length > 4*longestDetail || p.at < 0 {
		p = place{}
	}
	return e, p, nil
}

// Count is how many rows are in each state, and how many of these are sent again.
type Count struct {
	States    [lastState + 1]int
	Retryable [lastState + 1]int
}

// Count counts all rows.
func (j *Journal) Count() (Count, error) {
	var c Count
	r := j.Read()
	for row := 1; row <= j.rows; row++ {
		e, _, err := r.bare(row)
		if err != nil {
			return c, err
		}
		c.States[e.State]++
		if e.Retryable && e.State > Sent {
			c.Retryable[e.State]++
		}
	}
	return c, nil
}
