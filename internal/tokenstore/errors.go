package tokenstore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The ways in which a store fails, for errors.Is.
var (
	ErrNotFound    = errors.New("not stored")                     // the store was read, and nothing is there
	ErrUnavailable = errors.New("the token store is unavailable") // it cannot be reached, read or written
	ErrLocked      = errors.New("the token store is locked")      // it waits for a person to unlock it
	ErrDamaged     = errors.New("the token store is damaged")     // what is there is not what was written
	ErrPassphrase  = errors.New("the passphrase is wrong")        // the encrypted file's passphrase is wrong or missing
)

// Why a store cannot be used. For a state folder that cannot be written the reasons are those of
// atomicfile, with a path in it as the subject.
const (
	ReasonNoKeyring     failure.Reason = "keyring-unavailable" // no keyring, or none that answers
	ReasonKeyringLocked failure.Reason = "keyring-locked"      // a person must unlock it
	// subject: the Key's subject; it can be written again
	ReasonRecordDamaged failure.Reason = "stored-record-damaged"
	ReasonFileDamaged   failure.Reason = "token-file-damaged"          // subject: the file
	ReasonNewer         failure.Reason = "token-store-newer"           // subject: the file, or the Key's subject
	ReasonPassphrase    failure.Reason = "store-passphrase-wrong"      // subject: the file
	ReasonNoPassphrase  failure.Reason = "store-passphrase-missing"    // subject: the file
	ReasonBadKind       failure.Reason = "token-store-kind-invalid"    // the kind is none of the three
	ReasonNoFolder      failure.Reason = "state-folder-missing"        // no state folder was named
	ReasonTooLong       failure.Reason = "record-too-long-for-store"   // subject: the Key's subject
	ReasonUnreadable    failure.Reason = "token-store-file-unreadable" // subject: the file
)

// unusable makes the error for a store that cannot be used: kind is one of the sentinels, cause may
// be nil.
func unusable(kind, cause error, message string, reason failure.Reason, subject string) error {
	if cause != nil {
		kind = fmt.Errorf("%w: %w", kind, cause)
	}
	e := &failure.Error{Code: failure.Unauthorized, Message: message, Cause: kind}
	return e.Because(reason, subject)
}

// notFound makes the error for a key under which nothing is stored.
func notFound(key Key) error {
	return &failure.Error{
		Code:    failure.NotFound,
		Message: fmt.Sprintf("nothing is stored for %s of profile %s", key.Subject, key.Profile),
		Cause:   ErrNotFound,
	}
}

// damagedRecord makes the error for a record of the keyring that is not what was written. It can be
// written again without harm.
func damagedRecord(key Key, why string) error {
	message := fmt.Sprintf("the keyring's record for %s of profile %s is damaged: %s", key.Subject, key.Profile, why)
	return unusable(ErrDamaged, nil, message, ReasonRecordDamaged, key.Subject)
}

// newerRecord makes the error for a record that another version of the program wrote.
func newerRecord(key Key) error {
	message := fmt.Sprintf("the keyring's record for %s of profile %s was written by a newer version of this program",
		key.Subject, key.Profile)
	return unusable(ErrUnavailable, nil, message, ReasonNewer, key.Subject)
}

// unwritable makes the error for a state folder that takes no files, or whose lock cannot be had.
func unwritable(dir string, cause error) error {
	return notWritten("the state folder "+dir+" cannot be written", filepath.Join(dir, "file"), cause)
}

// notWritten makes the error for a file that the system refused to write or to lock: "what: why",
// the cause kept.
func notWritten(what, path string, cause error) error {
	e := atomicfile.Failure(failure.Unauthorized, what, path, cause)
	if e.Code == failure.Unauthorized && !errors.Is(e, ErrUnavailable) {
		e.Cause = fmt.Errorf("%w: %w", ErrUnavailable, cause)
	}
	return e
}

// damagedFile makes the error for a token file that is not what was written. Nothing of ours
// changes such a file.
func damagedFile(path, why string) error {
	return unusable(ErrDamaged, nil, "the token file "+path+" is damaged: "+why, ReasonFileDamaged, path)
}

// unframed makes the error for a token file that is damaged, or of a newer version.
func unframed(path string, err error) error {
	if errors.Is(err, atomicfile.ErrNewer) {
		return unusable(ErrUnavailable, err, "the token file "+path+" was "+atomicfile.ErrNewer.Error(), ReasonNewer, path)
	}
	return damagedFile(path, "its checksum does not match")
}

// unreadable makes the error for a file that the system refused to read: "what: why". Its reason is
// the cause where reading has that in common with writing, else ReasonUnreadable.
func unreadable(what, path string, cause error) error {
	reason, why := atomicfile.Classify(cause)
	if reason != atomicfile.ReasonTooManyFiles && reason != atomicfile.ReasonDevice {
		reason = ReasonUnreadable
	}
	return unusable(ErrUnavailable, cause, what+": "+why, reason, path)
}
