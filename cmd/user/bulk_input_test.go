package user

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A run that is killed before it is a job leaves its standard input behind: a later one takes it away, and leaves alone what may be in use.
func TestOldCopiesOfStandardInputAreSwept(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{".input-old": 25 * time.Hour, ".input-new": time.Hour, "other": 25 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir, now)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != ".input-new" || left[1].Name() != "other" {
		t.Errorf("left: %v, %v", left, err)
	}
}
