//go:build !windows

package atomicfile_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// TestMain runs another process of a test when the environment asks for one.
func TestMain(m *testing.M) {
	switch path := os.Getenv("TEST_PATH"); os.Getenv("TEST_AS") {
	case "limited":
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}); err != nil {
			os.Exit(1)
		}
		out, err := atomicfile.Create(path, 0o600)
		if err != nil {
			os.Exit(1)
		}
		reason, _ := atomicfile.Classify(out.Reserve(10_000))
		out.Discard()
		_, _ = os.Stdout.WriteString(string(reason))
	default:
		os.Exit(m.Run())
	}
}

func process(t *testing.T, as, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), "TEST_AS="+as, "TEST_PATH="+path)
	return c
}

// What is reserved is on the disk before a byte of the content is known, and none of it is in the
// file.
func TestReserved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	out, err := atomicfile.Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Reserve(100_000); err != nil {
		t.Fatal(err)
	}
	temps, _ := os.ReadDir(dir)
	if info, err := temps[0].Info(); len(temps) != 1 || err != nil || info.Size() != 100_000 {
		t.Errorf("%v, %v", temps, err)
	}
	for _, part := range []string{"two ", "words"} {
		if _, err := out.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	out.Discard()
	if got, err := os.ReadFile(path); string(got) != "two words" {
		t.Errorf("%q, %v", got, err)
	}
}

// A disk that has no room for what will be written says so when it is reserved, and nothing stays
// behind.
func TestReservedMoreThanThereIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := process(t, "limited", filepath.Join(dir, "file")).Output()
	if string(got) != string(atomicfile.ReasonTooLarge) {
		t.Errorf("%q, %v", got, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A link in a shared folder is followed only where it is ours.
func TestAnotherUsersLink(t *testing.T) {
	t.Parallel()
	shared, private := t.TempDir(), t.TempDir()
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(private, "target")
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"to-file": target, "to-folder": private,
		"dangling": filepath.Join(private, "none")} {
		if err := os.Symlink(to, filepath.Join(shared, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := atomicfile.WriteFile(filepath.Join(shared, "to-file"), []byte("ours"), 0o644); err != nil {
		t.Errorf("our own link: %v", err)
	}
	if os.Geteuid() != 0 {
		return // only root can give links away
	}
	for _, name := range []string{"to-file", "to-folder", "dangling"} {
		if err := os.Lchown(filepath.Join(shared, name), 4242, 4242); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"to-file", "to-folder/new", "dangling"} {
		err := atomicfile.WriteFile(filepath.Join(shared, path), []byte("theirs"), 0o600)
		var link *atomicfile.LinkError
		if !errors.As(err, &link) {
			t.Errorf("%s: %v", path, err)
		}
	}
	info, err := os.Stat(target)
	if got, _ := os.ReadFile(target); err != nil || string(got) != "ours" || info.Mode().Perm() != 0o644 {
		t.Errorf("%q, %v, %v", got, info.Mode(), err)
	}
	if left, _ := os.ReadDir(private); len(left) != 1 {
		t.Errorf("%v", left)
	}
}
