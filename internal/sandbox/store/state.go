package store

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// User is a user as it is kept. It is never changed in place: a change puts a new one.
type User struct {
	Token      string    `json:"DeviceToken"` // a UUID in lower case, as the instance's id is
	Instance   string    `json:"InstanceId"`
	Created    time.Time // in UTC
	Status     string    `json:",omitempty"` // Deactivated or Deleted; empty for Active
	Activity   string    `json:",omitempty"` // as it is read; empty for No Data
	Fields     Values    // profile, telematics parameters, ClientId, identity; flags are true or false
	Device     Values    `json:",omitempty"` // the phone
	Heartbeat  Values    `json:",omitempty"` // the device status, where it was set
	Trips      Values    `json:",omitempty"` // the dates of trips and scores, where they were set
	Generation int       `json:",omitempty"` // how often the user's JWTs were made to expire

	place int // in State.users
}

// Place orders users by registration.
func (u *User) Place() int { return u.place }

// Pair is a refresh token that was issued, by its hash.
type Pair struct {
	Subject, Hash string
	Expires       time.Time // zero: it is spent
}

// SignIns are the sign-ins from one address within a minute.
type SignIns struct {
	Address string
	Times   []time.Time `json:",omitempty"`
	Blocked time.Time   // until when
}

// Change is one change of the state: what it has is put in the place of what was, or deleted.
type Change struct {
	User       *User    `json:",omitempty"`
	DeleteUser string   `json:",omitempty"`
	Layout     *Layout  `json:",omitempty"`
	Pair       *Pair    `json:",omitempty"`
	SignIns    *SignIns `json:",omitempty"`
	Generation int      `json:",omitempty"` // how often all JWTs were made to expire
	Secret     []byte   `json:",omitempty"` // signs JWTs with HS256
	PrivateKey []byte   `json:",omitempty"` // signs JWTs with RS256, in PKCS #8
}

// State is all that a sandbox keeps. Its methods read; only a Store changes it.
type State struct {
	Layout
	Generation int
	Secret     []byte
	PrivateKey []byte

	places  []*Place
	users   []*User // in the order of registration; nil where one was deleted
	byToken map[string]*User
	counts  map[string]int // users by instance
	pairs   map[string]map[string]time.Time
	signIns map[string]*SignIns
	key     *rsa.PrivateKey
	keyMu   sync.Mutex
	pagesMu sync.Mutex
	pages   map[string]*Ordered // lists by their queries, of this version
}

func newState() *State {
	return &State{
		byToken: map[string]*User{}, counts: map[string]int{}, pairs: map[string]map[string]time.Time{},
		signIns: map[string]*SignIns{},
	}
}

// apply makes a change. It is the only way in which a state changes, from the file as from a
// request.
func (s *State) apply(c *Change) {
	switch {
	case c.User != nil:
		s.putUser(c.User)
	case c.DeleteUser != "":
		s.deleteUser(c.DeleteUser)
	case c.Layout != nil:
		s.Layout, s.places = *c.Layout, c.Layout.Places()
	case c.Pair != nil:
		s.putPair(c.Pair)
	case c.SignIns != nil:
		s.signIns[c.SignIns.Address] = c.SignIns
	case c.Generation != 0:
		s.Generation = c.Generation
	case c.Secret != nil:
		s.Secret = c.Secret
	case c.PrivateKey != nil:
		s.PrivateKey, s.key = c.PrivateKey, nil
	}
}

func (s *State) putUser(u *User) {
	if was := s.byToken[u.Token]; was != nil {
		s.counts[was.Instance]--
		u.place = was.place
		s.users[u.place] = u
	} else {
		u.place = len(s.users)
		s.users = append(s.users, u)
	}
	s.byToken[u.Token] = u
	s.counts[u.Instance]++
}

func (s *State) deleteUser(token string) {
	u := s.byToken[token]
	if u == nil {
		return
	}
	s.counts[u.Instance]--
	delete(s.byToken, token)
	delete(s.pairs, token)
	s.users[u.place] = nil
	if len(s.users) > 1000 && len(s.byToken) < len(s.users)/2 {
		s.users = slices.DeleteFunc(s.users, func(u *User) bool { return u == nil })
		for i, u := range s.users {
			u.place = i
		}
	}
}

