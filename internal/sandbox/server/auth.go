package server

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// answerPair runs a change that may issue a pair, and signs it afterwards.
func (c *call) answerPair(fn func(*store.State) (answer, *pair, []store.Change)) answer {
	var p *pair
	a := c.change(func(st *store.State) (a answer, changes []store.Change) {
		a, p, changes = fn(st)
		return a, changes
	})
	if p == nil || a.err != nil {
		return a
	}
	out, err := c.sign(*p)
	if err != nil {
		return answer{err: err}
	}
	return with(out)
}

// signIn signs in an admin or a user. Every try counts against the address's limit, refused or
// not (assumed: sign-in-limit).
func (c *call) signIn() answer {
	var fields map[string]string
	var password string
	bad := c.read(func(r *reading) { fields, password = readSignIn(r) })
	return c.answerPair(func(st *store.State) (answer, *pair, []store.Change) {
		var changes []store.Change
		if c.SignInLimit > 0 {
			is, wait := countSignIn(st.SignIns(c.address()), c.address(), c.SignInLimit, c.now)
			if changes = append(changes, store.Change{SignIns: is}); wait > 0 {
				return blocked(wait), nil, changes
			}
		}
		w, a := who{}, bad
		if a == nil {
			w, a = c.signedIn(st, fields, password)
		}
		if a != nil {
			return *a, nil, changes
		}
		p, kept := c.newPair(st, w, c.SignInLife)
		return answer{}, &p, append(changes, kept...)
	})
}

// readSignIn reads the body of a sign-in.
func readSignIn(r *reading) (fields map[string]string, password string) {
	raw, _ := r.member("LoginFields")
	password, ok := r.text("Password")
	switch {
	case isNull(raw):
		r.required("LoginFields")
	case !ok && r.mistakes == nil:
		r.required("Password")
	default:
		if fields, ok = loginFields(raw, r.strict); !ok {
			r.wrong("LoginFields", "JSON with texts")
		}
	}
	return fields, password
}

// signedIn finds whom a sign-in is for.
func (c *call) signedIn(st *store.State, fields map[string]string, password string) (who, refused) {
	if token, ok := fields[deviceTokenKey]; ok {
		return c.userSignedIn(st, token, password)
	}
	for name, value := range fields {
		if strings.EqualFold(name, "email") {
			a := st.Admin(value)
			if a == nil || a.Password != password {
				return who{}, no(refuse(http.StatusUnauthorized))
			}
			return who{admin: a}, nil
		}
	}
	return who{}, no(answer{status: http.StatusUnauthorized, bare: true})
}

func (c *call) userSignedIn(st *store.State, token, password string) (who, refused) {
	id, wrong := c.headerUUID("InstanceId")
	if wrong != "" {
		return who{}, no(invalid(mistake("InstanceId", wrong)))
	}
	in := st.Instance(id)
	device, err := field.ParseServiceUUID(token)
	key, badKey := field.ParseServiceUUID(password)
	u := st.User(device)
	if in == nil || u == nil || err != nil || badKey != nil || key != in.Key || u.Instance != in.ID {
		return who{}, no(refuse(http.StatusUnauthorized))
	}
	return who{user: u, in: in}, nil
}

// address is where the request came from, without the port.
func (c *call) address() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return host
}

// refresh renews a pair by the old JWT, expired or not, and the refresh token, which is
// spent by it. Whatever is wrong with the two gets 401. That a refreshed JWT lives as
// long as one from a sign-in is live; that the old one lives on is assumed: refreshed.
func (c *call) refresh() answer {
	var access, token string
	bad := c.read(func(r *reading) {
		access, token = requiredText(r, "AccessToken"), requiredText(r, "RefreshToken")
	})
	if bad != nil {
		return *bad
	}
	return c.answerPair(func(st *store.State) (answer, *pair, []store.Change) {
		cl, err := verify(st, access, c.now)
		if err != nil && !errors.Is(err, errExpired) {
			return refuse(http.StatusUnauthorized), nil, nil
		}
		w, known := subject(st, cl)
		expires := st.Expires(pairSubject(cl), hash(token))
		if !known || expires.IsZero() {
			return refuse(http.StatusUnauthorized), nil, nil
		}
		spent := store.Change{Pair: &store.Pair{Subject: pairSubject(cl), Hash: hash(token)}}
		if !c.now.Before(expires) {
			return refuse(http.StatusUnauthorized), nil, []store.Change{spent}
		}
		p, kept := c.newPair(st, w, c.SignInLife)
		return answer{}, &p, append([]store.Change{spent}, kept...)
	})
}

func requiredText(r *reading, name string) string {
	text, ok := r.text(name)
	if !ok {
		r.required(name)
	}
	return text
}

const (
	signInWindow = time.Minute
	signInBlock  = time.Hour
)

