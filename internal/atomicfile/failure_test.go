//go:build !windows

package atomicfile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// Each cause keeps its name, however deep it lies, and is never called damage or a lack of room
// when it is not.
func TestCausesKeepTheirNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		happened string
		err      error
		reason   failure.Reason
		text     string
	}{
		{"the disk is full", syscall.ENOSPC, atomicfile.ReasonNoSpace, "no space left on the device"},
		{"the quota is used up", syscall.EDQUOT, atomicfile.ReasonNoSpace, "disk quota exceeded"},
		{"the file grew past the limit", syscall.EFBIG, atomicfile.ReasonTooLarge, "file size limit exceeded"},
		{"no rights on the folder", syscall.EACCES, atomicfile.ReasonPermission, "permission denied"},
		{"somebody else's file", syscall.EPERM, atomicfile.ReasonPermission, "operation not permitted"},
		{"mounted read-only", syscall.EROFS, atomicfile.ReasonReadOnly, "read-only file system"},
		{"the process has too many files open", syscall.EMFILE, atomicfile.ReasonTooManyFiles, "too many open files"},
		{"the system has too many files open", syscall.ENFILE, atomicfile.ReasonTooManyFiles,
			"too many open files in the system"},
		{"a mount without locks", syscall.ENOLCK, atomicfile.ReasonNoLocks, "no locks available"},
		{"the path is a folder", syscall.EISDIR, atomicfile.ReasonNotAFile, "is a folder"},
		{"a file where a folder should be", syscall.ENOTDIR, atomicfile.ReasonNotAFile, "a part of the path is not a folder"},
		{"the folder was removed", syscall.ENOENT, atomicfile.ReasonMissing, "no such file or folder"},
		{"the disk fails", syscall.EIO, atomicfile.ReasonDevice, "input/output error"},
		{"another process holds the lock", &filelock.HeldError{Path: "/x", PID: 42}, atomicfile.ReasonLockHeld, "process 42"},
		{"another user's link", &atomicfile.LinkError{Path: "/tmp/x"}, atomicfile.ReasonForeignLink,
			"/tmp/x is a symbolic link"},
		{"something nobody has met", errors.New("boom"), atomicfile.ReasonOther, "boom"},
	} {
		wrapped := fmt.Errorf("row 3: %w", &fs.PathError{Op: "write", Path: "/state/.tokens.age.123", Err: c.err})
		e := atomicfile.Failure(failure.Unauthorized, "the token file cannot be written", "/state", wrapped)
		if e.Reason != c.reason || !strings.Contains(e.Message, c.text) || e.Subject != "/state" ||
			e.Code != failure.Unauthorized {
			t.Errorf("%s: reason %s, %s", c.happened, e.Reason, e.Message)
		}
		if strings.Contains(e.Message, "damaged") || strings.Contains(e.Message, ".123") || !errors.Is(e, c.err) {
			t.Errorf("%s: %s", c.happened, e.Message)
		}
	}
	if e := atomicfile.Failure(failure.Failed, "x", "", context.Canceled); e.Code != failure.Interrupted {
		t.Errorf("an interrupt became %s", e.Code)
	}
}

// The system's own errors, as they come, not made by hand.
func TestCausesAsTheSystemGivesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]failure.Reason{
		dir:                 atomicfile.ReasonNotAFile,
		dir + "/file/below": atomicfile.ReasonNotAFile,
		"/dev/full":         atomicfile.ReasonNoSpace,
		"/proc/nothing":     atomicfile.ReasonMissing,
	} {
		if reason, text := atomicfile.Classify(atomicfile.WriteFile(path, []byte("x"), 0o600)); reason != want {
			t.Errorf("%s: %s, %s", path, reason, text)
		}
	}
}
