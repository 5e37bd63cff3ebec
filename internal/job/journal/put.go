package journal

import (
	"errors"
	"fmt"
	"slices"
)

// slot is an entry that is about to be written.
type slot struct {
	row   int
	bytes [slotSize]byte
}

// A Row is the entry of one row, to be written.
type Row struct {
	N     int // from 1
	Entry Entry
}

// Put writes the entries of rows that follow one another, the first of them row: see
// PutRows.
func (j *Journal) Put(row int, entries ...Entry) error {
	rows := make([]Row, len(entries))
	for i, e := range entries {
		rows[i] = Row{row + i, e}
	}
	return j.PutRows(rows)
}

// PutRows writes the entries of rows, in one write where the rows follow one another.
// When it returns, they outlive the process; a tenth of a second later, a power cut
// too. After an error nothing is written any more, and every further call returns it.
// For rows that are Sent it is ErrMoved where the journal's folder was removed or
// replaced: they must not be sent.
func (j *Journal) PutRows(rows []Row) error {
	for i := range rows {
		if n := rows[i].N; n < 1 || n > j.rows {
			return fmt.Errorf("the journal has no row %d", n)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != nil {
		return j.failure
	}
	for i := range rows {
		e := &rows[i].Entry
		j.sends = j.sends || e.State == Sent
		j.pending = append(j.pending, slot{row: rows[i].N})
		encodeSlot(&j.pending[len(j.pending)-1].bytes, rows[i].N, e, j.texts.add(e))
	}
	// Whoever finds nobody writing writes what has been gathered; the others wait.
	for group := j.group; j.written <= group; {
		if j.writing {
			j.idle.Wait()
			continue
		}
		j.writing = true
		j.writeGroup()
	}
	return j.failure
}

// writeGroup writes what was gathered. It is called, and returns, with the lock
// held, and lets go of it in between; the caller has set writing.
func (j *Journal) writeGroup() {
	slots, text := j.pending, j.texts.pending
	at := j.texts.end - int64(len(text))
	j.pending, j.spare, j.texts.pending = j.spare[:0], nil, nil
	j.group++
	err := j.failure
	sends := j.sends
	j.sends = false
	j.mu.Unlock()
	if err == nil && sends && !j.slots.InPlace() {
		err = ErrMoved
	}
	if err == nil {
		err = j.write(slots, text, at)
	}
	j.mu.Lock()
	j.writing = false
	j.written++
	j.spare = slots
	if j.texts.pending == nil {
		j.texts.pending = text[:0]
	}
	if err != nil && j.failure == nil {
		j.failure = err
	}
	j.idle.Broadcast()
	select {
	case j.dirty <- struct{}{}:
	default:
	}
}

// write writes a group, the slots that follow one another in one piece.
func (j *Journal) write(slots []slot, text []byte, at int64) error {
	// A text that finds no room must not cost the outcome, whose room is there.
	var textErr error
	if len(text) > 0 {
		_, textErr = j.text.WriteAt(text, at)
	}
	slices.SortStableFunc(slots, func(a, b slot) int { return a.row - b.row })
	run := j.run[:0] // only one group is written at a time
	first := 0
	var err error
	flush := func() {
		if len(run) > 0 && err == nil {
			_, err = j.slots.WriteAt(run, int64(first)*slotSize)
		}
		run = run[:0]
	}
	for i := range slots {
		s := &slots[i]
		switch next := first + len(run)/slotSize; {
		case len(run) > 0 && s.row == next-1: // a later entry of the same row
			copy(run[len(run)-slotSize:], s.bytes[:])
			continue
		case s.row != next || len(run) == 0:
			flush()
			first = s.row
		}
		run = append(run, s.bytes[:]...)
	}
	flush()
	j.run = run
	return errors.Join(err, textErr)
}
