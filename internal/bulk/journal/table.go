package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/durable"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// State is how far a row has come.
type State uint8

// The states.
const (
	Untouched State = iota // never sent
	Sent                   // under way, or its answer was lost with the process that sent it
	Created
	Existing
	Failed
	Unknown
)

// Entry is what the journal knows of one row. The zero value is a row that was never touched.
type Entry struct {
	State State
	// Again is set where another run may send the row once more: it failed for a reason that passes, or its answer was lost and its
	// DeviceToken was chosen here.
	Again bool
	// Theirs is set where the service chooses the DeviceToken: such a row is never sent twice.
	Theirs bool
	Token  uuid.UUID // the DeviceToken; zero while it is not known
	Text   string    // why it failed or is unknown
}

// Settled tells whether nothing more is to be done for the row, by this run or a later one.
func (e Entry) Settled() bool { return e.State > Sent && !e.Again }

// A table is a file with one slot of fixed size for each row, so that writing costs the same however many rows there are, reading is
// in the order of the file, and no memory is needed for either. All of its room is taken before the first row is sent: a disk that
// fills up later loses no outcome. A slot lies in one sector of the disk and has its own checksum.
//
//	0      state
//	1      flags
//	2–3    length of the text
//	4–11   where the text begins in the texts file
//	12–27  DeviceToken
//	28–31  CRC-32C of the above
const (
	slotSize   = 32
	flagAgain  = 1
	flagTheirs = 2
)

// longestText is how many bytes of a reason are kept.
const longestText = 2000

// syncEvery bounds what a power cut can take: the outcomes of so much time, whose rows are sent again and found to exist.
const syncEvery = 100 * time.Millisecond

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Table holds the entries of all rows. Its methods may be called by many goroutines.
type Table struct {
	rows  int
	slots *os.File
	texts *os.File

	mu      sync.Mutex
	end     int64            // where the next text goes
	known   map[string]int64 // the texts that came before: a service that fails says the same thing many times
	failure error            // the first write that failed; nothing is written after it

	dirty   chan struct{}
	stop    chan struct{}
	done    chan struct{}
	closing sync.Once
	closed  error
}

// createTable makes the files of a table and takes all of their room. The error for a disk that is full is failure.Failed.
func createTable(slotsPath, textsPath string, rows int) error {
	zeros := make([]byte, 1<<16)
	fill := func(w io.Writer) error {
		for left := int64(rows) * slotSize; left > 0; {
			n, err := w.Write(zeros[:min(left, int64(len(zeros)))])
			if err != nil {
				return err
			}
			left -= int64(n)
		}
		return nil
	}
	if err := durable.WriteFile(textsPath, nil, 0o600); err != nil {
		return unwritable(err)
	}
	if err := durable.Write(slotsPath, 0o600, fill); err != nil {
		return unwritable(err)
	}
	return nil
}

func unwritable(err error) error {
	return failure.Because(failure.Failed, "the job's journal cannot be written", err).
		WithHint("make room on the disk of the state folder")
}

