package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// ErrDamaged is in the error for a file whose content is not what was written.
var ErrDamaged = errors.New("the file is damaged")

// ErrNewer is in the error for a file of a later format than this program reads.
var ErrNewer = errors.New("the file was written by a newer version of this program")

// recordVersion is the version of the format of records.
const recordVersion = 1

// record is the form of the small JSON files of a job: what they say, with a
// version and a checksum.
type record struct {
	Version  int
	Kind     string
	Checksum string // SHA-256 of the kind and of Content without white space
	Content  json.RawMessage
}

func (r record) sum() (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, r.Content); err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "telematicsctl record %d %s\n", r.Version, r.Kind)
	_, _ = h.Write(compact.Bytes())
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (r record) text() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// WriteRecord replaces the record at path, mode 0600, so that after a crash the
// old one or the new one is there. kind says what it is, and is part of the
// checksum.
func WriteRecord(path, kind string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r := record{Version: recordVersion, Kind: kind, Content: content}
	if r.Checksum, err = r.sum(); err != nil {
		return err
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, text, 0o600)
}

// ReadRecord reads a record into v. A file that differs from what was written in
// a single byte is ErrDamaged; one of a later format is ErrNewer.
func ReadRecord(path, kind string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := decodeRecord(text, kind, v); err != nil {
		return &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return nil
}

func decodeRecord(text []byte, kind string, v any) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return ErrDamaged
	}
	if r.Version > recordVersion {
		return ErrNewer
	}
	sum, err := r.sum()
	if err != nil || sum != r.Checksum || r.Kind != kind || r.Version != recordVersion {
		return ErrDamaged
	}
	if again, err := r.text(); err != nil || !bytes.Equal(again, text) {
		return ErrDamaged
	}
	if err := json.Unmarshal(r.Content, v); err != nil {
		return ErrDamaged
	}
	return nil
}
