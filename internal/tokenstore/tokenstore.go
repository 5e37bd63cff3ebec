// Package tokenstore is where tokens rest between two commands: in the keyring of the operating
// system, in a file encrypted with a passphrase, or in the memory of one process. It is the only
// importer of go-keyring.
//
// A record is kept whole or not at all: what a crash leaves behind is the old record or the new
// one. Not found, unavailable, locked, damaged and a wrong passphrase are five different answers,
// and a store that cannot be read is never taken for an empty one.
package tokenstore

import (
	"context"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// The kinds of store, as they stand in the configuration and in "Stored".
const (
	KindKeyring = "keyring" // the keyring of the operating system
	KindFile    = "file"    // a file in the state folder, encrypted with a passphrase
	KindMemory  = "memory"  // nothing outlives the process
)

// The subjects that are not a user's DeviceToken.
const (
	SubjectAdmin         = "admin"          // the pair of the admin
	SubjectInstanceKey   = "instance-key"   // the InstanceKey of the profile
	SubjectIdentityKey   = "identity-key"   // the InstanceKey that was replaced: DeviceTokens are still derived by it
	SubjectAdminPassword = "admin-password" // the password of the admin, where it was asked to be kept
)

// Key says whose record it is.
type Key struct {
	Profile string // the name of the profile, [a-z0-9_-]+
	Subject string // one of the constants above, or a DeviceToken (a UUID in lower case)
}

// Record is all that is kept for one subject, in one write.
type Record struct {
	Access, Refresh     secret.String // the pair
	Value               secret.String // a secret that is not a token pair: the InstanceKey, the password
	IssuedAt, ExpiresAt time.Time     // of the AccessToken; kept in UTC
	Host                string        // base URL of the service that issued the pair; it is never sent to another
	InstanceID          string
	Email               string // of the admin whose pair it is; empty for a user's
}

// Entry is what may be shown of a record: no secrets.
type Entry struct {
	Key
	IssuedAt, ExpiresAt time.Time
	Host, InstanceID    string
	Email               string // of the admin; empty for a user
}

// Item is a record together with whose it is.
type Item struct {
	Key    Key
	Record Record
}

// Store keeps records. It is safe for use by many goroutines and, other than memory, by many
// processes at once.
//
// Every error is a *failure.Error: code failure.NotFound with ErrNotFound inside where nothing is
// stored, code failure.Unauthorized with one of the other sentinels inside where the store cannot
// be used, and the code of the context's end where that came first.
type Store interface {
	// Kind is the kind of the store: KindKeyring, KindFile or KindMemory.
	Kind() string

	// Check finds out whether a pair could be stored, by reserving room for one: see Reserve.
	Check(ctx context.Context) error

	// Reserve makes sure that a record can be written, before anything is spent to get it: room for
	// size bytes of secrets (0 for a pair of usual length) beside what is there, and the lock
	// between processes. The room is held until release, which must be called, after the Put or
	// without one. The error names the cause: see atomicfile's reasons.
	Reserve(ctx context.Context, key Key, size int) (release func(), err error)

	// Get reads a record. It may answer from what this process has read or written before.
	Get(ctx context.Context, key Key) (Record, error)

	// Fresh reads a record again, so that it sees what other processes have written.
	Fresh(ctx context.Context, key Key) (Record, error)

	// Put stores records, over the ones that are there; all in one write where the store can. The
	// keyring cannot: there each record is written by itself, in the order given, up to the first
	// that fails.
	Put(ctx context.Context, items ...Item) error

	// Delete removes records for good. What is not there is not an error.
	Delete(ctx context.Context, keys ...Key) error

	// List gives the stored pairs of a profile (of every profile for ""), sorted by profile, admin
	// first, then by DeviceToken. Instance keys and passwords are not in it. A pair of the keyring
	// that is damaged may have neither times nor host.
	List(ctx context.Context, profile string) ([]Entry, error)
}

// PairSize is more than the tokens of a pair take, in bytes.
const PairSize = 8 << 10

// Options say which store, and hand it what it needs of the world.
type Options struct {
	Kind string // KindKeyring, KindFile or KindMemory
	// the state folder: the token file, the index of the keyring, lock files
	Dir        string
	Passphrase func(ctx context.Context) (secret.String, error) // opens the encrypted file
	// with KindFile: not encrypted, for tokens that open nothing
	Plain       bool
	Interactive bool                // a person is at a terminal, who can unlock a keyring
	Getenv      func(string) string // the environment, which says where the keyring is
	Backend     Backend             // another keyring than the system's; for tests

	// NewPassphrase is asked instead of Passphrase before there is an encrypted file, and a
	// mistyped one would encrypt it; nil for no difference.
	NewPassphrase func(ctx context.Context) (secret.String, error)

	// PassphraseTries is how often Passphrase is asked for one that opens the file; 0 is once.
	PassphraseTries int

	// WorkFactor is scrypt's for the key of a new encrypted file, so that tests need not wait for
	// it; 0 is the rule.
	WorkFactor int
}

// Open makes a store. It opens, reads and asks nothing yet, so that a mistake of the options is its
// only error.
func Open(o Options) (Store, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	switch o.Kind {
	case KindMemory:
		return newMemory(), nil
	case KindKeyring, KindFile:
	default:
		return nil, failure.Newf(failure.Invalid, "invalid token store %q: must be keyring, file or memory", o.Kind).
			Because(ReasonBadKind, o.Kind)
	}
	if o.Dir == "" {
		return nil, failure.New(failure.Invalid, "the token store has no folder").Because(ReasonNoFolder, "")
	}
	if o.Kind == KindFile {
		return newFile(o), nil
	}
	return newKeyring(o), nil
}
