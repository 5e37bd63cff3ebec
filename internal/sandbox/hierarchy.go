package sandbox

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// What a company, an application, an instance or a user may be, as it is written.
const (
	statusActive      = "Active"
	statusDeactivated = "Deactivated"
	statusDeleted     = "Deleted"
)

// company, application and instance are the three levels; each is known by a number and by an id, a UUID in lower case.
type company struct {
	Number   uint64 `json:"-"`
	ID, Name string
}

type application struct {
	Number                                     uint64 `json:"-"`
	Company                                    uint64
	ID, Name, Description, Status, Environment string
}

type instance struct {
	Number                                         uint64 `json:"-"`
	Application, Company                           uint64
	ID, Key, Name, Description, Status, InviteCode string
	ApplicationID, ApplicationName                 string
	CompanyID, CompanyName                         string
}

// admin may act on everything under the companies and applications, and on the instances, that it names by their ids.
type admin struct {
	ID, Email, Password                string
	Place                              int // in the layout
	Companies, Applications, Instances []string
}

// furnish writes a layout that was checked into an empty state.
func (s state) furnish(l Layout, newUUID func() uuid.UUID) {
	for _, c := range l.Companies {
		s.addCompany(c)
	}
	for i, a := range l.Admins {
		s.save(prefixAdmin+strings.ToLower(a.Email), admin{
			ID: newUUID().String(), Email: a.Email, Password: a.Password, Place: i,
			Companies: a.Companies, Applications: a.Applications, Instances: a.Instances,
		})
	}
}

func (s state) addCompany(l LayoutCompany) {
	c := company{Number: s.lastNumber(prefixCompany) + 1, ID: l.ID, Name: l.Name}
	s.save(numbered(prefixCompany, c.Number), c)
	s.setNumber(prefixCompanyID+c.ID, c.Number)
	for _, la := range l.Applications {
		a := application{
			Number: s.lastNumber(prefixApplication) + 1, Company: c.Number,
			ID: la.ID, Name: la.Name, Description: la.Description, Status: la.Status, Environment: la.Environment,
		}
		s.save(numbered(prefixApplication, a.Number), a)
		s.setNumber(prefixApplicID+a.ID, a.Number)
		for _, li := range la.Instances {
			s.addInstance(li, a, c)
		}
	}
}

func (s state) addInstance(l LayoutInstance, a application, c company) {
	i := instance{
		Number: s.lastNumber(prefixInstance) + 1, Application: a.Number, Company: c.Number,
		ID: l.ID, Key: l.Key, Name: l.Name, Description: l.Description, Status: l.Status, InviteCode: l.InviteCode,
		ApplicationID: a.ID, ApplicationName: a.Name, CompanyID: c.ID, CompanyName: c.Name,
	}
	s.save(numbered(prefixInstance, i.Number), i)
	s.setNumber(prefixInstanceID+i.ID, i.Number)
	if i.InviteCode != "" {
		s.setNumber(prefixInvite+strings.ToLower(i.InviteCode), i.Number)
	}
}

func (s state) instance(number uint64) (instance, bool) {
	i := instance{Number: number}
	return i, number != 0 && s.load(numbered(prefixInstance, number), &i)
}

func (s state) instanceByID(id string) (instance, bool) {
	return s.instance(s.number(prefixInstanceID + id))
}

func (s state) instanceByInvite(code string) (instance, bool) {
	return s.instance(s.number(prefixInvite + strings.ToLower(code)))
}

func (s state) application(id string) (application, bool) {
	a := application{Number: s.number(prefixApplicID + id)}
	return a, a.Number != 0 && s.load(numbered(prefixApplication, a.Number), &a)
}

func (s state) company(id string) (company, bool) {
	c := company{Number: s.number(prefixCompanyID + id)}
	return c, c.Number != 0 && s.load(numbered(prefixCompany, c.Number), &c)
}

func (s state) admin(email string) (admin, bool) {
	var a admin
	return a, s.load(prefixAdmin+strings.ToLower(email), &a)
}

// applications lists those that keep returns true for, in the layout's order.
func (s state) applications(keep func(application) bool) []application {
	var out []application
	s.each(prefixApplication, func(key string) bool {
		a := application{Number: numberOf(key)}
		if s.load(key, &a) && keep(a) {
			out = append(out, a)
		}
		return true
	})
	return out
}

// instances lists those that keep returns true for, in the layout's order.
func (s state) instances(keep func(instance) bool) []instance {
	var out []instance
	s.each(prefixInstance, func(key string) bool {
		if i, ok := s.instance(numberOf(key)); ok && keep(i) {
			out = append(out, i)
		}
		return true
	})
	return out
}

// reaches tells whether the admin may act on the instance.
func (a admin) reaches(i instance) bool {
	return slices.Contains(a.Instances, i.ID) || slices.Contains(a.Applications, i.ApplicationID) ||
		slices.Contains(a.Companies, i.CompanyID)
}

// layout is what the state was furnished with.
func (s state) layout() Layout {
	var l Layout
	s.each(prefixCompany, func(key string) bool {
		c := company{Number: numberOf(key)}
		s.load(key, &c)
		lc := LayoutCompany{ID: c.ID, Name: c.Name}
		for _, a := range s.applications(func(a application) bool { return a.Company == c.Number }) {
			la := LayoutApplication{ID: a.ID, Name: a.Name, Description: a.Description, Status: a.Status, Environment: a.Environment}
			for _, i := range s.instances(func(i instance) bool { return i.Application == a.Number }) {
				la.Instances = append(la.Instances, LayoutInstance{i.ID, i.Key, i.Name, i.Description, i.Status, i.InviteCode})
			}
			lc.Applications = append(lc.Applications, la)
		}
		l.Companies = append(l.Companies, lc)
		return true
	})
	var admins []admin
	s.each(prefixAdmin, func(key string) bool {
		var a admin
		s.load(key, &a)
		admins = append(admins, a)
		return true
	})
	slices.SortStableFunc(admins, func(a, b admin) int { return a.Place - b.Place })
	for _, a := range admins {
		l.Admins = append(l.Admins, LayoutAdmin{a.Email, a.Password, a.Companies, a.Applications, a.Instances})
	}
	return l
}
