package server

import (
	"context"
	"net/http"
	"strings"
	"time"

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

	st      *store.State   // which does not change meanwhile
	changes []store.Change // what the call changes, whatever its answer

	who // the caller

	// What the path names, within the caller's reach.
	place       *store.Place
	application *store.Application
	company     *store.Company
	subject     *store.User
}

// who is an admin, or a user with its instance, or an instance.
type who struct {
	admin *store.Admin
	user  *store.User
	in    *store.Place
}

// carryOut makes the answer and the changes that go with it.
func (c *call) carryOut(ctx context.Context) (result any, err error) {
	run := func(st *store.State) []store.Change {
		c.st = st
		result, err = c.handle()
		return c.changes
	}
	var failed error
	if c.route.reads {
		failed = c.Store.View(ctx, func(st *store.State) { run(st) })
	} else {
		failed = c.Store.Update(ctx, run)
	}
	if failed != nil {
		return nil, failed
	}
	if sign, ok := result.(later); ok && err == nil {
		return sign(ctx)
	}
	return result, err
}

func (c *call) change(changes ...store.Change) { c.changes = append(c.changes, changes...) }

// handle has the call made by whom it is for, on what is there.
func (c *call) handle() (result any, err error) {
	if err := c.admit(); err != nil {
		return nil, err
	}
	if token, ok := c.params["DeviceToken"]; ok {
		if c.subject, err = c.reachable("DeviceToken", token); err != nil {
			return nil, err
		}
	}
	if !c.locate() {
		return null, nil
	}
	return c.route.handle(c)
}

// admit finds out who calls, and whether it may.
func (c *call) admit() (err error) {
	switch c.route.as {
	case anybody:
		return nil
	case anInstance:
		c.in, err = c.instanceOfHeaders()
		return err
	}
	if c.who, err = c.caller(); err != nil {
		return err
	}
	if c.route.as == anAdmin && c.admin == nil || c.route.as == aUser && c.user == nil {
		return refuse(http.StatusForbidden)
	}
	return nil
}

// locate finds the company, application or instance of the path. It is false where it does not
// exist (live), and where it is out of reach (assumed: reach): an admin of an instance alone sees
// no application.
func (c *call) locate() bool {
	id := func(name string) string {
		id, _ := field.ParseUUID(c.params[name])
		return id
	}
	if _, ok := c.params["InstanceId"]; ok {
		c.place = c.st.Instance(id("InstanceId"))
		return c.reaches(c.place)
	}
	if _, ok := c.params["AppId"]; ok {
		c.application, c.company = c.st.Application(id("AppId"))
		return c.application != nil && c.admin.Sees(c.application, c.company)
	}
	if _, ok := c.params["CompanyId"]; ok {
		c.company = c.st.Company(id("CompanyId"))
		return c.company != nil && c.admin.Sees(nil, c.company)
	}
	return true
}

// reaches reports whether the admin may act on an instance.
func (c *call) reaches(p *store.Place) bool { return p != nil && c.admin.Reaches(p) }

// reachable finds a user that the admin may act on by its DeviceToken, which stands under a name:
// unknown 404 (live), outside its reach 403 (assumed: reach).
func (c *call) reachable(name, text string) (*store.User, error) {
	token, err := field.ParseUUID(text)
	if err != nil {
		return nil, invalid(wrong(name, "a UUID"))
	}
	u := c.st.User(token)
	switch {
	case u == nil:
		return nil, refuse(http.StatusNotFound)
	case !c.reaches(c.st.Instance(u.Instance)):
		return nil, refuse(http.StatusForbidden)
	}
	return u, nil
}

// ask tells the tests which name the call looks for in a part of its request.
func (c *call) ask(where, name string) {
	if c.Asked != nil {
		c.Asked(c.route.method+" "+c.route.path, where, name)
	}
}

func (c *call) header(name string) string {
	c.ask("header", name)
	return c.r.Header.Get(name)
}

// query reads the call's query. Names go without regard to case (assumed: names); of a
// name that comes twice the first counts.
func (c *call) query() func(name string) string {
	values := map[string]string{}
	for name, all := range c.r.URL.Query() {
		values[strings.ToLower(name)] = all[0]
	}
	return func(name string) string {
		c.ask("query", name)
		return values[strings.ToLower(name)]
	}
}

// headerUUIDs reads headers that each hold a UUID: missing or malformed 422 (assumed: headers).
func (c *call) headerUUIDs(names ...string) ([]string, error) {
	values, bad := make([]string, len(names)), invalid()
	for i, name := range names {
		text := c.header(name)
		var err error
		if values[i], err = field.ParseUUID(text); text == "" {
			bad.errors = append(bad.errors, missing(name))
		} else if err != nil {
			bad.errors = append(bad.errors, wrong(name, "a UUID"))
		}
	}
	if bad.errors != nil {
		return values, bad
	}
	return values, nil
}

// instanceOfHeaders finds the instance of the headers: a wrong key or an unknown instance gets
// 401 (assumed: wrong-key).
func (c *call) instanceOfHeaders() (*store.Place, error) {
	values, err := c.headerUUIDs("InstanceId", "InstanceKey")
	if err != nil {
		return nil, err
	}
	in := c.st.Instance(values[0])
	if in == nil || in.Key != values[1] {
		return nil, refuse(http.StatusUnauthorized)
	}
	return in, nil
}

// caller reads the JWT: missing, forged, expired, or of somebody who is gone gets a 401
// without a body (live; that it names the scheme is assumed: challenge).
func (c *call) caller() (who, error) {
	scheme, token, ok := strings.Cut(c.header("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return who{}, bare(http.StatusUnauthorized, "WWW-Authenticate", "Bearer")
	}
	w, cl, err := c.verify(strings.TrimSpace(token))
	if err != nil || cl.Generation != generation(c.st, w.user) {
		return who{}, bare(http.StatusUnauthorized, "WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	return w, nil
}
