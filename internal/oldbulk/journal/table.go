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

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
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
//	4–8    where the text begins in the texts file
//	9–11   the low bytes of the text's own CRC-32C
//	12–27  DeviceToken
//	28–31  CRC-32C of the above
const (
	slotSize   = 32
	flagAgain  = 1
	flagTheirs = 2
)

// longestText is how many bytes of a reason are kept.
const longestText = 2000

// syncEvery bounds what a power cut can take: the slots of so much time, whose rows are sent again and found to exist. That they were sent
// before is known by the mark.
const syncEvery = 100 * time.Millisecond

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Table holds the entries of all rows. Its methods may be called by many goroutines.
type Table struct {
	rows  int
	slots DiskFile
	texts DiskFile
	mark  *mark

	deafFile DiskFile
	deaf     bool

	mu      sync.Mutex
	end     int64            // where the next text goes
	known   map[string]int64 // the texts that came before: a service that fails says the same thing many times
	failure error            // the first write that failed; nothing is written after it
	lossy   bool             // a sync has failed: what it was to keep may be lost

	dirty   chan struct{}
	stop    chan struct{}
	done    chan struct{}
	closing sync.Once
	closed  error
}

// tablePaths are the files of a table.
type tablePaths struct{ slots, texts, mark, deaf string }

// createTable makes the files of a table and takes all of their room. The error for a disk that is full is failure.Failed.
func createTable(at tablePaths, rows int) error {
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
	if err := atomicfile.WriteFile(at.texts, nil, 0o600); err != nil {
		return unwritable(err)
	}
	if err := atomicfile.WriteFile(at.mark, encodeMark(0, 0, 0), 0o600); err != nil {
		return unwritable(err)
	}
	if err := atomicfile.WriteFile(at.deaf, []byte{0}, 0o600); err != nil {
		return unwritable(err)
	}
	if err := atomicfile.Write(at.slots, 0o600, fill); err != nil {
		return unwritable(err)
	}
	return nil
}

func unwritable(err error) error {
	return failure.Wrap(failure.Failed, "the job's journal cannot be written", err).
		WithHint("make room on the disk of the state folder")
}

func openTable(d Disk, at tablePaths, rows int) (*Table, error) {
	if d == nil {
		d = disk{}
	}
	t := &Table{rows: rows, known: map[string]int64{}}
	if err := t.open(d, at); err != nil {
		for _, f := range []DiskFile{t.slots, t.texts, t.deafFile} {
			if f != nil {
				err = errors.Join(err, f.Close())
			}
		}
		return nil, err
	}
	t.dirty, t.stop, t.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go t.syncing()
	return t, nil
}

func (t *Table) open(d Disk, at tablePaths) (err error) {
	if t.slots, err = d.OpenFile(at.slots, os.O_RDWR); err != nil {
		return err
	}
	switch size, err := t.slots.Size(); {
	case err != nil:
		return err
	case size != int64(t.rows)*slotSize:
		return fmt.Errorf("it has %d bytes instead of %d", size, int64(t.rows)*slotSize)
	}
	if t.texts, err = d.OpenFile(at.texts, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if t.end, err = t.texts.Size(); err != nil {
		return err
	}
	if err := t.openDeaf(d, at.deaf); err != nil {
		return err
	}
	f, err := d.OpenFile(at.mark, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	if t.mark, err = openMark(f, t.rows, d.Boot()); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// Reserve returns when rows up to this one may be sent: that they may have been is known after a power cut too, which takes the slots of
// the last tenth of a second. It is for one goroutine, and for rows in their order.
func (t *Table) Reserve(row int) error {
	if err := t.mark.reach(row); err != nil {
		return t.fail(err)
	}
	return nil
}

// InDoubt tells of a row whether an earlier run may have sent it although its slot does not say so.
func (t *Table) InDoubt(row int) bool { return row <= t.mark.doubt }

// fail keeps the first error, which ends all writing.
func (t *Table) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil {
		t.failure = unwritable(err)
	}
	return t.failure
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

// text writes a text, if it has not come before, and tells where it is: its place, and above that its checksum.
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
	at = t.end | textSum(s)
	t.end += int64(len(s))
	if len(t.known) < mostKnown {
		t.known[s] = at
	}
	return at, len(s), nil
}

// placeBits is how many bits the place of a text has.
const placeBits = 40

// textSum is the checksum of a text in the bits above its place.
func textSum(s string) int64 {
	return int64(crc32.Checksum([]byte(s), castagnoli)) << placeBits // the high byte is lost, which is as well
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
	binary.LittleEndian.PutUint64(slot[4:], uint64(at))     //nolint:gosec // the bits as they are
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
	t.lossy = true
	t.mu.Unlock()
	return t.fail(err)
}

// Close syncs and closes the files. A further call does nothing and returns the same.
func (t *Table) Close() error {
	t.closing.Do(func() {
		close(t.stop)
		<-t.done
		t.closed = t.Sync()
		t.closed = errors.Join(t.closed, t.mark.close(!t.lossy), t.slots.Close(), t.texts.Close(), t.deafFile.Close())
	})
	return t.closed
}
