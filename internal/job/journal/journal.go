// Package journal keeps the outcome of every row of a job, so that a run can be
// resumed however the last one ended. A journal is these files in the folder of
// its job, each with a version and checksums:
//
//	rows         a slot of fixed size for each row (see slotSize)
//	texts        ClientIds, reasons, changes and details of rows
//	highwater    up to which row rows may have been sent, synced before they are
//	customtoken  whether the service ignores CustomToken
//
// No secret is in them.
package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	slotsFile       = "rows"
	textsFile       = "texts"
	highWaterFile   = "highwater"
	customTokenFile = "customtoken"
)

// The letters that say in its header which file it is.
const (
	slotsMagic     = "rows"
	textsMagic     = "text"
	highWaterMagic = "high"
	customMagic    = "cust"
)

// syncEvery bounds what a power cut can take: the slots of so much time. That
// their rows may have been sent is known by the high-water mark.
const syncEvery = 100 * time.Millisecond

// ErrMoved says that the folder of the journal was removed or replaced.
var ErrMoved = errors.New("the folder of the job was removed or replaced")

// Journal holds the entries of all rows. Its methods may be called by many
// goroutines.
type Journal struct {
	rows   int
	slots  File
	text   File
	mark   *highWaterMark // nil for a journal that is only read
	custom File

	ignoresCustomToken bool

	mu       sync.Mutex
	idle     *sync.Cond // a write has ended
	texts    texts
	pending  []slot // gathered for the next write
	spare    []slot
	run      []byte // slots that follow one another, for a write
	group    int    // number of the group that is gathered
	written  int    // groups below this one are written
	writing  bool   // a goroutine writes a group
	sends    bool   // the group that is gathered has rows that are about to be sent
	failure  error  // of the first write that failed; nothing is written after it
	unsynced bool   // a sync has failed: what it was to keep may be lost

	dirty   chan struct{}
	stop    chan struct{}
	done    chan struct{}
	closing sync.Once
	closed  error
}

// Open opens a journal to write in it. The caller holds the job.
func Open(fs FS, dir, job string, rows int) (*Journal, error) {
	j, err := open(fs, dir, job, rows, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	f, err := fs.OpenFile(filepath.Join(dir, highWaterFile), os.O_RDWR)
	if err == nil {
		if err = checkHeader(f, highWaterMagic, job, rows); err == nil {
			j.mark, err = openHighWaterMark(f, rows, fs.Boot())
		}
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if err == nil {
		j.texts.end, err = j.text.Size()
	}
	if err != nil {
		return nil, errors.Join(err, j.closeFiles())
	}
	j.dirty, j.stop, j.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go j.syncing()
	return j, nil
}

// OpenToRead opens a journal to read it, which a process may be writing.
func OpenToRead(fs FS, dir, job string, rows int) (*Journal, error) {
	return open(fs, dir, job, rows, os.O_RDONLY)
}

func open(fs FS, dir, job string, rows, flag int) (*Journal, error) {
	j := &Journal{rows: rows, texts: texts{known: map[string]place{}}}
	j.idle = sync.NewCond(&j.mu)
	for _, f := range []struct {
		name, magic string
		to          *File
	}{{slotsFile, slotsMagic, &j.slots}, {textsFile, textsMagic, &j.text}, {customTokenFile, customMagic, &j.custom}} {
		file, err := fs.OpenFile(filepath.Join(dir, f.name), flag)
		if err == nil {
			*f.to = file
			if err = checkHeader(file, f.magic, job, rows); err != nil {
				err = fmt.Errorf("%s: %w", f.name, err)
			}
		}
		if err != nil {
			return nil, errors.Join(err, j.closeFiles())
		}
	}
	if size, err := j.slots.Size(); err != nil || size != int64(rows+1)*slotSize {
		return nil, errors.Join(err, fmt.Errorf("%s: %w", slotsFile, ErrDamaged), j.closeFiles())
	}
	var b [1]byte
	if n, _ := j.custom.ReadAt(b[:], headerSize); n < 1 || b[0] != 0 {
		j.ignoresCustomToken = true
	}
	return j, nil
}

func (j *Journal) closeFiles() error {
	var err error
	for _, f := range []File{j.slots, j.text, j.custom} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if j.mark != nil {
		err = errors.Join(err, j.mark.file.Close())
	}
	return err
}

// Rows is how many rows the journal has.
func (j *Journal) Rows() int { return j.rows }

// IgnoresCustomToken reports whether the service was found to ignore CustomToken:
// what may have been sent then is not sent again.
func (j *Journal) IgnoresCustomToken() bool { return j.ignoresCustomToken }

// SetIgnoresCustomToken records for later runs that the service ignores
// CustomToken. When it returns, that outlives a power cut.
func (j *Journal) SetIgnoresCustomToken() error {
	_, err := j.custom.WriteAt([]byte{1}, headerSize)
	if err == nil {
		err = j.custom.Sync()
	}
	if err != nil {
		return j.fail(err)
	}
	return nil
}

// Reserve returns when rows up to this one may be sent: that they may have been
// is known after a power cut too, which takes the slots of the last tenth of a
// second. It is for one goroutine.
func (j *Journal) Reserve(row int) error {
	if err := j.mark.ensure(row); err != nil {
		return j.fail(err)
	}
	return nil
}

// Indeterminate reports whether an earlier run may have sent a row although its
// slot does not say so.
func (j *Journal) Indeterminate(row int) bool { return j.mark != nil && row <= j.mark.indeterminate }

// fail keeps the first error, which ends all writing.
func (j *Journal) fail(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = err
	}
	return j.failure
}

// syncing makes what was written outlive a power cut, a group at a time.
func (j *Journal) syncing() {
	defer close(j.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-j.dirty:
		}
		if j.Sync() != nil {
			return
		}
		pause.Reset(syncEvery)
		select {
		case <-j.stop:
			return
		case <-pause.C:
		}
	}
}

// Sync returns when all that was written outlives a power cut.
func (j *Journal) Sync() error {
	err := errors.Join(j.text.Sync(), j.slots.Sync())
	if err == nil {
		return nil
	}
	j.mu.Lock()
	j.unsynced = true
	j.mu.Unlock()
	return j.fail(err)
}

// Close syncs and closes the files. A further call does nothing and returns the
// same.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		if j.stop == nil {
			j.closed = j.closeFiles()
			return
		}
		close(j.stop)
		<-j.done
		err := j.Sync()
		mark := j.mark
		j.mark = nil
		j.closed = errors.Join(err, mark.close(!j.unsynced), j.closeFiles())
	})
	return j.closed
}
