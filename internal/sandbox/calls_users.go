package sandbox

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// find is «find»: any of the criteria, all of which must hold.
func (c *call) find() answer {
	query := c.query()
	var f finding
	r := &reading{}
	if text := query("DeviceToken"); text != "" {
		token, err := field.ParseUUID(text)
		if err != nil {
			r.wrong("DeviceToken", "a UUID")
		}
		f.token = token
	}
	for _, o := range findOrder {
		if text := query(o.name); text != "" {
			f.criteria = append(f.criteria, criterion{o.index, text})
		}
	}
	names := false
	if text := query("IncludeAccountInfo"); text != "" {
		var err error
		if names, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			r.wrong("IncludeAccountInfo", "a boolean")
		}
	}
	if r.mistakes == nil && f.token == "" && f.criteria == nil {
		r.mistakes = append(r.mistakes, mistake("", "At least one criterion is required."))
	}
	return c.viewAsAdmin(func(s state, a admin) answer {
		if r.mistakes != nil {
			return invalid(r.mistakes...)
		}
		list := newListOf(&reader{state: s, names: names, wallets: true}, "[")
		s.find(f, s.instances(a.reaches), list.add)
		return list.answer("]")
	})
}

// ownProfile is a user's own.
func (c *call) ownProfile() answer {
	return c.view(func(s state) answer {
		w, no := c.asUser(s)
		if no == nil {
			no = c.ownInstance(s, w)
		}
		if no != nil {
			return *no
		}
		view := reader{state: s, wallets: true}
		return answer{status: http.StatusOK, result: view.append(nil, w.user)}
	})
}

// ownInstance checks that the instance in the headers is the caller's.
func (c *call) ownInstance(s state, w who) refused {
	in, r := c.instanceOf(s)
	if r == nil && in.Number != w.in.Number {
		r = no(refuse(http.StatusForbidden))
	}
	return r
}

// update is «update» with an admin's JWT and «update own» with a user's.
func (c *call) update() answer {
	r, bad := c.fields()
	if bad != nil {
		r = &reading{}
	}
	ch := readChange(r, field.Update)
	return c.change(func(s state) (answer, bool) {
		u, no := c.updated(s)
		switch {
		case no != nil:
			return *no, false
		case bad != nil:
			return *bad, false
		case r.mistakes != nil:
			return invalid(r.mistakes...), false
		}
		is := u.clone()
		ch.apply(is)
		s.changeUser(u, is)
		return done(), true
	})
}

// updated is the user whom an update means. A user may say so in either header (assumed: own-header).
func (c *call) updated(s state) (*user, refused) {
	w, r := c.caller(s)
	if r != nil {
		return nil, r
	}
	if w.admin != nil {
		token, wrong := c.headerUUID("UserDeviceToken")
		if wrong != "" {
			return nil, no(invalid(mistake("UserDeviceToken", wrong)))
		}
		return s.reached(*w.admin, token)
	}
	name := "DeviceToken"
	if c.header(name) == "" && c.header("UserDeviceToken") != "" {
		name = "UserDeviceToken"
	}
	token, wrong := c.headerUUID(name)
	if wrong != "" {
		return nil, no(invalid(mistake(name, wrong)))
	}
	if token != w.user.Token {
		return nil, no(refuse(http.StatusForbidden))
	}
	return w.user, c.ownInstance(s, w)
}

// remove is «delete»: for good.
func (c *call) remove() answer {
	return c.changeAsAdmin(func(s state, a admin) (answer, bool) {
		token, err := field.ParseUUID(c.params["DeviceToken"])
		if err != nil {
			return invalid(mistake("DeviceToken", "The value of DeviceToken is not a UUID.")), false
		}
		u, no := s.reached(a, token)
		if no != nil {
			return *no, false
		}
		s.deleteUser(u)
		return done(), true
	})
}

// move is «move» into another instance; its id and key must fit (what else gets is assumed: move-key).
func (c *call) move() answer {
	r, bad := c.fields()
	if bad != nil {
		r = &reading{}
	}
	var values [3]string
	for i, name := range []string{"DeviceToken", "ToInstanceId", "ToInstanceKey"} {
		before := len(r.mistakes)
		v, ok := r.uuid(name)
		if !ok && len(r.mistakes) == before {
			r.required(name)
		}
		values[i] = v
	}
	return c.change(func(s state) (answer, bool) {
		a, no := c.asAdmin(s)
		switch {
		case no != nil:
			return *no, false
		case bad != nil:
			return *bad, false
		case r.mistakes != nil:
			return invalid(r.mistakes...), false
		}
		u, no := s.reached(a, values[0])
		if no != nil {
			return *no, false
		}
		in, ok := s.instanceByID(values[1])
		if !ok || in.Key != values[2] {
			return invalid(mistake("ToInstanceKey", "There is no instance with this id and key.")), false
		}
		s.moveUser(u, in)
		return done(), true
	})
}

// join is «join by code», with a user's JWT (what a code that is none gets is assumed: invite).
func (c *call) join() answer {
	return c.change(func(s state) (answer, bool) {
		w, no := c.asUser(s)
		if no != nil {
			return *no, false
		}
		in, ok := s.instanceByInvite(c.params["InviteCode"])
		if !ok {
			return refuse(http.StatusNotFound), false
		}
		s.moveUser(w.user, in)
		return done(), true
	})
}

func (s state) moveUser(u *user, to instance) {
	is := u.clone()
	is.Instance = to.Number
	s.changeUser(u, is)
}
