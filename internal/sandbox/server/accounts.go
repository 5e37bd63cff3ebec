package server

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The accounts host's writes (live).

// statuses are how a status is written there.
var statuses = map[string]string{"1": store.Active, "2": store.Deactivated}

// readCreated reads what describes a new application or instance; a name is required (assumed:
// unnamed).
func (c *call) readCreated(more func(*reading)) (store.Described, error) {
	d := store.Described{ID: c.NewUUID(), Status: store.Active}
	err := c.read(func(r *reading) {
		d.Name, _ = r.text("name")
		r.require("name", d.Name != "")
		d.Description, _ = r.text("description")
		if n, ok := r.count("status"); ok {
			if d.Status = statuses[strconv.Itoa(n)]; d.Status == "" {
				r.wrong("status", "1 or 2")
			}
		}
		more(r)
	})
	return d, err
}

type idAndKey struct{ Id, Key string }

// newInstance makes an instance.
func (c *call) newInstance(d store.Described) (store.Instance, idAndKey) {
	i := store.Instance{Described: d, Key: c.NewUUID(), InviteCode: rand.Text()[:8]}
	return i, idAndKey{i.ID, i.Key}
}

// createApplication creates an application of a company, with an instance where
// createDefaultGroup says so.
func (c *call) createApplication() (any, error) {
	var group bool
	d, err := c.readCreated(func(r *reading) { group, _ = r.boolean("createDefaultGroup") })
	if err != nil {
		return nil, err
	}
	out := struct {
		AppId     string
		Instances []idAndKey
	}{d.ID, []idAndKey{}}
	app := store.Application{Described: d, Environment: "production"}
	if group {
		common := store.Described{ID: c.NewUUID(), Name: "Common", Description: "Default group", Status: store.Active}
		i, key := c.newInstance(common)
		app.Instances, out.Instances = append(app.Instances, i), append(out.Instances, key)
	}
	l := c.editLayout()
	co := l.Company(c.company.ID)
	co.Applications = append(co.Applications, app)
	return out, nil
}

// createInstance creates an instance of an application.
func (c *call) createInstance() (any, error) {
	d, err := c.readCreated(func(*reading) {})
	if err != nil {
		return nil, err
	}
	i, key := c.newInstance(d)
	app, _ := c.editLayout().Application(c.application.ID)
	app.Instances = append(app.Instances, i)
	return key, nil
}

// editLayout returns a copy of the layout that takes its place.
func (c *call) editLayout() *store.Layout {
	l := c.st.Clone()
	c.change(store.Change{Layout: l})
	return l
}

// patch sets what the query gives: Name, Description and Status.
func (c *call) patch(d store.Described) (store.Described, error) {
	query := c.query()
	d.Name, d.Description = cmp.Or(query("Name"), d.Name), cmp.Or(query("Description"), d.Description)
	if text := query("Status"); text != "" {
		if d.Status = statuses[text]; d.Status == "" {
			return d, invalid(wrong("Status", "1 or 2"))
		}
	}
	return d, nil
}

// changeInstance changes an instance by the query.
func (c *call) changeInstance() (any, error) {
	d, err := c.patch(c.place.Described)
	if err != nil {
		return nil, err
	}
	for _, p := range c.editLayout().Places() {
		if p.ID == d.ID {
			p.Described = d
		}
	}
	return nil, nil
}

// changeApplication changes an application by the query, as an instance is changed
// (assumed: application-patch).
func (c *call) changeApplication() (any, error) {
	d, err := c.patch(c.application.Described)
	if err == nil && d.Status != c.application.Status {
		err = c.unused("AppToken", "application", c.application.Instances...)
	}
	if err != nil {
		return nil, err
	}
	app, _ := c.editLayout().Application(d.ID)
	app.Described = d
	return nil, nil
}

// unused refuses to touch instances that have users.
func (c *call) unused(key, what string, instances ...store.Instance) error {
	for _, i := range instances {
		if c.st.Count(i.ID) > 0 {
			return invalid(entry{key, "Users exist for this " + what + "."})
		}
	}
	return nil
}

// deleteInstance deletes an instance without users.
func (c *call) deleteInstance() (any, error) {
	if err := c.unused("InstanceId", "instance", *c.place.Instance); err != nil {
		return nil, err
	}
	app, _ := c.editLayout().Application(c.place.Application.ID)
	app.Instances = slices.DeleteFunc(app.Instances, func(i store.Instance) bool { return i.ID == c.place.ID })
	return nil, nil
}

// deleteApplication deletes an application without users, and its instances.
func (c *call) deleteApplication() (any, error) {
	if err := c.unused("AppToken", "application", c.application.Instances...); err != nil {
		return nil, err
	}
	co := c.editLayout().Company(c.company.ID)
	is := func(a store.Application) bool { return a.ID == c.application.ID }
	co.Applications = slices.DeleteFunc(co.Applications, is)
	return nil, nil
}
