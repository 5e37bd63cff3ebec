package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// signIn signs in an admin or a user. Every try counts against the address's limit, refused or
// not (assumed: sign-in-limit).
func (c *call) signIn() (any, error) {
	if c.SignInLimit > 0 {
		address, _, err := net.SplitHostPort(c.r.RemoteAddr)
		if err != nil {
			address = c.r.RemoteAddr
		}
		is, wait := countSignIn(c.st.SignIns(address), address, c.SignInLimit, c.now)
		if c.change(store.Change{SignIns: is}); wait > 0 {
			return nil, blocked(wait)
		}
	}
	var fields map[string]string
	var password string
	if err := c.read(func(r *reading) { fields, password = readSignIn(r) }); err != nil {
		return nil, err
	}
	w, err := c.signedIn(fields, password)
	if err != nil {
		return nil, err
	}
	return c.issue(w, c.SignInLife), nil
}

// readSignIn reads the body of a sign-in.
func readSignIn(r *reading) (fields map[string]string, password string) {
	raw, _ := r.member("LoginFields")
	password, ok := r.text("Password")
	switch {
	case isNull(raw):
		r.require("LoginFields", false)
	case !ok:
		r.require("Password", false)
	default:
		if fields, ok = loginFields(raw, r.strict); !ok {
			r.wrong("LoginFields", "JSON with texts")
		}
	}
	return fields, password
}

// signedIn finds whom a sign-in is for.
func (c *call) signedIn(fields map[string]string, password string) (w who, err error) {
	if token, ok := fields[deviceTokenKey]; ok {
		return c.userSignedIn(token, password)
	}
	for name, value := range fields {
		if strings.EqualFold(name, "email") {
			if w.admin = c.st.Admin(value); w.admin == nil || w.admin.Password != password {
				return w, refuse(http.StatusUnauthorized)
			}
			return w, nil
		}
	}
	return w, bare(http.StatusUnauthorized)
}

func (c *call) userSignedIn(token, password string) (w who, err error) {
	ids, err := c.headerUUIDs("InstanceId")
	if err != nil {
		return w, err
	}
	device, _ := field.ParseUUID(token)
	key, _ := field.ParseUUID(password)
	w.in, w.user = c.st.Instance(ids[0]), c.st.User(device)
	if w.in == nil || w.user == nil || key != w.in.Key || w.user.Instance != w.in.ID {
		return w, refuse(http.StatusUnauthorized)
	}
	return w, nil
}

// refresh renews a pair by the old JWT, expired or not, and the refresh token, which is
// spent by it. Whatever is wrong with the two gets 401. That a refreshed JWT lives as
// long as one from a sign-in is live; that the old one lives on is assumed: refreshed.
func (c *call) refresh() (any, error) {
	var access, token string
	err := c.read(func(r *reading) {
		var ok bool
		access, ok = r.text("AccessToken")
		r.require("AccessToken", ok)
		token, ok = r.text("RefreshToken")
		r.require("RefreshToken", ok)
	})
	if err != nil {
		return nil, err
	}
	w, _, err := c.verify(access)
	if err != nil && !errors.Is(err, errExpired) {
		return nil, refuse(http.StatusUnauthorized)
	}
	expires := c.st.Expires(w.subject(), hash(token))
	if expires.IsZero() {
		return nil, refuse(http.StatusUnauthorized)
	}
	c.change(store.Change{Pair: &store.Pair{Subject: w.subject(), Hash: hash(token)}})
	if !c.now.Before(expires) {
		return nil, refuse(http.StatusUnauthorized)
	}
	return c.issue(w, c.SignInLife), nil
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
func (c *call) register() (any, error) {
	u, create, invite := &store.User{}, true, ""
	err := c.read(func(r *reading) {
		readUser(r, field.Create, u)
		invite, _ = r.text("InstanceInviteCode")
		create = readCreateToken(r)
	})
	if err != nil {
		return nil, err
	}
	if invite != "" {
		if c.in = c.st.InstanceByCode(invite); c.in == nil {
			return nil, invalid(entry{"InstanceInviteCode", "No instance has this invite code."})
		}
	}
	if c.st.User(u.Token) != nil {
		return nil, refuse(http.StatusConflict, entry{"CustomToken", "A user with this token exists already."})
	}
	c.add(u)
	if !create {
		return issued{DeviceToken: u.Token}, nil
	}
	return c.issue(who{user: u, in: c.in}, RegisterLife), nil
}

// add makes a user one of the caller's instance.
func (c *call) add(u *store.User) {
	u.Instance, u.Created = c.in.ID, c.now.UTC()
	for u.Token == "" || c.st.User(u.Token) != nil {
		u.Token = c.NewUUID()
	}
	c.change(store.Change{User: u})
}

func readCreateToken(r *reading) bool {
	create, given := r.boolean("CreateAccessToken")
	return create || !given
}

// registerMany registers many users at once. Its path, the shape of its answer and the
// largest Quantity are assumed: many.
func (c *call) registerMany() (any, error) {
	quantity, create, fields := 0, true, map[string]string{}
	err := c.read(func(r *reading) {
		quantity = readPositive(r, "Quantity", MaxQuantity)
		create = readCreateToken(r)
		if in := r.inner("CustomFields"); in != nil {
			readFlags(in, field.All(field.Quantity), fields)
			r.mistakes = append(r.mistakes, in.wrongs()...)
		}
	})
	if err != nil {
		return nil, err
	}
	users, pairs := make([]any, quantity), []later{}
	for i := range users {
		u := &store.User{Fields: store.ValuesOf(fields)}
		c.add(u)
		users[i] = issued{DeviceToken: u.Token}
		if create {
			pairs = append(pairs, c.issue(who{user: u, in: c.in}, RegisterLife))
		}
	}
	return later(func(ctx context.Context) (any, error) {
		for i, sign := range pairs {
			if users[i], err = sign(ctx); err != nil {
				return nil, err
			}
		}
		return users, nil
	}), nil
}
