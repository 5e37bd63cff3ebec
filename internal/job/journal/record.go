package journal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// What the error for a file that cannot be used is, for errors.Is.
var (
	ErrDamaged = atomicfile.ErrDamaged
	ErrNewer   = atomicfile.ErrNewer
)

// recordVersion is the version of the format of records.
const recordVersion = 1

// CreateRecord writes a record that does not exist yet, into a folder that the
// caller syncs.
func CreateRecord(path, kind string, v any) error {
	data, err := encodeRecord(kind, v)
	if err != nil {
		return err
	}
	return create(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func encodeRecord(kind string, v any) ([]byte, error) {
	content, err := json.MarshalIndent(v, "", "  ")
	return atomicfile.Frame(kind, recordVersion, append(content, '\n')), err
}

// WriteRecord replaces the record at path, mode 0600: JSON behind a line with its
// kind, version and checksum. After a crash the old one or the new one is there.
func WriteRecord(path, kind string, v any) error {
	data, err := encodeRecord(kind, v)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, 0o600)
}

// ReadRecord reads a record into v. A file that differs from what was written in
// a single byte is ErrDamaged; one of a later format is ErrNewer.
func ReadRecord(path, kind string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content, err := atomicfile.Unframe(kind, recordVersion, data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("%s: %w", path, ErrDamaged)
	}
	return nil
}
