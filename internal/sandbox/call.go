package sandbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// call is one request on its way to an answer.
type call struct {
	*Sandbox
	r      *http.Request
	route  *route
	body   []byte
	params map[string]string
	now    time.Time
}

// view makes the answer from one unchanging state.
func (c *call) view(fn func(state) answer) answer {
	var a answer
	if err := c.engine.view(func(t tx) { a = fn(state{t}) }); err != nil {
		return answer{err: err}
	}
	return a
}

// change makes the answer and the changes that go with it; they are kept if keep is true.
func (c *call) change(fn func(state) (a answer, keep bool)) answer {
	var a answer
	err := c.engine.update(func(t tx) (keep bool) {
		a, keep = fn(state{t})
		return keep
	})
	if err != nil {
		return answer{err: err}
	}
	return a
}

// refused is for the parts of a call that may end it: nil goes on.
type refused = *answer

func no(a answer) refused { return &a }

// instanceOf checks the headers InstanceId and InstanceKey: missing or malformed 422, a wrong key or an unknown
// instance 401 (assumed: headers, wrong-key).
func (c *call) instanceOf(s state) (instance, refused) {
	id, key, no422 := c.credentials()
	if no422 != nil {
		return instance{}, no422
	}
	in, ok := s.instanceByID(id)
	if !ok || in.Key != key {
		a := refuse(http.StatusUnauthorized)
		return instance{}, &a
	}
	return in, nil
}

func (c *call) credentials() (id, key string, r refused) {
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
	return "", "", &bad
}

// askedIn is who is told of the names that the call looks for somewhere: in its headers, its query or its body. It is nil but in tests.
func (c *call) askedIn(where string) func(name string) {
	if c.asked == nil {
		return nil
	}
	return func(name string) { c.asked(c.route.method+" "+c.route.path, where, name) }
}

// header is a header's text.
func (c *call) header(name string) string {
	if asked := c.askedIn("header"); asked != nil {
		asked(name)
	}
	return c.r.Header.Get(name)
}

// query reads the call's query. Names go without regard to case (assumed: names); of a name that comes twice the first counts.
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

// headerUUID reads a header that holds a UUID; wrong says what is the matter with it.
func (c *call) headerUUID(name string) (value, wrong string) {
	text := c.header(name)
	if text == "" {
		return "", "The " + name + " field is required."
	}
	value, err := field.ParseUUID(text)
	if err != nil {
		return "", "The value of " + name + " is not a UUID."
	}
	return value, ""
}

// who is the caller, by the JWT: an admin, or a user with its instance.
type who struct {
	admin *admin
	user  *user
	in    instance
}

// caller reads the JWT: missing, forged, expired, or of somebody who is no more gets 401.
func (c *call) caller(s state) (who, refused) {
	token, ok := bearer(c.header("Authorization"))
	if !ok {
		return who{}, no(unauthorized())
	}
	cl, err := s.verify(token, c.now)
	if err != nil {
		return who{}, no(unauthorized())
	}
	w, ok := s.subject(cl)
	if !ok || cl.Generation != s.generation(w.user) {
		return who{}, no(unauthorized())
	}
	return w, nil
}

// subject is whom claims speak of; a user who was deleted is nobody (assumed: deleted-jwt).
func (s state) subject(cl claims) (who, bool) {
	if cl.DeviceToken == "" {
		a, ok := s.admin(cl.Email)
		return who{admin: &a}, ok && cl.Email != ""
	}
	u, ok := s.userByToken(cl.DeviceToken)
	if !ok {
		return who{}, false
	}
	in, ok := s.instance(u.Instance)
	return who{user: u, in: in}, ok
}

// unauthorized is the answer to who has no JWT that does (that it names the scheme is assumed: challenge).
func unauthorized() answer {
	a := refuse(http.StatusUnauthorized)
	a.header = map[string]string{"WWW-Authenticate": "Bearer"}
	return a
}

func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// asAdmin wants an admin's JWT; a user's gets 403.
func (c *call) asAdmin(s state) (admin, refused) {
	w, r := c.caller(s)
	if r != nil {
		return admin{}, r
	}
	if w.admin == nil {
		return admin{}, no(refuse(http.StatusForbidden))
	}
	return *w.admin, nil
}

// viewAsAdmin is view for the calls that want an admin's JWT.
func (c *call) viewAsAdmin(fn func(state, admin) answer) answer {
	return c.view(func(s state) answer {
		a, no := c.asAdmin(s)
		if no != nil {
			return *no
		}
		return fn(s, a)
	})
}

// changeAsAdmin is change for the calls that want an admin's JWT.
func (c *call) changeAsAdmin(fn func(state, admin) (answer, bool)) answer {
	return c.change(func(s state) (answer, bool) {
		a, no := c.asAdmin(s)
		if no != nil {
			return *no, false
		}
		return fn(s, a)
	})
}

// asUser wants a user's JWT; an admin's gets 403.
func (c *call) asUser(s state) (who, refused) {
	w, r := c.caller(s)
	if r == nil && w.user == nil {
		r = no(refuse(http.StatusForbidden))
	}
	return w, r
}

// reached finds a user that the admin may act on: unknown 404 (live), outside its reach 403 (assumed: reach).
func (s state) reached(a admin, token string) (*user, refused) {
	u, ok := s.userByToken(token)
	if !ok {
		return nil, no(refuse(http.StatusNotFound))
	}
	if in, ok := s.instance(u.Instance); !ok || !a.reaches(in) {
		return nil, no(refuse(http.StatusForbidden))
	}
	return u, nil
}
