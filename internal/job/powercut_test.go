package job_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// memory is a disk whose power can be cut: what was not synced then is there, is
// lost, or is there in part, each write for itself, whatever their order was. Its
// files begin as the real ones that a job was created with.
type memory struct {
	mu    sync.Mutex
	files map[string]*memoryFile
	boots int
	late  string // a file of this name is never synced in time
}

type memoryFile struct {
	name   string
	disk   *memory
	synced []byte
	now    []byte
	writes []memoryWrite // since the last sync
}

type memoryWrite struct {
	at   int64
	data []byte
}

func newMemory() *memory { return &memory{files: map[string]*memoryFile{}} }

// Boot implements journal.FS.
func (d *memory) Boot() string { return "boot " + strconv.Itoa(d.boots) }

// OpenFile implements journal.FS.
func (d *memory) OpenFile(path string, flag int) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[path]; f != nil {
		return f, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && flag&os.O_CREATE == 0 {
		return nil, err
	}
	d.files[path] = &memoryFile{name: filepath.Base(path), disk: d, now: data, synced: append([]byte{}, data...)}
	return d.files[path], nil
}

// image is what the next process finds: all that was written, or what a power cut has left of it.
func (d *memory) image(powerCut bool, dice *rand.Rand) map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	image := map[string][]byte{}
	for path, f := range d.files {
		if !powerCut {
			image[path] = append([]byte{}, f.now...)
			continue
		}
		left := append([]byte{}, f.synced...)
		for _, w := range f.writes {
			switch dice.IntN(4) {
			case 0, 1: // lost
			case 2:
				left = put(left, w.at, w.data[:dice.IntN(len(w.data)+1)])
			case 3:
				left = put(left, w.at, w.data)
			}
		}
		image[path] = left
	}
	return image
}

// restore makes an image the content of the disk, after a new start of the machine where
// its power was cut.
func (d *memory) restore(image map[string][]byte, powerCut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, data := range image {
		d.files[path] = &memoryFile{name: filepath.Base(path), disk: d, now: data, synced: append([]byte{}, data...)}
	}
	if powerCut {
		d.boots++
	}
}

func put(content []byte, at int64, data []byte) []byte {
	if missing := int(at) + len(data) - len(content); missing > 0 {
		content = append(content, make([]byte, missing)...)
	}
	copy(content[at:], data)
	return content
}

// WriteAt implements journal.File.
func (f *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.writes = append(f.writes, memoryWrite{at, append([]byte{}, p...)})
	f.now = put(f.now, at, p)
	return len(p), nil
}

// ReadAt implements journal.File.
func (f *memoryFile) ReadAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := 0
	if at < int64(len(f.now)) {
		n = copy(p, f.now[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Sync implements journal.File.
func (f *memoryFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.name == f.disk.late {
		return nil
	}
	f.synced, f.writes = append([]byte{}, f.now...), nil
	return nil
}

// Size implements journal.File.
func (f *memoryFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.now)), nil
}

// Close implements journal.File. What is written stays written, but is not synced.
func (f *memoryFile) Close() error { return nil }

// InPlace implements journal.File.
func (f *memoryFile) InPlace() bool { return true }
