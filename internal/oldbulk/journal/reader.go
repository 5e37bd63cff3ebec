package journal

import (
	"errors"
	"io"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Reader reads a table's entries, best in the order of the rows. It is for one goroutine.
type Reader struct {
	t      *Table
	theirs bool
	first  int // the row that the buffer begins with
	buffer []byte
	n      int // bytes of the buffer in use
}

// Read makes a reader. theirs tells what to make of a slot that was torn: whether the service chose the DeviceTokens of this job.
func (t *Table) Read(theirs bool) *Reader {
	return &Reader{t: t, theirs: theirs, buffer: make([]byte, 1<<16)}
}

// Entry reads a row's entry. What was written to the row after the reader came near it may be missing.
func (r *Reader) Entry(row int) (Entry, error) {
	slot, err := r.slot(row)
	if err != nil {
		return Entry{}, err
	}
	e, at, length := decode(slot, r.theirs)
	if length > 0 {
		e.Text = r.text(at, length)
	}
	return e, nil
}

// text reads a text. One that a power cut took, or that stands where such a one stood, is not worth a failure.
func (r *Reader) text(at int64, length int) string {
	text := make([]byte, length)
	n, _ := r.t.texts.ReadAt(text, at&(1<<placeBits-1))
	if n < length || textSum(string(text)) != at&^(1<<placeBits-1) {
		return "the reason was lost when the machine went down"
	}
	return string(text)
}

// Settled tells of a row whether nothing more is to be done for it.
func (r *Reader) Settled(row int) (bool, error) {
	slot, err := r.slot(row)
	if err != nil {
		return false, err
	}
	e, _, _ := decode(slot, r.theirs)
	return e.Settled(), nil
}

func (r *Reader) slot(row int) ([]byte, error) {
	if row < 1 || row > r.t.rows {
		return nil, failure.Newf(failure.Failed, "the job's journal has no row %d", row)
	}
	at := (row - r.first) * slotSize
	if r.n == 0 || at < 0 || at >= r.n {
		n, err := r.t.slots.ReadAt(r.buffer, int64(row-1)*slotSize)
		if err != nil && (!errors.Is(err, io.EOF) || n < slotSize) {
			return nil, failure.Wrap(failure.Failed, "the job's journal cannot be read", err)
		}
		r.first, r.n, at = row, n, 0
	}
	return r.buffer[at : at+slotSize], nil
}

// Count is how many rows are in each state, and how many of them may be sent again.
type Count struct {
	States [Unknown + 1]int
	Again  int
}

// Settled is how many rows need nothing more.
func (c Count) Settled() int {
	return c.States[Created] + c.States[Existing] + c.States[Failed] + c.States[Unknown] - c.Again
}

// Count goes through all rows.
func (t *Table) Count() (Count, error) {
	var c Count
	r := t.Read(false)
	for row := 1; row <= t.rows; row++ {
		slot, err := r.slot(row)
		if err != nil {
			return c, err
		}
		e, _, _ := decode(slot, false)
		c.States[e.State]++
		if e.Again && e.State > Sent {
			c.Again++
		}
	}
	return c, nil
}
