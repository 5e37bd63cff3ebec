package seed

import (
	"bytes"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// IsDefault reports whether the layout is DefaultLayout.
func (l Layout) IsDefault() bool {
	preset := DefaultLayout()
	preset.Check() // fills in what it leaves out
	return l.Same(preset)
}

// Same compares what would be written: a list that is empty and one that is not there are one.
func (l Layout) Same(other Layout) bool {
	a, errA := yaml.Marshal(l)
	b, errB := yaml.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Credentials are what one needs to be a client of a sandbox: its first instance, and its
// first admin.
type Credentials struct {
	InstanceID, InstanceKey   string
	AdminEmail, AdminPassword string
}

// Credentials returns those of the layout, which has been checked.
func (l Layout) Credentials() Credentials {
	c := Credentials{AdminEmail: l.Admins[0].Email, AdminPassword: l.Admins[0].Password}
	for _, company := range l.Companies {
		for _, application := range company.Applications {
			for _, i := range application.Instances {
				if c.InstanceID == "" {
					c.InstanceID, c.InstanceKey = i.ID, i.Key
				}
			}
		}
	}
	return c
}

// Changes returns what makes the layout, which has been checked, out of an empty state.
// newUUID draws the admins' ids.
func (l Layout) Changes(newUUID func() uuid.UUID) []store.Change {
	var out []store.Change
	applications, instances := 0, 0
	for i, lc := range l.Companies {
		c := &store.Company{ID: uuid.MustParse(lc.ID), Number: i + 1, Name: lc.Name}
		out = append(out, store.Change{Company: c})
		for _, la := range lc.Applications {
			applications++
			a := &store.Application{
				ID: uuid.MustParse(la.ID), Number: applications, Company: c.ID,
				Name: la.Name, Description: la.Description, Status: la.Status, Environment: la.Environment,
			}
			out = append(out, store.Change{Application: a})
			for _, li := range la.Instances {
				instances++
				out = append(out, store.Change{Instance: &store.Instance{
					ID: uuid.MustParse(li.ID), Number: instances, Application: a.ID, Company: c.ID, Key: uuid.MustParse(li.Key),
					Name: li.Name, Description: li.Description, Status: li.Status, InviteCode: li.InviteCode,
				}})
			}
		}
	}
	for _, a := range l.Admins {
		out = append(out, store.Change{Admin: &store.Admin{
			ID: newUUID(), Email: a.Email, Password: a.Password,
			Companies: parse(a.Companies), Applications: parse(a.Applications), Instances: parse(a.Instances),
		}})
	}
	return out
}

func parse(ids []string) []uuid.UUID {
	var out []uuid.UUID
	for _, id := range ids {
		out = append(out, uuid.MustParse(id))
	}
	return out
}

func texts(ids []uuid.UUID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}

// LayoutOf returns the layout that a state has now.
func LayoutOf(s *store.State) Layout {
	var l Layout
	for _, c := range s.Companies {
		lc := LayoutCompany{ID: c.ID.String(), Name: c.Name}
		for _, a := range s.Applications {
			if a.Company != c.ID {
				continue
			}
			la := LayoutApplication{
				ID: a.ID.String(), Name: a.Name, Description: a.Description, Status: a.Status, Environment: a.Environment,
			}
			for _, i := range s.Instances {
				if i.Application == a.ID {
					la.Instances = append(la.Instances,
						LayoutInstance{i.ID.String(), i.Key.String(), i.Name, i.Description, i.Status, i.InviteCode})
				}
			}
			lc.Applications = append(lc.Applications, la)
		}
		l.Companies = append(l.Companies, lc)
	}
	for _, a := range s.Admins {
		l.Admins = append(l.Admins,
			LayoutAdmin{a.Email, a.Password, texts(a.Companies), texts(a.Applications), texts(a.Instances)})
	}
	return l
}
