package server

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The shapes of the accounts host (live).
type instanceShort struct{ Id, Key, Name, Status string }

type instanceFull struct {
	Id, Key, Name, Description, Status, InviteCode, AppId, AppName, CompanyId string
}

type applicationShort struct {
	Id, Name, Description, Status  string
	GooglePlayLink, AppleStoreLink *string
	Environment                    string
}

type applicationFull struct {
	applicationShort
	Instances []instanceShort
}

func fullInstance(st *store.State, i *store.Instance) instanceFull {
	name := ""
	if a := st.Application(i.Application); a != nil {
		name = a.Name
	}
	return instanceFull{
		i.ID.String(), i.Key.String(), i.Name, i.Description, i.Status, i.InviteCode,
		i.Application.String(), name, i.Company.String(),
	}
}

func shortApplication(a *store.Application) applicationShort {
	return applicationShort{
		Id: a.ID.String(), Name: a.Name, Description: a.Description, Status: a.Status, Environment: a.Environment,
	}
}

// permission is one line of what an admin may act on, in the portal host's camelCase (live).
type permission struct {
	CompanyID     string `json:"companyId"`
	CompanyIntID  int    `json:"companyIntId"`
	AppID         string `json:"appId,omitempty"`
	AppIntID      int    `json:"appIntId,omitempty"`
	InstanceID    string `json:"instanceId,omitempty"`
	InstanceIntID int    `json:"instanceIntId,omitempty"`
	RoleID        string `json:"roleId"`
}

const roleID = "rol_sandbox"

// permissions is what the JWT may act on, by the three levels.
func (c *call) permissions() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		out := struct {
			UserID    string       `json:"userId"`
			IsGod     bool         `json:"isGod"`
			Companies []permission `json:"companiesPermissions"`
			Apps      []permission `json:"appsPermissions"`
			Instances []permission `json:"instancesPermissions"`
		}{a.ID.String(), false, []permission{}, []permission{}, []permission{}}
		for _, id := range a.Companies {
			if p, ok := permitted(st, id, uuid.Nil, uuid.Nil); ok {
				out.Companies = append(out.Companies, p)
			}
		}
		for _, id := range a.Applications {
			if app := st.Application(id); app != nil {
				p, _ := permitted(st, app.Company, id, uuid.Nil)
				out.Apps = append(out.Apps, p)
			}
		}
		for _, id := range a.Instances {
			if i := st.Instance(id); i != nil {
				p, _ := permitted(st, i.Company, i.Application, id)
				out.Instances = append(out.Instances, p)
			}
		}
		return with(out)
	})
}

// permitted describes a level by the ids down to it.
func permitted(st *store.State, company, application, instance uuid.UUID) (p permission, ok bool) {
	c := st.Company(company)
	if c == nil {
		return p, false
	}
	p = permission{CompanyID: c.ID.String(), CompanyIntID: c.Number, RoleID: roleID}
	if a := st.Application(application); a != nil {
		p.AppID, p.AppIntID = a.ID.String(), a.Number
	}
	if i := st.Instance(instance); i != nil {
		p.InstanceID, p.InstanceIntID = i.ID.String(), i.Number
	}
	return p, true
}

// instance finds an instance of the path. What does not exist is nil (live), and what is
// out of reach too (assumed: reach).
func (c *call) instance(st *store.State, a admin) *store.Instance {
	id, _ := c.param("InstanceId")
	if i := st.Instance(id); a.reaches(i) {
		return i
	}
	return nil
}

// application finds an application of the path that the admin may see, by its own
// permission or by its company's. An admin of an instance alone sees no application
// (assumed: reach).
func (c *call) application(st *store.State, a admin) *store.Application {
	id, _ := c.param("AppId")
	app := st.Application(id)
	if app == nil || !slices.Contains(a.Applications, app.ID) && !slices.Contains(a.Companies, app.Company) {
		return nil
	}
	return app
}

// company finds a company of the path that the admin may see.
func (c *call) company(st *store.State, a admin) *store.Company {
	id, _ := c.param("CompanyId")
	co := st.Company(id)
	if co == nil || !slices.Contains(a.Companies, co.ID) {
		return nil
	}
	return co
}

// showInstance is one instance in full, its key with it.
func (c *call) showInstance() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		if i := c.instance(st, a); i != nil {
			return with(fullInstance(st, i))
		}
		return nothing()
	})
}

// showInstanceByCode is an instance of an application by its invite code.
func (c *call) showInstanceByCode() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		app, i := c.application(st, a), st.InstanceByCode(c.params["InviteCode"])
		if app == nil || i == nil || i.Application != app.ID {
			return nothing()
		}
		return with(fullInstance(st, i))
	})
}

// showApplication is one application, with its instances where they are asked for.
func (c *call) showApplication() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		app := c.application(st, a)
		if app == nil {
			return nothing()
		}
		if !strings.EqualFold(c.query()("includeInstances"), "true") {
			return with(shortApplication(app))
		}
		full := applicationFull{shortApplication(app), []instanceShort{}}
		for _, i := range instancesOf(st, app) {
			full.Instances = append(full.Instances, instanceShort{i.ID.String(), i.Key.String(), i.Name, i.Status})
		}
		return with(full)
	})
}

func instancesOf(st *store.State, app *store.Application) []*store.Instance {
	var out []*store.Instance
	for _, i := range st.Instances {
		if i.Application == app.ID {
			out = append(out, i)
		}
	}
	return out
}

// listApplications lists those of a company, without their instances.
func (c *call) listApplications() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		co := c.company(st, a)
		if co == nil {
			return nothing()
		}
		out := []applicationShort{}
		for _, app := range st.Applications {
			if app.Company == co.ID {
				out = append(out, shortApplication(app))
			}
		}
		return with(out)
	})
}

// listInstances lists those of an application, in full; deactivated ones where they are
// asked for (live).
func (c *call) listInstances() answer {
	return c.viewAsAdmin(nil, func(st *store.State, a admin) answer {
		app := c.application(st, a)
		if app == nil {
			return nothing()
		}
		all := strings.EqualFold(c.query()("includeDeactivated"), "true")
		out := []instanceFull{}
		for _, i := range instancesOf(st, app) {
			if all || i.Status == statusActive {
				out = append(out, fullInstance(st, i))
			}
		}
		return with(out)
	})
}
