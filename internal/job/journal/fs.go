package journal

import (
	"io"
	"os"
)

// FS is the file system that holds journals. Tests use one whose power can be cut.
type FS interface {
	// OpenFile opens a file to read and write, as os.OpenFile does with these
	// flags.
	OpenFile(path string, flag int) (File, error)
	// Boot identifies this boot of the machine: what was written since then
	// outlives processes; what was written before may be lost unless it was
	// synced. It is "" where that is not known.
	Boot() string
}

// File is a file of a journal.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Sync() error // what was written before outlives a power cut
	// InPlace reports whether the path by which the file was opened still names it.
	InPlace() bool
}

// OS is the machine's own file system.
type OS struct{}

// OpenFile implements FS.
func (OS) OpenFile(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &file{f, info}, nil
}

// Boot implements FS.
func (OS) Boot() string { return boot() }

type file struct {
	*os.File
	opened os.FileInfo
}

func (f *file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *file) InPlace() bool {
	info, err := os.Stat(f.Name())
	return err == nil && os.SameFile(info, f.opened)
}
