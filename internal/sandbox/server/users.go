package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// admin is an admin who calls.
type admin struct {
	*store.Admin
	state *store.State
}

// reaches reports whether the admin may act on the instance.
func (a admin) reaches(i *store.Instance) bool {
	return i != nil && (slices.Contains(a.Instances, i.ID) || slices.Contains(a.Applications, i.Application) ||
		slices.Contains(a.Companies, i.Company))
}

// instances returns those that the admin may act on.
func (a admin) instances() []*store.Instance {
	var out []*store.Instance
	for _, i := range a.state.Instances {
		if a.reaches(i) {
			out = append(out, i)
		}
	}
	return out
}

// user finds a user that the admin may act on: unknown 404 (live), outside its reach 403
// (assumed: reach).
func (a admin) user(token uuid.UUID) (*store.User, refused) {
	u := a.state.User(token)
	if u == nil {
		return nil, no(refuse(http.StatusNotFound))
	}
	if !a.reaches(a.state.Instance(u.Instance)) {
		return nil, no(refuse(http.StatusForbidden))
	}
	return u, nil
}

// criteria are those of a find but DeviceToken. Text is compared without regard to case
// (assumed: text).
var criteria = []string{"Email", "Phone", "ClientId", "FullName", "LastName", "FirstName"}

// query of a find: all that is given must hold.
type finding struct {
	token    uuid.UUID
	values   store.Values // by criterion
	country  string
	osType   string
	inactive bool
	names    bool
}

// find finds users by any of the criteria, all of which must hold. A deactivated user is
// not found unless ShowInactiveUsers is true (live).
func (c *call) find() answer {
	f, bad := c.finding()
	return c.viewAsAdmin(bad, func(st *store.State, a admin) answer {
		view := View{State: st, Names: f.names, Wallets: true}
		result := []byte{'['}
		for i, u := range f.in(st, a) {
			result = view.Append(append(result, comma(i)...), u)
		}
		return answer{status: http.StatusOK, result: append(result, ']')}
	})
}

// finding reads the query of a find.
func (c *call) finding() (f finding, bad refused) {
	query, r := c.query(), &reading{}
	if text := query("DeviceToken"); text != "" {
		var err error
		if f.token, err = field.ParseServiceUUID(text); err != nil {
			r.wrong("DeviceToken", "a UUID")
		}
	}
	for _, name := range criteria {
		if text := query(name); text != "" {
			f.values = append(f.values, store.Value{Name: name, Text: text})
		}
	}
	f.country = query("Country")
	switch text := query("OsType"); strings.ToLower(text) {
	case "":
	case "0", "android":
		f.osType = "Android"
	case "1", "ios":
		f.osType = "iOS"
	default:
		r.wrong("OsType", "0 or 1")
	}
	for _, flag := range []struct {
		name string
		to   *bool
	}{{"IncludeAccountInfo", &f.names}, {"ShowInactiveUsers", &f.inactive}} {
		if text := query(flag.name); text != "" {
			var err error
			if *flag.to, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
				r.wrong(flag.name, "a boolean")
			}
		}
	}
	switch {
	case r.mistakes != nil:
		bad = no(invalid(r.mistakes...))
	case f.token == uuid.Nil && f.values == nil:
		bad = no(invalid(mistake("", "At least one criterion is required.")))
	}
	return f, bad
}

// in returns the users within an admin's reach that match, in the order of registration.
func (f finding) in(st *store.State, a admin) []*store.User {
	reach := map[uuid.UUID]bool{}
	for _, i := range a.instances() {
		reach[i.ID] = true
	}
	keep := func(u *store.User) (*store.User, bool) { return u, u != nil && reach[u.Instance] && f.matches(u) }
	email, byEmail := f.values.Get("Email")
	client, byClient := f.values.Get("ClientId")
	var few []*store.User
	switch {
	case f.token != uuid.Nil:
		few = []*store.User{st.User(f.token)}
	case byEmail:
		few = slices.Clone(st.ByEmail(email))
	case byClient:
		few = slices.Clone(st.ByClientID(client))
	default:
		return store.Collect(st, keep)
	}
	few = slices.DeleteFunc(few, func(u *store.User) bool { _, ok := keep(u); return !ok })
	store.Sort(few)
	return few
}

