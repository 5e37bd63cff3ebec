package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// What an application, an instance or a user may be.
const (
	Active      = "Active"
	Deactivated = "Deactivated"
)

// Layout is what a sandbox has besides its users: companies with their applications and instances,
// and the admins. Ids are UUIDs in lower case.
type Layout struct {
	Companies []Company `yaml:"Companies"`
	Admins    []Admin   `yaml:"Admins"`
}

// Company is the first of three levels, above Application and Instance.
type Company struct {
	ID           string        `yaml:"Id"`
	Name         string        `yaml:"Name"`
	Applications []Application `yaml:"Applications"`
}

// Described is what an application and an instance have in common. Status is Active or Deactivated.
type Described struct {
	ID          string `yaml:"Id"`
	Name        string `yaml:"Name"`
	Description string `yaml:"Description"`
	Status      string `yaml:"Status"`
}

// Application is an application and its instances.
type Application struct {
	Described   `yaml:",inline"`
	Environment string     `yaml:"Environment"`
	Instances   []Instance `yaml:"Instances"`
}

// Instance is an instance with its credentials.
type Instance struct {
	Described  `yaml:",inline"`
	Key        string `yaml:"Key"`
	InviteCode string `yaml:"InviteCode"`
}

// Admin is an admin and the ids of what it may act on: all of a company, all of an application, one
// instance.
type Admin struct {
	Email        string   `yaml:"Email"`
	Password     string   `yaml:"Password"`
	Companies    []string `yaml:"Companies"`
	Applications []string `yaml:"Applications"`
	Instances    []string `yaml:"Instances"`
}

// ID is a UUID that is made of the email address.
func (a *Admin) ID() string { return uuid.NewSHA1(uuid.Nil, []byte(strings.ToLower(a.Email))).String() }

// Sees reports whether the admin may see an application of a company, and change it. Without an
// application, it is about the company.
func (a *Admin) Sees(app *Application, co *Company) bool {
	return slices.Contains(a.Companies, co.ID) || app != nil && slices.Contains(a.Applications, app.ID)
}

// Reaches reports whether the admin may act on an instance.
func (a *Admin) Reaches(p *Place) bool {
	return slices.Contains(a.Instances, p.ID) || a.Sees(p.Application, p.Company)
}

// Place is an instance and what it belongs to.
type Place struct {
	*Instance
	Application *Application
	Company     *Company
}

// Places lists all instances.
func (l *Layout) Places() (out []*Place) {
	for i := range l.Companies {
		c := &l.Companies[i]
		for j := range c.Applications {
			a := &c.Applications[j]
			for k := range a.Instances {
				out = append(out, &Place{&a.Instances[k], a, c})
			}
		}
	}
	return out
}

// Same reports whether the layouts are equal; a list that is empty and one that is not there are.
func (l Layout) Same(other Layout) bool { return fmt.Sprintf("%q", l) == fmt.Sprintf("%q", other) }

// Credentials are what one needs to be a client of a sandbox: its first instance, and its first
// admin.
type Credentials struct {
	InstanceID, InstanceKey   string
	AdminEmail, AdminPassword string
}

// Credentials returns those of the layout, which has been checked.
func (l Layout) Credentials() Credentials {
	first := l.Places()[0]
	return Credentials{first.ID, first.Key, l.Admins[0].Email, l.Admins[0].Password}
}

// Clone returns a copy whose companies, applications and instances can be changed.
func (l *Layout) Clone() *Layout {
	out := &Layout{Companies: slices.Clone(l.Companies), Admins: l.Admins}
	for i := range out.Companies {
		c := &out.Companies[i]
		c.Applications = slices.Clone(c.Applications)
		for j := range c.Applications {
			c.Applications[j].Instances = slices.Clone(c.Applications[j].Instances)
		}
	}
	return out
}

// Company finds a company; nil where there is none.
func (l *Layout) Company(id string) *Company {
	return find(l.Companies, func(c *Company) bool { return c.ID == id })
}

// Application finds an application and its company; nil where there is none.
func (l *Layout) Application(id string) (*Application, *Company) {
	for i := range l.Companies {
		c := &l.Companies[i]
		if a := find(c.Applications, func(a *Application) bool { return a.ID == id }); a != nil {
			return a, c
		}
	}
	return nil, nil
}

// Admin finds an admin by email address, whatever its case; nil where there is none.
func (l *Layout) Admin(email string) *Admin {
	return find(l.Admins, func(a *Admin) bool { return strings.EqualFold(a.Email, email) })
}

func find[T any](all []T, is func(*T) bool) *T {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// Check brings ids to their one spelling, fills in what may be left out, and lists the mistakes.
func (l *Layout) Check() []failure.Field {
	c := layoutCheck{seen: map[string]bool{}}
	for i := range l.Companies {
		company := &l.Companies[i]
		at := fmt.Sprintf("Companies[%d]", i)
		c.id(at+".Id", &company.ID)
		for j := range company.Applications {
			c.application(fmt.Sprintf("%s.Applications[%d]", at, j), &company.Applications[j])
		}
	}
	for i := range l.Admins {
		c.admin(fmt.Sprintf("Admins[%d]", i), &l.Admins[i])
	}
	if c.instances == 0 {
		c.wrong("Companies", "must have an instance")
	}
	if len(l.Admins) == 0 {
		c.wrong("Admins", "must have an admin")
	}
	return c.mistakes
}

type layoutCheck struct {
	seen      map[string]bool // ids, and invite codes and email addresses in lower case
	instances int
	mistakes  []failure.Field
}

func (c *layoutCheck) wrong(key, message string) {
	c.mistakes = append(c.mistakes, failure.Field{Key: key, Message: message})
}

func (c *layoutCheck) id(key string, id *string) {
	c.uuid(key, id)
	c.once(key, *id)
}

func (c *layoutCheck) uuid(key string, id *string) {
	parsed, err := field.ParseUUID(*id)
	if err != nil {
		c.wrong(key, err.Error())
		return
	}
	*id = parsed
}

func (c *layoutCheck) once(key, value string) {
	value = strings.ToLower(value)
	if value != "" && c.seen[value] {
		c.wrong(key, "must be unique")
	}
	c.seen[value] = true
}

func (c *layoutCheck) status(key string, status *string) {
	if *status = cmp.Or(*status, Active); *status != Active && *status != Deactivated {
		c.wrong(key, "must be Active or Deactivated")
	}
}

func (c *layoutCheck) application(at string, a *Application) {
	c.id(at+".Id", &a.ID)
	c.status(at+".Status", &a.Status)
	a.Environment = cmp.Or(a.Environment, "production")
	for i := range a.Instances {
		instance := &a.Instances[i]
		in := fmt.Sprintf("%s.Instances[%d]", at, i)
		c.instances++
		c.id(in+".Id", &instance.ID)
		c.uuid(in+".Key", &instance.Key)
		c.status(in+".Status", &instance.Status)
		c.once(in+".InviteCode", instance.InviteCode)
	}
}

func (c *layoutCheck) admin(at string, a *Admin) {
	if a.Email == "" || a.Password == "" {
		c.wrong(at, "Email and Password are required")
	}
	c.once(at+".Email", a.Email)
	for _, list := range []struct {
		name string
		ids  []string
	}{{"Companies", a.Companies}, {"Applications", a.Applications}, {"Instances", a.Instances}} {
		for i := range list.ids {
			key := fmt.Sprintf("%s.%s[%d]", at, list.name, i)
			c.uuid(key, &list.ids[i])
			if !c.seen[list.ids[i]] {
				c.wrong(key, "no such id in the layout")
			}
		}
	}
}
