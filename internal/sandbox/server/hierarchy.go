package server

import (
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The shapes of the accounts host (live).
type (
	instanceShort struct{ Id, Key, Name, Status string }

	instanceFull struct {
		Id, Key, Name, Description, Status, InviteCode, AppId, AppName, CompanyId string
	}

	applicationShort struct {
		Id, Name, Description, Status  string
		GooglePlayLink, AppleStoreLink *string
		Environment                    string
	}

	applicationFull struct {
		applicationShort
		Instances []instanceShort
	}
)

func fullInstance(i *store.Instance, a *store.Application, co *store.Company) instanceFull {
	return instanceFull{i.ID, i.Key, i.Name, i.Description, i.Status, i.InviteCode, a.ID, a.Name, co.ID}
}

func shortApplication(a *store.Application) applicationShort {
	return applicationShort{
		Id: a.ID, Name: a.Name, Description: a.Description, Status: a.Status, Environment: a.Environment,
	}
}

// permission is one line of what an admin may act on, in the portal host's camelCase (live). A
// number counts from 1 within its level.
type permission struct {
	CompanyID     string `json:"companyId"`
	CompanyIntID  int    `json:"companyIntId"`
	AppID         string `json:"appId,omitempty"`
	AppIntID      int    `json:"appIntId,omitempty"`
	InstanceID    string `json:"instanceId,omitempty"`
	InstanceIntID int    `json:"instanceIntId,omitempty"`
	RoleID        string `json:"roleId"`
}

// permissions is what the JWT may act on, by the three levels.
func (c *call) permissions() (any, error) {
	companies, apps, instances := []permission{}, []permission{}, []permission{}
	appNumber, number := 0, 0
	for i, co := range c.st.Companies {
		p := permission{CompanyID: co.ID, CompanyIntID: i + 1, RoleID: "rol_sandbox"}
		if slices.Contains(c.admin.Companies, co.ID) {
			companies = append(companies, p)
		}
		for _, a := range co.Applications {
			appNumber++
			p.AppID, p.AppIntID, p.InstanceID, p.InstanceIntID = a.ID, appNumber, "", 0
			if slices.Contains(c.admin.Applications, a.ID) {
				apps = append(apps, p)
			}
			for _, in := range a.Instances {
				number++
				p.InstanceID, p.InstanceIntID = in.ID, number
				if slices.Contains(c.admin.Instances, in.ID) {
					instances = append(instances, p)
				}
			}
		}
	}
	return struct {
		UserID    string       `json:"userId"`
		IsGod     bool         `json:"isGod"`
		Companies []permission `json:"companiesPermissions"`
		Apps      []permission `json:"appsPermissions"`
		Instances []permission `json:"instancesPermissions"`
	}{c.admin.ID(), false, companies, apps, instances}, nil
}

// showInstance is one instance in full, its key with it.
func (c *call) showInstance() (any, error) {
	return fullInstance(c.place.Instance, c.place.Application, c.place.Company), nil
}

// showInstanceByCode is an instance of an application by its invite code.
func (c *call) showInstanceByCode() (any, error) {
	p := c.st.InstanceByCode(c.params["InviteCode"])
	if p == nil || p.Application.ID != c.application.ID {
		return null, nil
	}
	return fullInstance(p.Instance, p.Application, p.Company), nil
}

// showApplication is one application, with its instances where they are asked for.
func (c *call) showApplication() (any, error) {
	short := shortApplication(c.application)
	if !c.flag("includeInstances") {
		return short, nil
	}
	full := applicationFull{short, []instanceShort{}}
	for _, i := range c.application.Instances {
		full.Instances = append(full.Instances, instanceShort{i.ID, i.Key, i.Name, i.Status})
	}
	return full, nil
}

// flag is true where the query has "true" for a name.
func (c *call) flag(name string) bool { return strings.EqualFold(c.query()(name), "true") }

// listApplications lists those of a company, without their instances.
func (c *call) listApplications() (any, error) {
	out := []applicationShort{}
	for i := range c.company.Applications {
		out = append(out, shortApplication(&c.company.Applications[i]))
	}
	return out, nil
}

// listInstances lists those of an application, in full; deactivated ones where they are
// asked for (live).
func (c *call) listInstances() (any, error) {
	all, out := c.flag("includeDeactivated"), []instanceFull{}
	for _, i := range c.application.Instances {
		if all || i.Status == store.Active {
			out = append(out, fullInstance(&i, c.application, c.company))
		}
	}
	return out, nil
}
