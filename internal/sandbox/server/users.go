package server

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// criteria are those of a find but DeviceToken. Text is compared without regard to case
// (assumed: text).
var criteria = []string{"Email", "Phone", "ClientId", "FullName", "LastName", "FirstName"}

// finding is the query of a find: all that is given must hold.
type finding struct {
	token    string
	values   map[string]string // by criterion
	country  string
	osType   string
	inactive bool
	names    bool
}

// find finds users by any of the criteria, all of which must hold. A deactivated user is
// not found unless ShowInactiveUsers is true (live).
func (c *call) find() (any, error) {
	f, err := c.finding()
	if err != nil {
		return nil, err
	}
	within := c.reach()
	view := func(u *store.User) (userView, bool) {
		if !within[u.Instance] || !f.matches(u) {
			return userView{}, false
		}
		return viewOf(c.st, u, f.names, []string{}), true
	}
	if f.token == "" {
		return append([]userView{}, store.Collect(c.st, view)...), nil
	}
	if u := c.st.User(f.token); u != nil {
		if v, ok := view(u); ok {
			return []userView{v}, nil
		}
	}
	return []userView{}, nil
}

// reach returns the instances that the admin may act on.
func (c *call) reach() map[string]bool {
	ids := map[string]bool{}
	for _, p := range c.st.Places() {
		if c.admin.Reaches(p) {
			ids[p.ID] = true
		}
	}
	return ids
}

// finding reads the query of a find.
func (c *call) finding() (f finding, err error) {
	query, bad := c.query(), invalid()
	f.values = map[string]string{}
	for _, name := range criteria {
		if text := query(name); text != "" {
			f.values[name] = text
		}
	}
	if text := query("DeviceToken"); text != "" {
		if f.token, err = field.ParseUUID(text); err != nil {
			bad.errors = append(bad.errors, wrong("DeviceToken", "a UUID"))
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
		bad.errors = append(bad.errors, wrong("OsType", "0 or 1"))
	}
	flag := func(name string) (value bool) {
		text := query(name)
		if value, err = strconv.ParseBool(strings.ToLower(text)); text != "" && err != nil {
			bad.errors = append(bad.errors, wrong(name, "a boolean"))
		}
		return value
	}
	f.names, f.inactive = flag("IncludeAccountInfo"), flag("ShowInactiveUsers")
	if bad.errors == nil && f.token == "" && len(f.values) == 0 {
		bad.errors = []entry{{"", "At least one criterion is required."}}
	}
	if bad.errors != nil {
		return f, bad
	}
	return f, nil
}

func (f *finding) matches(u *store.User) bool {
	if u.Status != "" && !f.inactive {
		return false
	}
	for name, text := range f.values {
		value := u.Fields.Get(name)
		if name == "FullName" {
			value = fullName(u)
		}
		if !strings.EqualFold(value, text) {
			return false
		}
	}
	return (f.country == "" || strings.EqualFold(u.Fields.Get("Country"), f.country)) &&
		(f.osType == "" || u.Device.Get("OsType") == f.osType)
}

// fullName is the two names with a blank between.
func fullName(u *store.User) string {
	return strings.TrimSpace(u.Fields.Get("FirstName") + " " + u.Fields.Get("LastName"))
}

// ownProfile is a user's own.
func (c *call) ownProfile() (any, error) {
	if err := c.ownInstance(); err != nil {
		return nil, err
	}
	return viewOf(c.st, c.user, false, []string{}), nil
}

// ownInstance checks that the instance in the headers is the caller's.
func (c *call) ownInstance() error {
	in, err := c.instanceOfHeaders()
	if err == nil && in.ID != c.in.ID {
		err = refuse(http.StatusForbidden)
	}
	return err
}

// updateUser updates a user with an admin's JWT, and one's own with a user's.
func (c *call) updateUser() (any, error) {
	u, err := c.updated()
	if err != nil {
		return nil, err
	}
	is := *u
	if err := c.read(func(r *reading) { readUser(r, field.Update, &is) }); err != nil {
		return nil, err
	}
	c.change(store.Change{User: &is})
	return nil, nil
}

// updated is the user whom an update means. A user may say so in either header (assumed:
// own-header).
func (c *call) updated() (*store.User, error) {
	name := "UserDeviceToken"
	if c.user != nil && (c.header("DeviceToken") != "" || c.header(name) == "") {
		name = "DeviceToken"
	}
	values, err := c.headerUUIDs(name)
	switch {
	case err != nil:
		return nil, err
	case c.admin != nil:
		return c.reachable(name, values[0])
	case values[0] != c.user.Token:
		return nil, refuse(http.StatusForbidden)
	}
	return c.user, c.ownInstance()
}

// deleteUser deletes a user, for good.
func (c *call) deleteUser() (any, error) {
	c.change(store.Change{DeleteUser: c.subject.Token})
	return nil, nil
}

// move moves a user into another instance; its id and key must fit (what else gets is
// assumed: move-key).
func (c *call) move() (any, error) {
	var token, to, key string
	err := c.read(func(r *reading) {
		token, to, key = r.requiredUUID("DeviceToken"), r.requiredUUID("ToInstanceId"), r.requiredUUID("ToInstanceKey")
	})
	if err != nil {
		return nil, err
	}
	u, err := c.reachable("DeviceToken", token)
	if err != nil {
		return nil, err
	}
	in := c.st.Instance(to)
	if in == nil || in.Key != key {
		return nil, invalid(entry{"ToInstanceKey", "No instance has this id and key."})
	}
	c.moveUser(u, in)
	return nil, nil
}

// join moves a user by an invite code, with the user's JWT (what an unknown code gets is
// assumed: invite).
func (c *call) join() (any, error) {
	in := c.st.InstanceByCode(c.params["InviteCode"])
	if in == nil {
		return nil, refuse(http.StatusNotFound)
	}
	c.moveUser(c.user, in)
	return nil, nil
}

func (c *call) moveUser(u *store.User, to *store.Place) {
	is := *u
	is.Instance = to.ID
	c.change(store.Change{User: &is})
}
