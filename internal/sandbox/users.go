package sandbox

import (
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// user is a user as it is kept; codec.go has its stored form.
type user struct {
	Number   uint64
	Token    string    // the DeviceToken, a UUID in lower case
	Instance uint64    // the instance's number
	Created  time.Time // in UTC
	Status   string    // Deactivated or Deleted; empty is Active
	Activity string    // as it is read; empty is No Data
	Profile  []text    // by the places of profileFields; nil where nothing was said
	Said, On byte      // the flags that were said and those that are on, one bit each by the places of flagFields
	ClientID text

	IdentityID, IdentityProvider text
	Device                       []text // what is known of the phone, by the places of deviceFields; nil is nothing

	// Generation counts how often the user's JWTs were made to expire.
	Generation uint64
}

// flagDefaults are the telematics parameters of a user for whom nothing was said (seed).
var flagDefaults = map[string]bool{"EnableTracking": true, "EnableLogging": false, "EnableRealTimeLocation": false, "Enabled": true}

// The places of what is asked for by name.
var (
	profilePlace = places(profileFields)
	flagPlace    = places(flagFields)
	defaultsOn   = func() (on byte) {
		for i, f := range flagFields {
			if flagDefaults[f.Name] {
				on |= 1 << i
			}
		}
		return on
	}()
)

func places(fields []*field.Field) map[string]int {
	out := map[string]int{}
	for i, f := range fields {
		out[f.Name] = i
	}
	return out
}

// flags are those that are on, said or by default.
func (u *user) flags() byte { return u.On&u.Said | defaultsOn&^u.Said }

func (u *user) flag(name string) bool { return u.flags()&(1<<flagPlace[name]) != 0 }

func (u *user) setFlag(name string, on bool) {
	bit := byte(1) << flagPlace[name]
	u.Said |= bit
	u.On &^= bit
	if on {
		u.On |= bit
	}
}

// text is a profile field's value.
func (u *user) text(name string) (string, bool) { return u.at(profilePlace[name]) }

func (u *user) at(place int) (string, bool) {
	if u.Profile == nil {
		return "", false
	}
	t := u.Profile[place]
	return t.string, t.there
}

func (u *user) setText(name string, t text) {
	if u.Profile == nil {
		if !t.there {
			return
		}
		u.Profile = make([]text, len(profileFields))
	}
	u.Profile[profilePlace[name]] = t
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
	u := &user{}
	return u, s.readUser(number, u)
}

// readUser is user into a given one, see decode.
func (s state) readUser(number uint64, u *user) bool {
	data := s.get(numbered(prefixUser, number))
	if data == nil {
		return false
	}
	if err := u.decode(data); err != nil {
		s.fail(err)
		return false
	}
	u.Number = number
	return true
}

// userByToken finds a user by its DeviceToken in lower case.
func (s state) userByToken(token string) (*user, bool) {
	return s.user(s.number(prefixToken + token))
}

// addUser numbers a new user and stores it. Its DeviceToken must be free.
func (s state) addUser(u *user) {
	s.enrol(u)
	s.enter(indexKeys(u))
}

// enrol is addUser without the indexes, for whoever adds many and enters them all at the end.
func (s state) enrol(u *user) {
	u.Number = s.number(keySequence) + 1
	s.setNumber(keySequence, u.Number)
	s.setNumber(prefixToken+u.Token, u.Number)
	s.countUsers(u.Instance, 1)
	s.put(numbered(prefixUser, u.Number), u.encode())
}

// enter puts entries into the indexes, in their order: a file takes many of them several times as fast that way.
func (s state) enter(keys []string) {
	slices.Sort(keys)
	for _, key := range keys {
		s.put(key, []byte{})
	}
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
	s.put(numbered(prefixUser, is.Number), is.encode())
}

func (s state) deleteUser(u *user) {
	for _, key := range indexKeys(u) {
		s.delete(key)
	}
	s.forgetPairs(u.Token, time.Time{})
	s.countUsers(u.Instance, -1)
	s.delete(prefixToken + u.Token)
	s.delete(numbered(prefixUser, u.Number))
}

func (s state) countUsers(instance uint64, by int64) {
	key := numbered(prefixCount, instance)
	s.setNumber(key, s.number(key)+uint64(by)) //nolint:gosec // adding the two's complement subtracts
}

// clone is a copy that shares nothing that changes.
func (u *user) clone() *user {
	c := *u
	c.Profile = slices.Clone(u.Profile)
	return &c
}
