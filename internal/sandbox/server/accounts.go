package server

import (
	"crypto/rand"
	"net/http"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The accounts host's writes (live). A status is written as 1, active, or 2, deactivated.
// What is out of reach is null, as what there is not (assumed: reach).

// statusOf reads a status that is written as a number; "" where it is not given.
func statusOf(r *reading, name string) string {
	n, ok := r.count(name)
	switch {
	case !ok:
		return ""
	case n == 1:
		return statusActive
	case n == 2:
		return statusDeactivated
	}
	r.wrong(name, "1 or 2")
	return ""
}

// created is what describes a new application or instance.
type created struct{ name, description, status string }

// readCreated reads the body of a creation; a name is required (assumed: unnamed).
func readCreated(r *reading) created {
	var n created
	n.name, _ = r.text("name")
	if n.name == "" && r.mistakes == nil {
		r.required("name")
	}
	n.description, _ = r.text("description")
	if n.status = statusOf(r, "status"); n.status == "" {
		n.status = statusActive
	}
	return n
}

func last[T any](all []*T, number func(*T) int) int {
	most := 0
	for _, one := range all {
		most = max(most, number(one))
	}
	return most
}

// newInstance makes an instance of an application.
func (c *call) newInstance(st *store.State, app *store.Application, n created) *store.Instance {
	return &store.Instance{
		ID: c.NewUUID(), Key: c.NewUUID(), Number: last(st.Instances, func(i *store.Instance) int { return i.Number }) + 1,
		Application: app.ID, Company: app.Company, Name: n.name, Description: n.description, Status: n.status,
		InviteCode: rand.Text()[:8],
	}
}

// createApplication creates an application of a company, with an instance where
// createDefaultGroup says so.
func (c *call) createApplication() answer {
	var n created
	var group bool
	bad := c.read(func(r *reading) {
		n = readCreated(r)
		group, _ = r.boolean("createDefaultGroup")
	})
	return c.changeAsAdmin(bad, func(st *store.State, a admin) (answer, []store.Change) {
		co := c.company(st, a)
		if co == nil {
			return nothing(), nil
		}
		app := &store.Application{
			ID: c.NewUUID(), Company: co.ID,
			Number: last(st.Applications, func(a *store.Application) int { return a.Number }) + 1,
			Name:   n.name, Description: n.description, Status: n.status, Environment: "production",
		}
		changes := []store.Change{{Application: app}}
		type key struct{ Id, Key uuid.UUID }
		out := struct {
			AppId     uuid.UUID
			Instances []key
		}{app.ID, []key{}}
		if group {
			i := c.newInstance(st, app, created{"Common", "Default group", statusActive})
			changes = append(changes, store.Change{Instance: i})
			out.Instances = append(out.Instances, key{i.ID, i.Key})
		}
		return with(out), changes
	})
}

// createInstance creates an instance of an application.
func (c *call) createInstance() answer {
	var n created
	bad := c.read(func(r *reading) { n = readCreated(r) })
	return c.changeAsAdmin(bad, func(st *store.State, a admin) (answer, []store.Change) {
		app := c.application(st, a)
		if app == nil {
			return nothing(), nil
		}
		i := c.newInstance(st, app, n)
		return with(struct{ Id, Key uuid.UUID }{i.ID, i.Key}), []store.Change{{Instance: i}}
	})
}

// patch reads Name, Description and Status of the query and sets what is given.
func (c *call) patch(name, description, status *string) refused {
	query := c.query()
	for field, to := range map[string]*string{"Name": name, "Description": description} {
		if text := query(field); text != "" {
			*to = text
		}
	}
	switch query("Status") {
	case "":
	case "1":
		*status = statusActive
	case "2":
		*status = statusDeactivated
	default:
		return no(invalid(mistake("Status", "The value of Status is not 1 or 2.")))
	}
	return nil
}

// changeInstance changes an instance by the query.
func (c *call) changeInstance() answer {
	return c.changeAsAdmin(nil, func(st *store.State, a admin) (answer, []store.Change) {
		i := c.instance(st, a)
		if i == nil {
			return nothing(), nil
		}
		is := *i
		if no := c.patch(&is.Name, &is.Description, &is.Status); no != nil {
			return *no, nil
		}
		return done(), []store.Change{{Instance: &is}}
	})
}

// changeApplication changes an application by the query, as an instance is changed
// (assumed: application-patch).
func (c *call) changeApplication() answer {
	return c.changeAsAdmin(nil, func(st *store.State, a admin) (answer, []store.Change) {
		app := c.application(st, a)
		if app == nil {
			return nothing(), nil
		}
		is := *app
		if no := c.patch(&is.Name, &is.Description, &is.Status); no != nil {
			return *no, nil
		}
		if is.Status != app.Status && c.usersOf(st, app) > 0 {
			return inUse("AppToken", "Users exist for this application."), nil
		}
		return done(), []store.Change{{Application: &is}}
	})
}

func (c *call) usersOf(st *store.State, app *store.Application) (n int) {
	for _, i := range instancesOf(st, app) {
		n += st.Count(i.ID)
	}
	return n
}

func inUse(key, message string) answer { return invalid(mistake(key, message)) }

// deleteInstance deletes an instance without users.
func (c *call) deleteInstance() answer {
	return c.changeAsAdmin(nil, func(st *store.State, a admin) (answer, []store.Change) {
		i := c.instance(st, a)
		switch {
		case i == nil:
			return nothing(), nil
		case st.Count(i.ID) > 0:
			return inUse("InstanceId", "Users exist for this instance."), nil
		}
		return done(), []store.Change{{DeleteInstance: i.ID}}
	})
}

// deleteApplication deletes an application without users, and its instances.
func (c *call) deleteApplication() answer {
	return c.changeAsAdmin(nil, func(st *store.State, a admin) (answer, []store.Change) {
		app := c.application(st, a)
		switch {
		case app == nil:
			return nothing(), nil
		case c.usersOf(st, app) > 0:
			return inUse("AppToken", "Users exist for this application."), nil
		}
		var changes []store.Change
		for _, i := range instancesOf(st, app) {
			changes = append(changes, store.Change{DeleteInstance: i.ID})
		}
		return answer{status: http.StatusOK}, append(changes, store.Change{DeleteApplication: app.ID})
	})
}
