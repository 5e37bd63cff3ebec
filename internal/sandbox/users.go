package sandbox

import (
	"strings"
	"time"
)

// user is a user as it is stored.
type user struct {
	Number   uint64          `json:"-"`
	Token    string          `json:"t"`           // the DeviceToken, a UUID in lower case
	Instance uint64          `json:"i"`           // the instance's number
	Created  time.Time       `json:"c"`           // in UTC
	Status   string          `json:"s,omitempty"` // Deactivated or Deleted; empty is Active
	Activity string          `json:"a,omitempty"` // as it is read; empty is No Data
	Profile  map[string]any  `json:"p,omitempty"` // by the service's names: a string, or a float64 for a count
	Flags    map[string]bool `json:"f,omitempty"` // those that were said
	ClientID *string         `json:"k,omitempty"`

	IdentityID       *string           `json:"d,omitempty"`
	IdentityProvider *string           `json:"v,omitempty"`
	Device           map[string]string `json:"m,omitempty"` // what is said of the phone, by the service's names

	// Generation counts how often the user's JWTs were made to expire.
	Generation uint64 `json:"g,omitempty"`
}

// flagDefaults are the telematics parameters of a user for whom nothing was said (seed).
var flagDefaults = map[string]bool{"EnableTracking": true, "EnableLogging": false, "EnableRealTimeLocation": false, "Enabled": true}

func (u *user) flag(name string) bool {
	if v, said := u.Flags[name]; said {
		return v
	}
	return flagDefaults[name]
}

// text is a profile field that holds a string.
func (u *user) text(name string) (string, bool) {
	s, ok := u.Profile[name].(string)
	return s, ok
}

// fullName is the two names with a space between, none where both are missing.
func (u *user) fullName() (string, bool) {
	first, hasFirst := u.text("FirstName")
	last, hasLast := u.text("LastName")
	return strings.TrimSpace(first + " " + last), hasFirst || hasLast
}

// activity is the ActivityStatus as it is read.
func (u *user) activity() string {
	if u.Activity == "" {
		return "No Data"
	}
	return u.Activity
}

func (s state) user(number uint64) (*user, bool) {
	u := &user{Number: number}
	return u, number != 0 && s.load(numbered(prefixUser, number), u)
}

// userByToken finds a user by its DeviceToken in lower case.
func (s state) userByToken(token string) (*user, bool) {
	return s.user(s.number(prefixToken + token))
}

// addUser numbers a new user and stores it. Its DeviceToken must be free.
func (s state) addUser(u *user) {
	u.Number = s.number(keySequence) + 1
	s.setNumber(keySequence, u.Number)
	s.setNumber(prefixToken+u.Token, u.Number)
	s.countUsers(u.Instance, 1)
	for _, key := range indexKeys(u) {
		s.put(key, []byte{})
	}
	s.save(numbered(prefixUser, u.Number), u)
}

// changeUser stores a user that was; only the index entries that differ are written.
func (s state) changeUser(was, is *user) {
	before, after := indexKeys(was), indexKeys(is)
	stays := make(map[string]bool, len(before))
	for _, key := range before {
		stays[key] = true
	}
	for _, key := range after {
		if !stays[key] {
			s.put(key, []byte{})
		}
		delete(stays, key)
	}
	for key := range stays {
		s.delete(key)
	}
	if was.Instance != is.Instance {
		s.countUsers(was.Instance, -1)
		s.countUsers(is.Instance, 1)
	}
	s.save(numbered(prefixUser, is.Number), is)
}

func (s state) deleteUser(u *user) {
	for _, key := range indexKeys(u) {
		s.delete(key)
	}
	s.countUsers(u.Instance, -1)
	s.delete(prefixToken + u.Token)
	s.delete(numbered(prefixUser, u.Number))
}

func (s state) countUsers(instance uint64, by int64) {
	key := numbered(prefixCount, instance)
	s.setNumber(key, s.number(key)+uint64(by)) //nolint:gosec // adding the two's complement subtracts
}

// clone is a copy whose maps may be changed.
func (u *user) clone() *user {
	c := *u
	c.Profile = make(map[string]any, len(u.Profile))
	for k, v := range u.Profile {
		c.Profile[k] = v
	}
	c.Flags = make(map[string]bool, len(u.Flags))
	for k, v := range u.Flags {
		c.Flags[k] = v
	}
	return &c
}
