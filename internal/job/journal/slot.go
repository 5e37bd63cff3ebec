package journal

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
	"time"

	"github.com/google/uuid"
)

// State is how far a row has come.
type State uint8

// The states. Their numbers are on disk.
const (
	Untouched State = iota // never sent
	Sent                   // in flight, or its answer was lost with the process that sent it
	Created
	Updated
	Deleted
	Moved
	Existing
	Unchanged
	Confirmed
	Failed
	Unknown
	Stale
	lastState = Stale
)

// Entry is what the journal knows of one row. The zero value is a row that was
// never touched.
type Entry struct {
	State State
	// Retryable is set where another run sends the row again: it failed for a
	// reason that passes, or its answer was lost and it can be sent again.
	Retryable bool
	// Lost is set where a request whose answer was lost may have been carried out.
	Lost        bool
	DeviceToken uuid.UUID // zero while it is not known
	FirstSent   time.Time // when the first attempt began; zero where there was none

	ClientID string
	Action   string
	Code     string // failure.Code of Text
	Text     string // why it failed or is unknown
	Changes  []byte
	Detail   []byte
}

// Settled reports whether nothing is left to be done for the row, by this run or
// a later one.
func (e Entry) Settled() bool { return e.State > Sent && !e.Retryable }

// A slot holds a row in the file of slots. It lies in one sector of the disk and
// has its own checksum:
//
//	0      state
//	1      flags
//	2      length of a short ClientId; 0 where it is among the texts, or there is none
//	3      0
//	4–11   where the texts of the row begin in the file of texts
//	12–15  their length
//	16–19  their CRC-32C
//	20–27  when the first attempt began, in nanoseconds since 1970; 0 for none
//	28–43  DeviceToken
//	44–59  a short ClientId
//	60–63  CRC-32C of the above and of the row's number
//
// The first slot of the file is its header: see fileHeader.
const (
	slotSize      = 64
	flagRetryable = 1
	flagLost      = 2
	shortID       = 16
)

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// place is where the texts of a row are in the file of texts.
type place struct {
	at     int64
	length int
	sum    uint32
}

func slotSum(row int, slot []byte) uint32 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(row)) //nolint:gosec // never negative
	return crc32.Update(crc32.Checksum(slot[:60], castagnoli()), castagnoli(), number[:])
}

// hasShortID reports whether the ClientId of an entry is in its slot.
func hasShortID(e *Entry) bool { return len(e.ClientID) <= shortID }

// encodeSlot writes the slot of a row, which is zero so far.
func encodeSlot(slot *[slotSize]byte, row int, e *Entry, p place) {
	slot[0] = byte(e.State)
	if e.Retryable {
		slot[1] |= flagRetryable
	}
	if e.Lost {
		slot[1] |= flagLost
	}
	binary.LittleEndian.PutUint64(slot[4:], uint64(p.at))      //nolint:gosec // never negative
	binary.LittleEndian.PutUint32(slot[12:], uint32(p.length)) //nolint:gosec // far below
	binary.LittleEndian.PutUint32(slot[16:], p.sum)
	if !e.FirstSent.IsZero() {
		binary.LittleEndian.PutUint64(slot[20:], uint64(e.FirstSent.UnixNano()))
	}
	copy(slot[28:44], e.DeviceToken[:])
	if hasShortID(e) {
		slot[2] = byte(copy(slot[44:60], e.ClientID)) //nolint:gosec // at most 16
	}
	binary.LittleEndian.PutUint32(slot[60:], slotSum(row, slot[:]))
}

// decodeSlot reads a slot. One that was torn by a power cut, or damaged, was at
// least sent, for all that is known.
func decodeSlot(row int, slot []byte) (Entry, place) {
	if [slotSize]byte(slot) == [slotSize]byte{} {
		return Entry{}, place{}
	}
	if binary.LittleEndian.Uint32(slot[60:]) != slotSum(row, slot) || State(slot[0]) > lastState {
		return Entry{State: Sent, Lost: true}, place{}
	}
	e := Entry{State: State(slot[0]), Retryable: slot[1]&flagRetryable != 0, Lost: slot[1]&flagLost != 0}
	if nanos := binary.LittleEndian.Uint64(slot[20:]); nanos != 0 {
		e.FirstSent = time.Unix(0, int64(nanos)).UTC() //nolint:gosec // as it was written
	}
	copy(e.DeviceToken[:], slot[28:44])
	e.ClientID = string(slot[44 : 44+min(slot[2], shortID)])
	return e, place{
		at:     int64(binary.LittleEndian.Uint64(slot[4:])), //nolint:gosec // as it was written
		length: int(binary.LittleEndian.Uint32(slot[12:])),
		sum:    binary.LittleEndian.Uint32(slot[16:]),
	}
}

// headerSize is the size of the header of each binary file of a journal:
//
//	0–7    "tctl" and four letters that say which file it is
//	8–11   the version of the format
//	12–15  0
//	16–31  the ID of the job
//	32–39  rows of the job
//	60–63  CRC-32C of the above
const (
	headerSize    = slotSize
	formatVersion = 1
)

func fileHeader(which, job string, rows int) []byte {
	h := make([]byte, headerSize)
	copy(h, "tctl"+which)
	binary.LittleEndian.PutUint32(h[8:], formatVersion)
	copy(h[16:32], job)
	binary.LittleEndian.PutUint64(h[32:], uint64(rows)) //nolint:gosec // never negative
	binary.LittleEndian.PutUint32(h[60:], crc32.Checksum(h[:60], castagnoli()))
	return h
}

// checkHeader reports whether a file is the one that fileHeader describes.
func checkHeader(f File, which, job string, rows int) error {
	got, want := make([]byte, headerSize), fileHeader(which, job, rows)
	if n, _ := f.ReadAt(got, 0); n < headerSize {
		return ErrDamaged
	}
	switch {
	case string(got) == string(want):
		return nil
	case string(got[:8]) == string(want[:8]) && binary.LittleEndian.Uint32(got[8:]) > formatVersion:
		return ErrNewer
	default:
		return ErrDamaged
	}
}
