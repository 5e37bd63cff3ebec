package journal

import (
	"io"
	"os"
)

// Disk is where tables are kept. Tests put in one whose power can be cut.
type Disk interface {
	// OpenFile opens a file to read it and to write in it, as os.OpenFile does with these flags.
	OpenFile(path string, flag int) (DiskFile, error)
	// Boot tells this start of the machine from others: what was written since outlives processes, and what was written before may have been
	// lost unless it was synced. It is "" where that cannot be told.
	Boot() string
}

// DiskFile is a file of a table.
type DiskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Sync() error // what was written before outlives a power cut
}

// disk is the machine's own.
type disk struct{}

func (disk) OpenFile(path string, flag int) (DiskFile, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (disk) Boot() string { return boot() }

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
