//go:build !windows

package tokenstore

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

func init() {
	children["reserve-limited"] = childReserve
	children["hold"] = childHold
}

// childReserve reserves in a process whose files may not become longer than a pair needs, and
// prints the reason and the message.
func childReserve(args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(childOptions(args[0], args[1]))
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}); err != nil {
		return err
	}
	_, err = s.Reserve(context.Background(), key(alice), 0)
	if err == nil {
		return errors.New("it was reserved")
	}
	_, err = os.Stdout.WriteString(string(failure.From(err).Reason) + ": " + err.Error())
	return err
}

// childHold holds the lock of a store until its standard input ends.
func childHold(args []string) error {
	release, err := filelock.Acquire(context.Background(), args[0], 0)
	if err != nil {
		return err
	}
	defer release()
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// leftovers are the files of a folder that neither a store nor a lock is.
func leftovers(t *testing.T, dir string) (left []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			left = append(left, e.Name())
		}
	}
	return left
}

// What was reserved is written in its room, and released without a trace, whichever comes first.
func TestReservations(t *testing.T) {
	eachStore(t, func(t *testing.T, open opener) {
		s := open()
		first, err := s.Reserve(t.Context(), key(alice), 0)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Reserve(t.Context(), key(bob), 100_000)
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, Item{key(alice), pair("x", long)})
		first()
		mustPut(t, s, Item{key(bob), pair("y", long)})
		second()
		second()
		for _, again := range []Store{s, open()} {
			wantRecord(t, again, key(alice), pair("x", long))
			wantRecord(t, again, key(bob), pair("y", long))
		}
		if f, isFile := s.(*fileStore); isFile {
			if left := leftovers(t, filepath.Dir(f.path)); len(left) != 0 || f.spare != nil {
				t.Errorf("left behind: %v", left)
			}
		}
		if k, isKeyring := s.(*keyringStore); isKeyring {
			for _, name := range names(t, k.backend) {
				if strings.HasPrefix(name, reserveUser) {
					t.Errorf("left behind: %s", name)
				}
			}
		}
	})
}

// The room for the whole file is on the disk as long as the reservation lasts.
func TestAReservationTakesRoom(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true})
	mustPut(t, s, users(100)...)
	whole := len(content(t, dir, plainName))
	release, err := s.Reserve(t.Context(), key(alice), 5000)
	if err != nil {
		t.Fatal(err)
	}
	left := leftovers(t, dir)
	if len(left) != 1 || len(content(t, dir, left[0])) < whole+5000 {
		t.Errorf("%v of %d bytes", left, whole)
	}
	release()
	if left := leftovers(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A disk without room is found out by the reservation, under the name of its cause.
func TestAReservationWithoutRoom(t *testing.T) {
	for _, kind := range []string{"plain", "sealed"} {
		dir := t.TempDir()
		out, err := runChild(t, nil, "reserve-limited", kind, dir)
		want := string(atomicfile.ReasonTooLarge) + ": "
		if err != nil || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "file size limit exceeded") {
			t.Errorf("%s: %q, %v", kind, out, err)
		}
		if left := leftovers(t, dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", kind, left)
		}
	}
}

// Another process that holds the lock is waited for, within bounds, and then named.
func TestAReservationNamesTheHolderOfTheLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, plainName+".lock")
	other := exec.CommandContext(t.Context(), os.Args[0], childWord, "hold", path)
	in, _ := other.StdinPipe()
	out, _ := other.StdoutPipe()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatal(line, err)
	}
	_, err := lock(t.Context(), dir, plainName+".lock", 0)
	var held *filelock.HeldError
	if !errors.As(err, &held) || held.PID != other.Process.Pid {
		t.Errorf("%v, want process %d", err, other.Process.Pid)
	}
	wantBroken(t, err, ErrUnavailable, "the token store cannot be locked in "+dir, atomicfile.ReasonLockHeld)
	_ = in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}

// Each cause keeps its name: what cannot be written is neither called damaged nor a full disk.
func TestWhatTheSystemRefusesKeepsItsName(t *testing.T) {
	for number, reason := range map[syscall.Errno]failure.Reason{
		syscall.ENOSPC: atomicfile.ReasonNoSpace, syscall.EDQUOT: atomicfile.ReasonNoSpace,
		syscall.EROFS:  atomicfile.ReasonReadOnly,
		syscall.EACCES: atomicfile.ReasonPermission, syscall.EMFILE: atomicfile.ReasonTooManyFiles,
		syscall.ENFILE: atomicfile.ReasonTooManyFiles,
		syscall.ENOLCK: atomicfile.ReasonNoLocks, syscall.EFBIG: atomicfile.ReasonTooLarge,
	} {
		err := notWritten("the token file cannot be written", "/state/tokens.age",
			&os.PathError{Op: "write", Path: "/state/.tokens.age.1", Err: number})
		wantBroken(t, err, ErrUnavailable, "the token file cannot be written: ", reason)
		if strings.Contains(err.Error(), "damaged") {
			t.Errorf("%v: %v", number, err)
		}
	}
}

// Reading has causes of its own too: who has too many files open has no rights to set.
func TestWhatCannotBeReadKeepsItsName(t *testing.T) {
	for number, reason := range map[syscall.Errno]failure.Reason{
		syscall.EMFILE: atomicfile.ReasonTooManyFiles, syscall.ENFILE: atomicfile.ReasonTooManyFiles,
		syscall.EIO: atomicfile.ReasonDevice, syscall.EACCES: ReasonUnreadable, syscall.EISDIR: ReasonUnreadable,
	} {
		err := unreadable("the token file cannot be read", "/state/tokens.age",
			&os.PathError{Op: "open", Path: "/state/tokens.age", Err: number})
		wantBroken(t, err, ErrUnavailable, "the token file cannot be read: ", reason)
	}
}
