package cmdutil

import (
	"time"

	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// StoredPair is what is shown of a stored pair of tokens: no secrets.
type StoredPair struct {
	Subject   string // "admin" or a DeviceToken
	Email     string `json:"-" yaml:"-"` // of the admin; for people
	Profile   string
	Stored    string // the kind of store, or ""
	IssuedAt  *time.Time
	ExpiresAt *time.Time
	Expired   bool
}

// NewStoredPair returns what is shown of a pair in a store of a kind.
func NewStoredPair(e tokenstore.Entry, kind string, now time.Time) StoredPair {
	p := StoredPair{Subject: e.Subject, Email: e.Email, Profile: e.Profile, Stored: kind,
		Expired: !e.ExpiresAt.IsZero() && !e.ExpiresAt.After(now)}
	if !e.IssuedAt.IsZero() {
		p.IssuedAt = &e.IssuedAt
	}
	if !e.ExpiresAt.IsZero() {
		p.ExpiresAt = &e.ExpiresAt
	}
	return p
}

// ID returns what -o ids prints: nothing for the admin, who has no DeviceToken.
func (p StoredPair) ID() string {
	if p.Subject == tokenstore.SubjectAdmin {
		return ""
	}
	return p.Subject
}

// StoredSession returns a session for a command that is about what is stored. It is refused while a
// JWT from the environment stands in for all of that.
func (k *App) StoredSession() (*Session, error) {
	s, err := k.Session(SessionOptions{})
	if err != nil {
		return nil, err
	}
	if err := s.NeedStore(); err != nil {
		_ = s.Close() // nothing was opened by it yet
		return nil, err
	}
	return s, nil
}
