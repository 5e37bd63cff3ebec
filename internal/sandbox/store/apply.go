package store

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// apply makes a change. It is the only way in which a state changes, from the file as
// from a request.
func (s *State) apply(c *Change) {
	switch {
	case c.User != nil:
		s.putUser(c.User)
	case c.Company != nil:
		s.Companies = put(s.Companies, c.Company, func(o *Company) bool { return o.ID == c.Company.ID })
	case c.Application != nil:
		s.Applications = put(s.Applications, c.Application, func(o *Application) bool { return o.ID == c.Application.ID })
	case c.Instance != nil:
		s.Instances = put(s.Instances, c.Instance, func(o *Instance) bool { return o.ID == c.Instance.ID })
		s.instances[c.Instance.ID] = c.Instance
	case c.Admin != nil:
		s.Admins = put(s.Admins, c.Admin, func(o *Admin) bool { return strings.EqualFold(o.Email, c.Admin.Email) })
	case c.Pair != nil:
		s.putPair(c.Pair)
	case c.SignIns != nil:
		s.signIns[c.SignIns.Address] = c.SignIns
	case c.DeleteUser != uuid.Nil:
		s.deleteUser(c.DeleteUser)
	case c.DeleteApplication != uuid.Nil:
		s.Applications = slices.DeleteFunc(s.Applications, func(o *Application) bool { return o.ID == c.DeleteApplication })
	case c.DeleteInstance != uuid.Nil:
		s.Instances = slices.DeleteFunc(s.Instances, func(o *Instance) bool { return o.ID == c.DeleteInstance })
		delete(s.instances, c.DeleteInstance)
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
		s.unindex(was)
		u.place = was.place
		s.users[u.place] = u
	} else {
		u.place = len(s.users)
		s.users = append(s.users, u)
	}
	s.byToken[u.Token] = u
	s.counts[u.Instance]++
	if email, ok := u.Fields.Get("Email"); ok {
		key := strings.ToLower(email)
		s.byEmail[key] = append(s.byEmail[key], u)
	}
	if id, ok := u.Fields.Get("ClientId"); ok {
		key := strings.ToLower(id)
		s.byClient[key] = append(s.byClient[key], u)
	}
}

func (s *State) unindex(u *User) {
	s.counts[u.Instance]--
	for _, index := range []struct {
		name string
		of   map[string][]*User
	}{{"Email", s.byEmail}, {"ClientId", s.byClient}} {
		text, ok := u.Fields.Get(index.name)
		if !ok {
			continue
		}
		key := strings.ToLower(text)
		rest := slices.DeleteFunc(slices.Clone(index.of[key]), func(o *User) bool { return o == u })
		if len(rest) == 0 {
			delete(index.of, key)
		} else {
			index.of[key] = rest
		}
	}
}

func (s *State) deleteUser(token uuid.UUID) {
	u := s.byToken[token]
	if u == nil {
		return
	}
	s.unindex(u)
	delete(s.byToken, token)
	delete(s.pairs, token.String())
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