func openTable(slotsPath, textsPath string, rows int) (*Table, error) {
	slots, err := os.OpenFile(slotsPath, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	texts, err := os.OpenFile(textsPath, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(err, slots.Close())
	}
	t := &Table{rows: rows, slots: slots, texts: texts, known: map[string]int64{}}
	size, err := slots.Seek(0, io.SeekEnd)
	if err == nil && size != int64(rows)*slotSize {
		err = fmt.Errorf("it has %d bytes instead of %d", size, int64(rows)*slotSize)
	}
	if err == nil {
		t.end, err = texts.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return nil, errors.Join(err, slots.Close(), texts.Close())
	}
	t.dirty, t.stop, t.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go t.syncing()
	return t, nil
}

// Put writes the entry of a row (from 1). When it returns, the entry outlives the process; a tenth of a second later, a power cut too.
// After an error nothing is written any more, and every further call returns it.
func (t *Table) Put(row int, e Entry) error { return t.PutAll(row, []Entry{e}) }

// PutAll is Put for rows that follow one another.
func (t *Table) PutAll(row int, entries []Entry) error {
	if row < 1 || row+len(entries)-1 > t.rows {
		return failure.Newf(failure.Failed, "the job's journal has no row %d", row+len(entries)-1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != nil {
		return t.failure
	}
	// A text that finds no room must not cost the outcome, whose room is there.
	slots := make([]byte, 0, slotSize*len(entries))
	var textErr error
	for _, e := range entries {
		at, length, err := t.text(e.Text)
		textErr = errors.Join(textErr, err)
		slots = append(slots, encode(e, at, length)...)
	}
	_, err := t.slots.WriteAt(slots, int64(row-1)*slotSize)
	if err == nil {
		err = textErr
	}
	if err != nil {
		t.failure = unwritable(err)
		return t.failure
	}
	select {
	case t.dirty <- struct{}{}:
	default:
	}
	return nil
}

// mostKnown bounds the memory for texts that came before.
const mostKnown = 256

// text writes a text, if it has not come before, and tells where it is.
func (t *Table) text(s string) (at int64, length int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	s = strings.ToValidUTF8(s[:min(len(s), longestText)], "")
	if at, ok := t.known[s]; ok {
		return at, len(s), nil
	}
	if _, err := t.texts.WriteAt([]byte(s), t.end); err != nil {
		return 0, 0, err
	}
	at = t.end
	t.end += int64(len(s))
	if len(t.known) < mostKnown {
		t.known[s] = at
	}
	return at, len(s), nil
}

func encode(e Entry, at int64, length int) []byte {
	slot := make([]byte, slotSize)
	slot[0] = byte(e.State)
	if e.Again {
		slot[1] |= flagAgain
	}
	if e.Theirs {
		slot[1] |= flagTheirs
	}
	binary.LittleEndian.PutUint16(slot[2:], uint16(length)) //nolint:gosec // at most longestText
	binary.LittleEndian.PutUint64(slot[4:], uint64(at))     //nolint:gosec // never negative
	copy(slot[12:28], e.Token[:])
	binary.LittleEndian.PutUint32(slot[28:], crc32.Checksum(slot[:28], castagnoli))
	return slot
}

// decode reads a slot. One that was torn by a power cut was at least sent; whether its DeviceToken was the service's choice is taken from what
// is still there, and where that cannot be told from theirs.
func decode(slot []byte, theirs bool) (e Entry, at int64, length int) {
	untouched := true
	for _, b := range slot {
		untouched = untouched && b == 0
	}
	if untouched {
		return e, 0, 0
	}
	sum := binary.LittleEndian.Uint32(slot[28:])
	if sum != crc32.Checksum(slot[:28], castagnoli) || State(slot[0]) > Unknown {
		return Entry{State: Sent, Theirs: theirs}, 0, 0
	}
	e = Entry{State: State(slot[0]), Again: slot[1]&flagAgain != 0, Theirs: slot[1]&flagTheirs != 0}
	copy(e.Token[:], slot[12:28])
	return e, int64(binary.LittleEndian.Uint64(slot[4:])), int(binary.LittleEndian.Uint16(slot[2:])) //nolint:gosec // as it was written
}

// syncing makes what was written outlive a power cut, a group at a time.
func (t *Table) syncing() {
	defer close(t.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-t.dirty:
		}
		if t.Sync() != nil {
			return
		}
		pause.Reset(syncEvery)
		select {
		case <-t.stop:
			return
		case <-pause.C:
		}
	}
}

// Sync returns when all that was written outlives a power cut.
func (t *Table) Sync() error {
	err := errors.Join(t.texts.Sync(), t.slots.Sync())
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil {
		t.failure = unwritable(err)
	}
	return t.failure
}

// Close syncs and closes the files. A further call does nothing and returns the same.
func (t *Table) Close() error {
	t.closing.Do(func() {
		close(t.stop)
		<-t.done
		t.closed = errors.Join(t.Sync(), t.slots.Close(), t.texts.Close())
	})
	return t.closed
}

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
		text := make([]byte, length)
		n, _ := r.t.texts.ReadAt(text, at) // a text that a power cut took is not worth a failure
		e.Text = string(text[:n])
	}
	return e, nil
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
			return nil, failure.Because(failure.Failed, "the job's journal cannot be read", err)
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