// countSignIn counts a sign-in from an address; wait is how long the address is blocked,
// 0 if it is not. One over the limit within a minute blocks for an hour (live).
func countSignIn(was *store.SignIns, address string, limit int, now time.Time) (is *store.SignIns, wait time.Duration) {
	is = &store.SignIns{Address: address, Times: []time.Time{now.UTC()}}
	if was == nil {
		return is, 0
	}
	if now.Before(was.Blocked) {
		return was, was.Blocked.Sub(now)
	}
	for _, t := range was.Times {
		if age := now.Sub(t); age >= 0 && age < signInWindow {
			is.Times = append(is.Times, t)
		}
	}
	if len(is.Times) > limit {
		return &store.SignIns{Address: address, Blocked: now.Add(signInBlock).UTC()}, signInBlock
	}
	return is, 0
}

// deviceTokenKey is the inner name of a user's sign-in, exactly so in a string; any other
// spelling gets a 401 without a body (live).
const deviceTokenKey = "Devicetoken"

// loginFields reads the LoginFields of a sign-in: a string that holds JSON (live), or an
// object (client). The names in an object go without regard to case, as the vendor's
// Android library writes DeviceToken there (for email that is assumed: login-object); in
// a string they are exact (live).
func loginFields(raw json.RawMessage, strict bool) (map[string]string, bool) {
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		var fields map[string]string
		return fields, json.Unmarshal([]byte(inner), &fields) == nil && fields != nil
	}
	var fields struct{ Devicetoken, Email *string }
	if strict || json.Unmarshal(raw, &fields) != nil {
		return nil, false
	}
	out := map[string]string{}
	if fields.Devicetoken != nil {
		out[deviceTokenKey] = *fields.Devicetoken
	}
	if fields.Email != nil {
		out["email"] = *fields.Email
	}
	return out, true
}

// register registers one user. What a token that is taken and an invite code that is none
// get is assumed: taken, invite.
func (c *call) register() answer {
	var ch change
	bad := c.read(func(r *reading) { ch = readChange(r, field.Create) })
	var device uuid.UUID
	a := c.answerPair(func(st *store.State) (answer, *pair, []store.Change) {
		in, no := c.instanceOf(st)
		if no == nil {
			no = bad
		}
		if no != nil {
			return *no, nil, nil
		}
		if ch.inviteCode != "" {
			if in = st.InstanceByCode(ch.inviteCode); in == nil {
				return invalid(mistake("InstanceInviteCode", "No instance has this invite code.")), nil, nil
			}
		}
		if st.User(ch.customToken) != nil {
			a := refuse(http.StatusConflict)
			a.errors = append(a.errors, mistake("CustomToken", "A user with this token exists already."))
			return a, nil, nil
		}
		u := c.newUser(st, in, ch)
		device = u.Token
		changes := []store.Change{{User: u}}
		if !ch.createToken {
			return answer{status: http.StatusOK}, nil, changes
		}
		p, kept := c.newPair(st, who{user: u, in: in}, c.RegisterLife)
		return answer{}, &p, append(changes, kept...)
	})
	if device != uuid.Nil && !ch.createToken && a.err == nil {
		return with(issued{DeviceToken: &device})
	}
	return a
}

// newUser makes a user of an instance.
func (c *call) newUser(st *store.State, in *store.Instance, ch change) *store.User {
	u := &store.User{Token: ch.customToken, Instance: in.ID, Created: c.now.UTC()}
	for u.Token == uuid.Nil || st.User(u.Token) != nil {
		u.Token = c.NewUUID()
	}
	ch.apply(u)
	return u
}

// registerMany registers many users at once. Its path, the shape of its answer and the
// largest Quantity are assumed: many.
func (c *call) registerMany() answer {
	var quantity int
	ch := change{createToken: true}
	bad := c.read(func(r *reading) {
		quantity = readPositive(r, "Quantity", MaxQuantity)
		ch.readCreateToken(r)
		if in := r.inner("CustomFields"); in != nil {
			ch.readFlags(in, field.All(field.Quantity))
			r.mistakes = append(r.mistakes, in.wrongs()...)
		}
	})
	var users []issued
	var pairs []pair
	a := c.change(func(st *store.State) (answer, []store.Change) {
		in, no := c.instanceOf(st)
		if no == nil {
			no = bad
		}
		if no != nil {
			return *no, nil
		}
		var changes []store.Change
		for range quantity {
			u := c.newUser(st, in, ch)
			changes = append(changes, store.Change{User: u})
			users = append(users, issued{DeviceToken: &u.Token})
			if ch.createToken {
				p, kept := c.newPair(st, who{user: u, in: in}, c.RegisterLife)
				pairs, changes = append(pairs, p), append(changes, kept...)
			}
		}
		return done(), changes
	})
	if a.err != nil || users == nil {
		return a
	}
	for i, p := range pairs {
		var err error
		if users[i], err = c.sign(p); err != nil {
			return answer{err: err}
		}
	}
	return with(users)
}
