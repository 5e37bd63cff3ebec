package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io"
	"time"
)

// A highWaterMark says up to which row a run may have sent rows, and outlives a
// power cut before any of them is sent. The slots themselves are synced in
// groups: without the mark, a row that was sent just before the power failed
// would be taken for one that was not. It is moved ahead in steps, as the cache
// of a sequence is, so that no row waits for the disk.
//
// Its file, after the header:
//
//	0–7    rows up to this one may have been sent by the run that wrote it; 0
//	       when that run has ended and all of its slots are synced
//	8–15   rows up to this one may have been sent by runs before it whose slots may be lost
//	16–23  the boot of the machine that the run belongs to; 0 where that is not known
//	24–27  CRC-32C of the above
type highWaterMark struct {
	file          File
	rows          int
	boot          uint64
	indeterminate int // rows up to this one may have been sent, whatever their slots say
	synced        int // rows up to this one may be sent
	step          int
	extended      time.Time  // when the last step was begun
	next          int        // what synced becomes once writing has returned nil
	writing       chan error // nil where no write is in flight
}

const markSize = 28

// The rows of a step: they grow until one lasts as long as a group of slots, and
// where the disk cannot follow otherwise.
const (
	firstStep   = 128
	longestStep = 8192
)

// openHighWaterMark reads the mark that the last run left. One that cannot be
// read leaves every row indeterminate.
func openHighWaterMark(f File, rows int, boot string) (*highWaterMark, error) {
	m := &highWaterMark{file: f, rows: rows, boot: bootNumber(boot), step: firstStep}
	b := make([]byte, markSize)
	n, err := f.ReadAt(b, headerSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < markSize || binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli()) {
		m.indeterminate = rows
		return m, nil
	}
	sent := int(binary.LittleEndian.Uint64(b))               //nolint:gosec // as it was written
	m.indeterminate = int(binary.LittleEndian.Uint64(b[8:])) //nolint:gosec // as it was written
	before := binary.LittleEndian.Uint64(b[16:])
	if before == 0 || before != m.boot {
		m.indeterminate = max(m.indeterminate, sent)
	}
	return m, nil
}

func bootNumber(boot string) uint64 {
	if boot == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(boot))
	return h.Sum64()
}

func encodeMark(sent, indeterminate int, boot uint64) []byte {
	b := make([]byte, markSize)
	binary.LittleEndian.PutUint64(b, uint64(sent))              //nolint:gosec // never negative
	binary.LittleEndian.PutUint64(b[8:], uint64(indeterminate)) //nolint:gosec // never negative
	binary.LittleEndian.PutUint64(b[16:], boot)
	binary.LittleEndian.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli()))
	return b
}

func (m *highWaterMark) write(sent, indeterminate int) error {
	if _, err := m.file.WriteAt(encodeMark(sent, indeterminate, m.boot), headerSize); err != nil {
		return err
	}
	return m.file.Sync()
}

// ensure returns when the mark stands at a row or behind it.
func (m *highWaterMark) ensure(row int) error {
	for row > m.synced {
		switch {
		case m.writing == nil:
			m.extend(row-1, row)
		case len(m.writing) == 0: // the disk is late: longer steps give it more time
			m.step = min(2*m.step, longestStep)
		}
		if err := m.wait(); err != nil {
			return err
		}
	}
	if m.writing == nil && m.synced < m.rows && row > m.synced-m.step/2 {
		m.extend(m.synced, row)
	}
	return nil
}

// extend begins to move the mark to a step behind from, for a row that is to be
// sent. It is never further ahead of that row than the longest step, as all rows
// between are indeterminate after a power cut.
func (m *highWaterMark) extend(from, row int) {
	now := time.Now()
	if now.Sub(m.extended) < syncEvery {
		m.step = min(2*m.step, longestStep)
	}
	m.extended = now
	m.next, m.writing = min(from+m.step, row+longestStep, m.rows), make(chan error, 1)
	go func(next, indeterminate int, done chan<- error) { done <- m.write(next, indeterminate) }(m.next,
		m.indeterminate, m.writing)
}

// wait returns when the write that is in flight is on disk.
func (m *highWaterMark) wait() error {
	err := <-m.writing
	m.writing = nil
	if err == nil {
		m.synced = m.next
	}
	return err
}

// close leaves the mark as a run does that has ended: no row of it is
// indeterminate if all of its slots are synced.
func (m *highWaterMark) close(allSynced bool) error {
	var err error
	if m.writing != nil {
		err = m.wait()
	}
	if m.synced > 0 {
		indeterminate := m.indeterminate
		if !allSynced {
			indeterminate = max(indeterminate, m.synced)
		}
		err = errors.Join(err, m.write(0, indeterminate))
	}
	return errors.Join(err, m.file.Close())
}
