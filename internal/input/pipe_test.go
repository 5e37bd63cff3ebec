//go:build unix

package input_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/input"
)

// A pipe with a name, as the shell makes for <(command), can be read once, and is kept as
// standard input is.
func TestAPipeWithAName(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "users.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte("City\nBonn\n"), 0o600) }()
	spool := t.TempDir()
	f := open(t, input.Options{Name: pipe, SpoolDir: spool})
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, want := told(t, f), `1@2 {"City":"Bonn"}`+"\n"; got != want {
			t.Errorf("got %swant %s", got, want)
		}
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) != 0 {
		t.Errorf("left while it is open: %v, %v", left, err)
	}
}
