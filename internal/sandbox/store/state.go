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

	"github.com/google/uuid"
)

// User is a user as it is kept. It is never changed in place: a change puts a new one.
type User struct {
	Token      uuid.UUID `json:"DeviceToken"`
	Instance   uuid.UUID `json:"InstanceId"`
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

// A Company is the first of three levels, above Application and Instance. Number counts
// from 1 within a level.
type Company struct {
	ID     uuid.UUID `json:"Id"`
	Number int
	Name   string
}

// Application belongs to a company.
type Application struct {
	ID                                     uuid.UUID `json:"Id"`
	Number                                 int
	Company                                uuid.UUID `json:"CompanyId"`
	Name, Description, Status, Environment string
}

// Instance belongs to an application.
type Instance struct {
	ID                                    uuid.UUID `json:"Id"`
	Number                                int
	Application                           uuid.UUID `json:"ApplicationId"`
	Company                               uuid.UUID `json:"CompanyId"`
	Key                                   uuid.UUID
	Name, Description, Status, InviteCode string
}

// Admin may act on what is under the companies and applications, and on the instances,
// that it names.
type Admin struct {
	ID                                 uuid.UUID `json:"Id"`
	Email, Password                    string
	Companies, Applications, Instances []uuid.UUID `json:",omitempty"`
}

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
	User        *User        `json:",omitempty"`
	Company     *Company     `json:",omitempty"`
	Application *Application `json:",omitempty"`
	Instance    *Instance    `json:",omitempty"`
	Admin       *Admin       `json:",omitempty"`
	Pair        *Pair        `json:",omitempty"`
	SignIns     *SignIns     `json:",omitempty"`

	DeleteUser        uuid.UUID `json:",omitzero"`
	DeleteApplication uuid.UUID `json:",omitzero"`
	DeleteInstance    uuid.UUID `json:",omitzero"`

	Generation int    `json:",omitempty"` // how often all JWTs were made to expire
	Secret     []byte `json:",omitempty"` // signs JWTs with HS256
	PrivateKey []byte `json:",omitempty"` // signs JWTs with RS256, in PKCS #8
}

// State is all that a sandbox keeps. Its methods read; only a Store changes it.
type State struct {
	Companies    []*Company
	Applications []*Application
	Instances    []*Instance
	Admins       []*Admin
	Generation   int
	Secret       []byte
	PrivateKey   []byte

	users     []*User // in the order of registration; nil where one was deleted
	byToken   map[uuid.UUID]*User
	byEmail   map[string][]*User
	byClient  map[string][]*User
	instances map[uuid.UUID]*Instance
	counts    map[uuid.UUID]int // users by instance
	pairs     map[string]map[string]time.Time
	signIns   map[string]*SignIns
	key       *rsa.PrivateKey
	keyMu     sync.Mutex
	pagesMu   sync.Mutex
	pages     map[string]*Ordered // lists by their queries, of this version
}

func newState() *State {
	return &State{
		byToken: map[uuid.UUID]*User{}, byEmail: map[string][]*User{}, byClient: map[string][]*User{},
		instances: map[uuid.UUID]*Instance{}, counts: map[uuid.UUID]int{}, pairs: map[string]map[string]time.Time{},
		signIns: map[string]*SignIns{},
	}
}

// Total returns the number of users.
func (s *State) Total() int { return len(s.byToken) }

// Count returns the number of users of an instance.
func (s *State) Count(instance uuid.UUID) int { return s.counts[instance] }

// User finds a user by its DeviceToken; nil where there is none.
func (s *State) User(token uuid.UUID) *User { return s.byToken[token] }

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

// ByEmail returns the users with an email address, whatever its case.
func (s *State) ByEmail(email string) []*User { return s.byEmail[strings.ToLower(email)] }

// ByClientID returns the users with a ClientId, whatever its case.
func (s *State) ByClientID(id string) []*User { return s.byClient[strings.ToLower(id)] }

// Company finds a company; nil where there is none.
func (s *State) Company(id uuid.UUID) *Company {
	return find(s.Companies, func(c *Company) bool { return c.ID == id })
}

// Application finds an application; nil where there is none.
func (s *State) Application(id uuid.UUID) *Application {
	return find(s.Applications, func(a *Application) bool { return a.ID == id })
}

// Instance finds an instance; nil where there is none.
func (s *State) Instance(id uuid.UUID) *Instance { return s.instances[id] }

// InstanceByCode finds an instance by its invite code, whatever its case; nil where there is none.
func (s *State) InstanceByCode(code string) *Instance {
	return find(s.Instances, func(i *Instance) bool { return code != "" && strings.EqualFold(i.InviteCode, code) })
}

// Admin finds an admin by email address, whatever its case; nil where there is none.
func (s *State) Admin(email string) *Admin {
	return find(s.Admins, func(a *Admin) bool { return strings.EqualFold(a.Email, email) })
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

// Page returns part of a list that make computes, and its length. The list of a key is
// kept until the next change.
func (s *State) Page(key string, from, n int, compute func() *Ordered) (users []*User, total int) {
	s.pagesMu.Lock()
	defer s.pagesMu.Unlock()
	list, ok := s.pages[key]
	if !ok {
		list = compute()
		if len(s.pages) >= 8 {
			s.pages = nil
		}
		if s.pages == nil {
			s.pages = map[string]*Ordered{}
		}
		s.pages[key] = list
	}
	for _, e := range list.slice(from, from+n) {
		users = append(users, e.User)
	}
	return users, len(list.all)
}

// Sort puts users in the order of registration.
func Sort(users []*User) {
	slices.SortFunc(users, func(a, b *User) int { return a.place - b.place })
}

// Place orders users by registration.
func (u *User) Place() int { return u.place }

func find[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

// put replaces the one that is meant, or appends.
func put[T any](all []*T, one *T, is func(*T) bool) []*T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		all[i] = one
		return all
	}
	return append(all, one)
}

// snapshot returns the changes that make this state out of an empty one.
func (s *State) snapshot(yield func(Change) error) error {
	var all []Change
	for _, c := range s.Companies {
		all = append(all, Change{Company: c})
	}
	for _, a := range s.Applications {
		all = append(all, Change{Application: a})
	}
	for _, i := range s.Instances {
		all = append(all, Change{Instance: i})
	}
	for _, a := range s.Admins {
		all = append(all, Change{Admin: a})
	}
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
		if err := yield(c); err != nil {
			return err
		}
	}
	for _, u := range s.users {
		if u == nil {
			continue
		}
		if err := yield(Change{User: u}); err != nil {
			return err
		}
	}
	return nil
}

// size returns how many changes a snapshot has, about.
func (s *State) size() int { return len(s.byToken) + len(s.pairs) + len(s.Instances) + 100 }

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
