package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io"
	"time"
)

// A mark says up to which row a run may have sent rows, and outlives a power cut before any of them is sent. The slots themselves are synced in
// groups: without the mark, a row that was sent just before the power failed would be taken for one that was not. It is moved ahead in steps, as the
// cache of a sequence is, so that no row waits for the disk.
//
//	0–7    rows up to this one may have been sent by the run that wrote it; 0 when that run has ended and all of its slots are synced
//	8–15   rows up to this one may have been sent by runs before it whose slots may be lost
//	16–23  the start of the machine that the run belongs to; 0 where that cannot be told
//	24–27  CRC-32C of the above
const markSize = 28

// The rows of a step: they grow until one lasts as long as a group of slots, and where the disk cannot follow otherwise.
const (
	firstStep   = 128
	longestStep = 8192
)

type mark struct {
	file   DiskFile
	rows   int
	boot   uint64
	doubt  int // rows up to this one may have been sent, whatever their slots say
	synced int // rows up to this one may be sent
	step   int
	begun  time.Time  // when the last step was
	next   int        // what synced becomes once coming has given nil
	coming chan error // nil where nothing is under way
}

// openMark reads the mark that the last run left. One that cannot be read leaves every row in doubt.
func openMark(f DiskFile, rows int, boot string) (*mark, error) {
	m := &mark{file: f, rows: rows, boot: bootNumber(boot), step: firstStep}
	record := make([]byte, markSize)
	n, err := f.ReadAt(record, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < markSize || binary.LittleEndian.Uint32(record[24:]) != crc32.Checksum(record[:24], castagnoli) {
		m.doubt = rows
		return m, nil
	}
	sent := int(binary.LittleEndian.Uint64(record))       //nolint:gosec // as it was written
	m.doubt = int(binary.LittleEndian.Uint64(record[8:])) //nolint:gosec // as it was written
	if before := binary.LittleEndian.Uint64(record[16:]); before == 0 || before != m.boot {
		m.doubt = max(m.doubt, sent)
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

func encodeMark(sent, doubt int, boot uint64) []byte {
	record := make([]byte, markSize)
	binary.LittleEndian.PutUint64(record, uint64(sent))      //nolint:gosec // never negative
	binary.LittleEndian.PutUint64(record[8:], uint64(doubt)) //nolint:gosec // never negative
	binary.LittleEndian.PutUint64(record[16:], boot)
	binary.LittleEndian.PutUint32(record[24:], crc32.Checksum(record[:24], castagnoli))
	return record
}

func (m *mark) write(sent, doubt int) error {
	if _, err := m.file.WriteAt(encodeMark(sent, doubt, m.boot), 0); err != nil {
		return err
	}
	return m.file.Sync()
}

// reach returns when the mark stands at a row or behind it.
func (m *mark) reach(row int) error {
	for row > m.synced {
		switch {
		case m.coming == nil:
			m.advance(row-1, row)
		case len(m.coming) == 0: // the disk is late: longer steps give it more time
			m.step = min(2*m.step, longestStep)
		}
		if err := m.arrive(); err != nil {
			return err
		}
	}
	if m.coming == nil && m.synced < m.rows && row > m.synced-m.step/2 {
		m.advance(m.synced, row)
	}
	return nil
}

// advance begins to move the mark to a step behind from, for a row that is to be sent; it is never further ahead of that than the longest step, as
// all rows between are in doubt after a power cut.
func (m *mark) advance(from, row int) {
	now := time.Now()
	if now.Sub(m.begun) < syncEvery {
		m.step = min(2*m.step, longestStep)
	}
	m.begun = now
	m.next, m.coming = min(from+m.step, row+longestStep, m.rows), make(chan error, 1)
	go func(next, doubt int, coming chan<- error) { coming <- m.write(next, doubt) }(m.next, m.doubt, m.coming)
}

// arrive waits for the mark to be where it was sent to.
func (m *mark) arrive() error {
	err := <-m.coming
	m.coming = nil
	if err == nil {
		m.synced = m.next
	}
	return err
}

// close leaves the mark as a run does that has ended: nothing of it is in doubt if all of its slots are synced.
func (m *mark) close(allSynced bool) error {
	var err error
	if m.coming != nil {
		err = m.arrive()
	}
	if m.synced > 0 {
		doubt := m.doubt
		if !allSynced {
			doubt = max(doubt, m.synced)
		}
		err = errors.Join(err, m.write(0, doubt))
	}
	return errors.Join(err, m.file.Close())
}
