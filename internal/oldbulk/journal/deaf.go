package journal

import (
	"errors"
	"io"
	"os"
)

// openDeaf reads whether the service was found not to heed CustomToken. A job of a version that did not keep that has no such file.
func (t *Table) openDeaf(d Disk, path string) (err error) {
	if t.deafFile, err = d.OpenFile(path, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	var b [1]byte
	if _, err := t.deafFile.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	t.deaf = b[0] != 0
	return nil
}

// Deaf tells whether the service was found not to heed CustomToken when the table was opened: what may have been sent then is not sent again.
func (t *Table) Deaf() bool { return t.deaf }

// SetDeaf writes down for the runs to come that the service does not heed CustomToken. When it returns, that outlives a power cut.
func (t *Table) SetDeaf() error {
	_, err := t.deafFile.WriteAt([]byte{1}, 0)
	if err == nil {
		err = t.deafFile.Sync()
	}
	if err != nil {
		return t.fail(err)
	}
	return nil
}
