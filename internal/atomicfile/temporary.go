package atomicfile

import (
	"errors"
	"os"
)

// Temporary is a file of this process alone: only its owner may read it, and it loses its name at
// once where the system allows that, so that it goes with the process, however that ends.
type Temporary struct {
	*os.File
	named bool
}

// NewTemporary creates a file in a folder; "" is the system's own for such files.
func NewTemporary(dir string) (*Temporary, error) {
	file, err := os.CreateTemp(dir, "telematicsctl-*")
	if err != nil {
		return nil, err
	}
	return &Temporary{File: file, named: os.Remove(file.Name()) != nil}, nil
}

// Close closes the file, and removes it.
func (t *Temporary) Close() error {
	err := t.File.Close()
	if t.named {
		t.named = false
		err = errors.Join(err, os.Remove(t.Name()))
	}
	return err
}
