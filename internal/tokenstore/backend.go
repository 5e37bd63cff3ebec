package tokenstore

import (
	"context"
	"errors"
	"strings"
)

// service is the name under which everything of ours stands in a keyring.
const service = "telematicsctl"

// Backend is a keyring as we use it. The system's is the one that go-keyring finds; tests have
// others, with the limits and the failures of each platform.
//
// Get, Set and Delete are go-keyring's, errors included: keyring.ErrNotFound, or ours, where
// nothing is there. They may hang; the caller has a deadline. An error in which ErrLocked is means
// that a person would have to unlock the keyring.
type Backend interface {
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
	Delete(service, user string) error

	// Limit is the length, in bytes, of the longest secret that Set takes for the user; 0: unlimited.
	Limit(service, user string) int

	// Items gives the keyring's own names of what is stored under the service, without reading any
	// secret: one call, however many there are. ErrNoList where the platform has no such list. An
	// item keeps its name for as long as it lives.
	Items(ctx context.Context, service string) ([]string, error)

	// Users tells for which user each of some items of the service is; those that have been removed
	// meanwhile are left out.
	Users(ctx context.Context, service string, items []string) ([]string, error)

	// State reports whether the keyring is there and unlocked, without asking a person and without
	// starting anything: nil, an error in which ErrLocked is, or the reason why it cannot be used.
	State(ctx context.Context) error
}

// ErrNoList is Items' answer where the platform cannot tell what is stored.
var ErrNoList = errors.New("the platform has no list of what is stored")

// windowsLimit is the longest secret that Windows' Credential Manager takes, in bytes (from
// go-keyring's source).
const windowsLimit = 2560

// macCommandLimit is the longest line, its end included, that macOS's security tool reads whole.
// go-keyring puts service, user and secret into one and refuses more than 4,096; the tool's own
// buffer is one shorter.
const macCommandLimit = 4095

// macCommand is the line's other text, as go-keyring writes it.
const macCommand = "add-generic-password -U -s  -a  -w go-keyring-base64:\n"

// macLimit is the longest secret, in bytes, that macOS's Keychain takes through go-keyring for the
// service and user.
func macLimit(service, user string) int {
	quoted := func(s string) int { return len(s) + 2 + 4*strings.Count(s, "'") }
	room := macCommandLimit - len(macCommand) - quoted(service) - quoted(user) - 2
	return max(room/4*3, 1)
}
