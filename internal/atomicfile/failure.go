package atomicfile

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// The causes for which the system refuses to write a file, or to lock one. Each keeps its name all
// the way to the person: what helps against a full disk does not help against missing permissions.
const (
	ReasonNoSpace failure.Reason = "no-space" // the disk is full, or the quota is used up
	// more than the process or the file system allows for one file
	ReasonTooLarge     failure.Reason = "file-too-large"
	ReasonPermission   failure.Reason = "permission-denied"   // no rights on the file or its folder
	ReasonReadOnly     failure.Reason = "read-only"           // the file system is mounted read-only
	ReasonTooManyFiles failure.Reason = "too-many-open-files" // of the process or of the system
	// the file system has no locks (ENOLCK), as some network mounts
	ReasonNoLocks  failure.Reason = "locks-unavailable"
	ReasonLockHeld failure.Reason = "lock-held" // another process holds the lock
	// somebody else's symbolic link in a folder that many may write to
	ReasonForeignLink failure.Reason = "foreign-link"
	ReasonNotAFile    failure.Reason = "not-a-file"         // a folder stands there, or a file where a folder should
	ReasonMissing     failure.Reason = "no-such-folder"     // removed meanwhile, or never there
	ReasonDevice      failure.Reason = "input-output-error" // the device fails
	ReasonOther       failure.Reason = "cannot-write"       // none of these
)

// cause is what the system's errors mean, and what is said of it.
type cause struct {
	reason failure.Reason
	text   string
}

// Classify returns why the system refused: a reason and its words, without the name of a system
// call or a temporary file.
func Classify(err error) (reason failure.Reason, text string) {
	var held *filelock.HeldError
	var link *LinkError
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &held):
		return ReasonLockHeld, held.Error()
	case errors.As(err, &link):
		return ReasonForeignLink, link.Error()
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		if c, known := causes[number]; known {
			return c.reason, c.text
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return ReasonPermission, "permission denied"
	case errors.Is(err, fs.ErrNotExist):
		return ReasonMissing, "no such file or folder"
	}
	return ReasonOther, bare(err)
}

// bare is the innermost text of an error of package os: neither the call nor the path, which may be
// a temporary file's.
func bare(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}

// Failure makes the error for a file that could not be written, read or locked: "what: why", its
// reason the cause and its subject the path. An error that is a *failure.Error already, or the end
// of a context, is returned as that.
func Failure(code failure.Code, what, path string, err error) *failure.Error {
	var known *failure.Error
	if errors.As(err, &known) {
		return known
	}
	if f := failure.From(err); f.Code != failure.Failed {
		return f
	}
	reason, text := Classify(err)
	e := &failure.Error{Code: code, Message: what + ": " + text, Cause: err}
	return e.Because(reason, path)
}
