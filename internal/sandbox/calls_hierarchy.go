package sandbox

import (
	"slices"
	"strings"
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

func (i instance) full() instanceFull {
	return instanceFull{i.ID, i.Key, i.Name, i.Description, i.Status, i.InviteCode, i.ApplicationID, i.ApplicationName, i.CompanyID}
}

func (a application) short() applicationShort {
	return applicationShort{Id: a.ID, Name: a.Name, Description: a.Description, Status: a.Status, Environment: a.Environment}
}

// permission is one line of what an admin may act on, in the portal host's camelCase (live).
type permission struct {
	CompanyID     string `json:"companyId"`
	CompanyIntID  uint64 `json:"companyIntId"`
	AppID         string `json:"appId,omitempty"`
	AppIntID      uint64 `json:"appIntId,omitempty"`
	InstanceID    string `json:"instanceId,omitempty"`
	InstanceIntID uint64 `json:"instanceIntId,omitempty"`
	RoleID        string `json:"roleId"`
}

const roleID = "rol_sandbox"

// permissions is what the JWT may act on, by the three levels.
func (c *call) permissions() answer {
	return c.viewAsAdmin(func(s state, a admin) answer {
		out := struct {
			UserID    string       `json:"userId"`
			IsGod     bool         `json:"isGod"`
			Companies []permission `json:"companiesPermissions"`
			Apps      []permission `json:"appsPermissions"`
			Instances []permission `json:"instancesPermissions"`
		}{a.ID, false, []permission{}, []permission{}, []permission{}}
		for _, id := range a.Companies {
			if co, ok := s.company(id); ok {
				out.Companies = append(out.Companies, permission{CompanyID: co.ID, CompanyIntID: co.Number, RoleID: roleID})
			}
		}
		for _, id := range a.Applications {
			if app, ok := s.application(id); ok {
				var co company
				s.load(numbered(prefixCompany, app.Company), &co)
				out.Apps = append(out.Apps, permission{CompanyID: co.ID, CompanyIntID: app.Company, AppID: app.ID, AppIntID: app.Number, RoleID: roleID})
			}
		}
		for _, id := range a.Instances {
			if i, ok := s.instanceByID(id); ok {
				out.Instances = append(out.Instances, permission{
					CompanyID: i.CompanyID, CompanyIntID: i.Company, AppID: i.ApplicationID, AppIntID: i.Application,
					InstanceID: i.ID, InstanceIntID: i.Number, RoleID: roleID,
				})
			}
		}
		return with(out)
	})
}

// showInstance is one instance in full, its key with it. What does not exist is null (live), and what is out of reach
// too (assumed: reach).
func (c *call) showInstance() answer {
	return c.viewAsAdmin(func(s state, a admin) answer {
		i, ok := s.instanceByID(strings.ToLower(c.params["InstanceId"]))
		if !ok || !a.reaches(i) {
			return nothing()
		}
		return with(i.full())
	})
}

// showApplication is one application, with its instances where they are asked for. An admin of an instance alone sees
// no application (assumed: reach).
func (c *call) showApplication() answer {
	return c.viewAsAdmin(func(s state, a admin) answer {
		app, ok := s.reachedApplication(a, c.params["AppId"])
		if !ok {
			return nothing()
		}
		if !strings.EqualFold(c.query()("includeInstances"), "true") {
			return with(app.short())
		}
		full := applicationFull{app.short(), []instanceShort{}}
		for _, i := range s.instances(func(i instance) bool { return i.Application == app.Number }) {
			full.Instances = append(full.Instances, instanceShort{i.ID, i.Key, i.Name, i.Status})
		}
		return with(full)
	})
}

// listApplications are those of a company, without their instances.
func (c *call) listApplications() answer {
	return c.viewAsAdmin(func(s state, a admin) answer {
		co, ok := s.company(strings.ToLower(c.params["CompanyId"]))
		if !ok || !slices.Contains(a.Companies, co.ID) {
			return nothing()
		}
		out := []applicationShort{}
		for _, app := range s.applications(func(app application) bool { return app.Company == co.Number }) {
			out = append(out, app.short())
		}
		return with(out)
	})
}

// listInstances are those of an application, in full; deactivated ones where they are asked for (live).
func (c *call) listInstances() answer {
	return c.viewAsAdmin(func(s state, a admin) answer {
		app, ok := s.reachedApplication(a, c.params["AppId"])
		if !ok {
			return nothing()
		}
		all := strings.EqualFold(c.query()("includeDeactivated"), "true")
		out := []instanceFull{}
		for _, i := range s.instances(func(i instance) bool { return i.Application == app.Number }) {
			if all || i.Status == statusActive {
				out = append(out, i.full())
			}
		}
		return with(out)
	})
}

// reachedApplication finds an application that the admin may see, by its own permission or by its company's.
func (s state) reachedApplication(a admin, id string) (application, bool) {
	app, ok := s.application(strings.ToLower(id))
	if !ok {
		return app, false
	}
	var co company
	s.load(numbered(prefixCompany, app.Company), &co)
	return app, slices.Contains(a.Applications, app.ID) || slices.Contains(a.Companies, co.ID)
}
