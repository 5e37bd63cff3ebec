//go:build !windows

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file system that cannot sync a folder answers EINVAL: the file is there anyway. Any other
// answer counts.
func TestAFolderThatCannotBeSynced(t *testing.T) {
	defer func(f func(*os.File) error) { syncFolder = f }(syncFolder)
	for answer, fails := range map[error]bool{syscall.EINVAL: false, syscall.ENOTSUP: false, syscall.EIO: true} {
		syncFolder = func(f *os.File) error { return &os.PathError{Op: "sync", Path: f.Name(), Err: answer} }
		path := filepath.Join(t.TempDir(), "file")
		err := WriteFile(path, []byte("x"), 0o600)
		if got, _ := os.ReadFile(path); string(got) != "x" || (err != nil) != fails {
			t.Errorf("%v: %q, %v", answer, got, err)
		}
	}
}

// A changed, lost or added byte of a framed file is always noticed; a newer version is not taken
// for damage.
func TestFrames(t *testing.T) {
	t.Parallel()
	whole := Frame("index", 2, []byte("some\ncontent"))
	if got, err := Unframe("index", 2, whole); err != nil || string(got) != "some\ncontent" {
		t.Fatal(string(got), err)
	}
	for i := range whole {
		for bit := range 8 {
			flipped := append([]byte{}, whole...)
			flipped[i] ^= 1 << bit
			if got, err := Unframe("index", 2, flipped); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of byte %d: %q, %v", bit, i, got, err)
			}
		}
		if _, err := Unframe("index", 2, whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for what, c := range map[string]struct {
		data []byte
		want error
	}{
		"a newer version": {Frame("index", 3, []byte("x")), ErrNewer},
		"an older one":    {Frame("index", 1, []byte("x")), ErrDamaged},
		"another kind":    {Frame("usage", 2, []byte("x")), ErrDamaged},
		"something added": {append(whole, '\n'), ErrDamaged},
		"nothing":         {nil, ErrDamaged},
	} {
		if _, err := Unframe("index", 2, c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
