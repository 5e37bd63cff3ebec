package filelock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

func TestALockIsHeldUntilItIsReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "new", "a.lock")
		release, err := filelock.Acquire(t.Context(), path, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = filelock.Acquire(t.Context(), path, 5*time.Second)
		var held *filelock.HeldError
		if !errors.As(err, &held) || held.PID != os.Getpid() || held.Path != path || time.Since(began) != 5*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		release()
		if release, err = filelock.Acquire(t.Context(), path, 0); err != nil {
			t.Fatal(err)
		}
		release()
	})
}

func TestWhatAcquireFailsWith(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.lock")
	release, err := filelock.Acquire(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := filelock.Acquire(ended, path, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	var held *filelock.HeldError
	if _, err := filelock.Acquire(t.Context(), path, 0); !errors.As(err, &held) || held.PID != 0 {
		t.Errorf("an unknown holder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Acquire(t.Context(), filepath.Join(dir, "folder.lock"), 0); err == nil ||
		errors.As(err, new(*filelock.HeldError)) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := filelock.Acquire(t.Context(), filepath.Join(path, "a.lock"), 0); err == nil {
		t.Error("a lock below a file")
	}
}
