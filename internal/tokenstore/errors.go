package tokenstore

import (
	"errors"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The ways in which a store fails, for errors.Is.
var (
	ErrNotFound    = errors.New("not stored")                     // the store was read, and nothing is there
	ErrUnavailable = errors.New("the token store is unavailable") // it cannot be reached, read or written
	ErrLocked      = errors.New("the token store is locked")      // it waits for a person to unlock it
	ErrDamaged     = errors.New("the token store is damaged")     // what is there is not what was written
	ErrPassphrase  = errors.New("the passphrase does not fit")    // the sealed file's passphrase is wrong or missing
)

// unusable makes the error for a store that cannot be used: kind is one of the sentinels, cause may be nil.
func unusable(kind, cause error, message, hint string) error {
	if cause != nil {
		kind = fmt.Errorf("%w: %w", kind, cause)
	}
	return &failure.Error{Code: failure.Unauthorized, Message: message, Hint: hint, Cause: kind}
}

// notFound makes the error for a key under which nothing is stored.
func notFound(key Key) error {
	return &failure.Error{
		Code:    failure.NotFound,
		Message: fmt.Sprintf("nothing is stored for %s of the profile %s", key.Subject, key.Profile),
		Cause:   ErrNotFound,
	}
}

// damagedRecord makes the error for a record of the keyring that is not what was written. It can be written anew
// without harm, which is what the hint says for each kind of subject.
func damagedRecord(key Key, why string) error {
	var hint string
	switch key.Subject {
	case SubjectAdmin:
		hint = "sign in again: telematicsctl auth login --email ADDRESS --profile " + key.Profile
	case SubjectAdminPassword:
		hint = "store it anew: telematicsctl auth login --email ADDRESS --save-password --profile " + key.Profile
	case SubjectInstanceKey:
		hint = "store it anew: telematicsctl profile add " + key.Profile + " --replace --instance-key-stdin"
	default:
		hint = fmt.Sprintf("sign in again: telematicsctl auth login --device-token %s --profile %s", key.Subject, key.Profile)
	}
	message := fmt.Sprintf("the keyring's record for %s of the profile %s is damaged: %s", key.Subject, key.Profile, why)
	return unusable(ErrDamaged, nil, message, hint)
}

// unwritable makes the error for a state folder that takes no files.
func unwritable(dir string, cause error) error {
	return unusable(ErrUnavailable, cause, "the state folder "+dir+" cannot be written: "+cause.Error(),
		"make the folder writable, or name another by TELEMATICSCTL_STATE_DIR")
}
