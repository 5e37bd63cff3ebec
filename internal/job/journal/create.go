package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Create makes the files of a journal in dir and takes the room of all slots, so
// that a disk that fills up later loses no outcome. The folder is the caller's to
// sync.
func Create(dir, job string, rows int) error {
	for _, f := range []struct {
		name, magic string
		content     []byte
	}{
		{textsFile, textsMagic, nil},
		{highWaterFile, highWaterMagic, encodeMark(0, 0, 0)},
		{customTokenFile, customMagic, []byte{0}},
	} {
		err := create(filepath.Join(dir, f.name), func(w io.Writer) error {
			_, err := w.Write(append(fileHeader(f.magic, job, rows), f.content...))
			return err
		})
		if err != nil {
			return err
		}
	}
	return create(filepath.Join(dir, slotsFile), func(w io.Writer) error {
		if _, err := w.Write(fileHeader(slotsMagic, job, rows)); err != nil {
			return err
		}
		zeros := make([]byte, 1<<16)
		for left := int64(rows) * slotSize; left > 0; {
			n, err := w.Write(zeros[:min(left, int64(len(zeros)))])
			if err != nil {
				return err
			}
			left -= int64(n)
		}
		return nil
	})
}

// create writes and syncs a new file. The folder is the caller's to sync.
func create(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
