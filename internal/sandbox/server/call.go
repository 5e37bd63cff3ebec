package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// call is one request on its way to an answer.
type call struct {
	*Server
	r      *http.Request
	route  *route
	body   []byte
	params map[string]string
	now    time.Time
}

// view makes the answer from a state that does not change meanwhile.
func (c *call) view(fn func(*store.State) answer) (a answer) {
	if err := c.Store.View(c.r.Context(), func(st *store.State) { a = fn(st) }); err != nil {
		return answer{err: err}
	}
	return a
}

// change makes the answer and the changes that go with it.
func (c *call) change(fn func(*store.State) (answer, []store.Change)) (a answer) {
	err := c.Store.Update(c.r.Context(), func(st *store.State) (changes []store.Change) {
		a, changes = fn(st)
		return changes
	})
	if err != nil {
		return answer{err: err}
	}
	return a
}

// askedIn is who gets the names that the call looks for in a part of its request.
// It is nil but in tests.
func (c *call) askedIn(where string) func(name string) {
	if c.Asked == nil {
		return nil
	}
	return func(name string) { c.Asked(c.route.method+" "+c.route.path, where, name) }
}

func (c *call) header(name string) string {
	if asked := c.askedIn("header"); asked != nil {
		asked(name)
	}
	return c.r.Header.Get(name)
}

// query reads the call's query. Names go without regard to case (assumed: names); of a
// name that comes twice the first counts.
func (c *call) query() func(name string) string {
	asked := c.askedIn("query")
	values := map[string]string{}
	for name, all := range c.r.URL.Query() {
		values[strings.ToLower(name)] = all[0]
	}
	return func(name string) string {
		if asked != nil {
			asked(name)
		}
		return values[strings.ToLower(name)]
	}
}

// headerUUID reads a header that holds a UUID; wrong says what is wrong with it.
func (c *call) headerUUID(name string) (value uuid.UUID, wrong string) {
	text := c.header(name)
	if text == "" {
		return uuid.Nil, "The " + name + " field is required."
	}
	value, err := field.ParseServiceUUID(text)
	if err != nil {
		return uuid.Nil, "The value of " + name + " is not a UUID."
	}
	return value, ""
}

// param reads a UUID of the path; ok is false where it is none.
func (c *call) param(name string) (id uuid.UUID, ok bool) {
	id, err := field.ParseServiceUUID(c.params[name])
	return id, err == nil
}

// credentials reads the headers InstanceId and InstanceKey: missing or malformed 422
// (assumed: headers).
func (c *call) credentials() (id, key uuid.UUID, r refused) {
	id, wrongID := c.headerUUID("InstanceId")
	key, wrongKey := c.headerUUID("InstanceKey")
	if wrongID == "" && wrongKey == "" {
		return id, key, nil
	}
	bad := invalid()
	if wrongID != "" {
		bad.errors = append(bad.errors, mistake("InstanceId", wrongID))
	}
	if wrongKey != "" {
		bad.errors = append(bad.errors, mistake("InstanceKey", wrongKey))
	}
	return id, key, &bad
}

// instanceOf finds the instance of the headers: a wrong key or an unknown instance gets
// 401 (assumed: wrong-key).
func (c *call) instanceOf(st *store.State) (*store.Instance, refused) {
	id, key, r := c.credentials()
	if r != nil {
		return nil, r
	}
	in := st.Instance(id)
	if in == nil || in.Key != key {
		return nil, no(refuse(http.StatusUnauthorized))
	}
	return in, nil
}

// who is the caller, by the JWT: an admin, or a user with its instance.
type who struct {
	admin *store.Admin
	user  *store.User
	in    *store.Instance
}

// caller reads the JWT: missing, forged, expired, or of somebody who is gone gets a 401
// without a body (live; that it names the scheme is assumed: challenge).
func (c *call) caller(st *store.State) (who, refused) {
	token, ok := bearer(c.header("Authorization"))
	if !ok {
		return who{}, no(unauthorized("Bearer"))
	}
	cl, err := verify(st, token, c.now)
	if err == nil {
		if w, ok := subject(st, cl); ok && cl.Generation == generation(st, w.user) {
			return w, nil
		}
	}
	return who{}, no(unauthorized(`Bearer error="invalid_token"`))
}

func unauthorized(challenge string) answer {
	return answer{
		status: http.StatusUnauthorized, bare: true, header: map[string]string{"WWW-Authenticate": challenge},
	}
}

// subject finds whom claims speak of; a user who was deleted is nobody (assumed: deleted-jwt).
func subject(st *store.State, cl *claims) (who, bool) {
	if cl.DeviceToken == "" {
		a := st.Admin(cl.Email)
		return who{admin: a}, a != nil && cl.Email != ""
	}
	token, err := field.ParseServiceUUID(cl.DeviceToken)
	u := st.User(token)
	if err != nil || u == nil {
		return who{}, false
	}
	in := st.Instance(u.Instance)
	return who{user: u, in: in}, in != nil
}

func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// asAdmin wants an admin's JWT; a user's gets 403.
func (c *call) asAdmin(st *store.State) (admin, refused) {
	w, r := c.caller(st)
	if r == nil && w.admin == nil {
		r = no(refuse(http.StatusForbidden))
	}
	return admin{w.admin, st}, r
}

// viewAsAdmin is view for the calls that want an admin's JWT. bad, unless it is nil, is the
// answer to whoever has one.
func (c *call) viewAsAdmin(bad refused, fn func(*store.State, admin) answer) answer {
	return c.view(func(st *store.State) answer {
		a, no := c.asAdmin(st)
		switch {
		case no != nil:
			return *no
		case bad != nil:
			return *bad
		}
		return fn(st, a)
	})
}

// changeAsAdmin is change for the calls that want an admin's JWT.
func (c *call) changeAsAdmin(bad refused, fn func(*store.State, admin) (answer, []store.Change)) answer {
	return c.change(func(st *store.State) (answer, []store.Change) {
		a, no := c.asAdmin(st)
		switch {
		case no != nil:
			return *no, nil
		case bad != nil:
			return *bad, nil
		}
		return fn(st, a)
	})
}

// asUser wants a user's JWT; an admin's gets 403.
func (c *call) asUser(st *store.State) (who, refused) {
	w, r := c.caller(st)
	if r == nil && w.user == nil {
		r = no(refuse(http.StatusForbidden))
	}
	return w, r
}