func (s *State) putPair(p *Pair) {
	if p.Expires.IsZero() {
		delete(s.pairs[p.Subject], p.Hash)
		if len(s.pairs[p.Subject]) == 0 {
			delete(s.pairs, p.Subject)
		}
		return
	}
	if s.pairs[p.Subject] == nil {
		s.pairs[p.Subject] = map[string]time.Time{}
	}
	s.pairs[p.Subject][p.Hash] = p.Expires
}

// snapshot yields the changes that make this state out of an empty one.
func (s *State) snapshot(yield func(Change) bool) {
	all := []Change{{Layout: &s.Layout}}
	for _, c := range []Change{{Secret: s.Secret}, {PrivateKey: s.PrivateKey}, {Generation: s.Generation}} {
		if c.Secret != nil || c.PrivateKey != nil || c.Generation != 0 {
			all = append(all, c)
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(s.pairs)) {
		for _, hash := range slices.Sorted(maps.Keys(s.pairs[subject])) {
			all = append(all, Change{Pair: &Pair{subject, hash, s.pairs[subject][hash]}})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(s.signIns)) {
		all = append(all, Change{SignIns: s.signIns[address]})
	}
	for _, c := range all {
		if !yield(c) {
			return
		}
	}
	for _, u := range s.users {
		if u != nil && !yield(Change{User: u}) {
			return
		}
	}
}

// size returns how many changes a snapshot has, about.
func (s *State) size() int { return len(s.byToken) + len(s.pairs) + 100 }

// Total returns the number of users.
func (s *State) Total() int { return len(s.byToken) }

// Count returns the number of users of an instance.
func (s *State) Count(instance string) int { return s.counts[instance] }

// User finds a user by its DeviceToken; nil where there is none.
func (s *State) User(token string) *User { return s.byToken[token] }

// UsersFrom returns up to n users from a place on, and the next place; 0 at the end.
func (s *State) UsersFrom(place, n int) (users []*User, next int) {
	for ; place < len(s.users); place++ {
		if u := s.users[place]; u != nil {
			if len(users) == n {
				return users, place
			}
			users = append(users, u)
		}
	}
	return users, 0
}

// Places lists all instances.
func (s *State) Places() []*Place { return s.places }

// Instance finds an instance; nil where there is none.
func (s *State) Instance(id string) *Place {
	return s.place(func(p *Place) bool { return p.ID == id })
}

// InstanceByCode finds an instance by its invite code, whatever its case; nil where there is none.
func (s *State) InstanceByCode(code string) *Place {
	return s.place(func(p *Place) bool { return code != "" && strings.EqualFold(p.InviteCode, code) })
}

func (s *State) place(is func(*Place) bool) *Place {
	if i := slices.IndexFunc(s.places, is); i >= 0 {
		return s.places[i]
	}
	return nil
}

// SignIns returns the sign-ins from an address; nil where there was none.
func (s *State) SignIns(address string) *SignIns { return s.signIns[address] }

// Expires returns when a refresh token of a subject expires; zero where it is unknown or spent.
func (s *State) Expires(subject, hash string) time.Time { return s.pairs[subject][hash] }

// Expired returns the changes that remove a subject's refresh tokens that have expired.
func (s *State) Expired(subject string, now time.Time) []Change {
	var out []Change
	for hash, expires := range s.pairs[subject] {
		if !expires.After(now) {
			out = append(out, Change{Pair: &Pair{Subject: subject, Hash: hash}})
		}
	}
	return out
}

// Key returns the PrivateKey, parsed; nil where none was made.
func (s *State) Key() (*rsa.PrivateKey, error) {
	s.keyMu.Lock()
	defer s.keyMu.Unlock()
	if s.key == nil && s.PrivateKey != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(s.PrivateKey)
		if err != nil {
			return nil, err
		}
		var ok bool
		if s.key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("the key of the sandbox is not an RSA key")
		}
	}
	return s.key, nil
}