func (f finding) matches(u *store.User) bool {
	if f.token != uuid.Nil && f.token != u.Token || u.Status != "" && !f.inactive {
		return false
	}
	for _, c := range f.values {
		value, ok := valueOf(u, c.Name)
		if !ok || !strings.EqualFold(value, c.Text) {
			return false
		}
	}
	country, _ := u.Fields.Get("Country")
	system, _ := u.Device.Get("OsType")
	return (f.country == "" || strings.EqualFold(country, f.country)) && (f.osType == "" || system == f.osType)
}

// valueOf returns a field's value; FullName is the two names with a blank between.
func valueOf(u *store.User, name string) (string, bool) {
	if name != "FullName" {
		return u.Fields.Get(name)
	}
	first, hasFirst := u.Fields.Get("FirstName")
	last, hasLast := u.Fields.Get("LastName")
	return strings.TrimSpace(first + " " + last), hasFirst || hasLast
}

// ownProfile is a user's own.
func (c *call) ownProfile() answer {
	return c.view(func(st *store.State) answer {
		w, no := c.asUser(st)
		if no == nil {
			no = c.ownInstance(st, w)
		}
		if no != nil {
			return *no
		}
		view := View{State: st, Wallets: true}
		return answer{status: http.StatusOK, result: view.Append(nil, w.user)}
	})
}

// ownInstance checks that the instance in the headers is the caller's.
func (c *call) ownInstance(st *store.State, w who) refused {
	in, r := c.instanceOf(st)
	if r == nil && in.ID != w.in.ID {
		r = no(refuse(http.StatusForbidden))
	}
	return r
}

// updateUser updates a user with an admin's JWT, and one's own with a user's.
func (c *call) updateUser() answer {
	var ch change
	bad := c.read(func(r *reading) { ch = readChange(r, field.Update) })
	return c.change(func(st *store.State) (answer, []store.Change) {
		u, no := c.updated(st)
		switch {
		case no != nil:
			return *no, nil
		case bad != nil:
			return *bad, nil
		}
		is := *u
		ch.apply(&is)
		return done(), []store.Change{{User: &is}}
	})
}

// updated is the user whom an update means. A user may say so in either header (assumed:
// own-header).
func (c *call) updated(st *store.State) (*store.User, refused) {
	w, r := c.caller(st)
	if r != nil {
		return nil, r
	}
	if w.admin != nil {
		token, wrong := c.headerUUID("UserDeviceToken")
		if wrong != "" {
			return nil, no(invalid(mistake("UserDeviceToken", wrong)))
		}
		return admin{w.admin, st}.user(token)
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
	return w.user, c.ownInstance(st, w)
}

// deleteUser deletes a user, for good.
func (c *call) deleteUser() answer {
	return c.changeAsAdmin(nil, func(_ *store.State, a admin) (answer, []store.Change) {
		token, ok := c.param("DeviceToken")
		if !ok {
			return invalid(mistake("DeviceToken", "The value of DeviceToken is not a UUID.")), nil
		}
		u, no := a.user(token)
		if no != nil {
			return *no, nil
		}
		return done(), []store.Change{{DeleteUser: u.Token}}
	})
}

// move moves a user into another instance; its id and key must fit (what else gets is
// assumed: move-key).
func (c *call) move() answer {
	var values [3]uuid.UUID
	bad := c.read(func(r *reading) {
		for i, name := range []string{"DeviceToken", "ToInstanceId", "ToInstanceKey"} {
			before := len(r.mistakes)
			v, ok := r.uuid(name)
			if !ok && len(r.mistakes) == before {
				r.required(name)
			}
			values[i] = v
		}
	})
	return c.changeAsAdmin(bad, func(st *store.State, a admin) (answer, []store.Change) {
		u, no := a.user(values[0])
		if no != nil {
			return *no, nil
		}
		in := st.Instance(values[1])
		if in == nil || in.Key != values[2] {
			return invalid(mistake("ToInstanceKey", "No instance has this id and key.")), nil
		}
		return done(), moved(u, in)
	})
}

// join moves a user by an invite code, with the user's JWT (what an unknown code gets is
// assumed: invite).
func (c *call) join() answer {
	return c.change(func(st *store.State) (answer, []store.Change) {
		w, no := c.asUser(st)
		if no != nil {
			return *no, nil
		}
		in := st.InstanceByCode(c.params["InviteCode"])
		if in == nil {
			return refuse(http.StatusNotFound), nil
		}
		return done(), moved(w.user, in)
	})
}

func moved(u *store.User, to *store.Instance) []store.Change {
	is := *u
	is.Instance = to.ID
	return []store.Change{{User: &is}}
}
