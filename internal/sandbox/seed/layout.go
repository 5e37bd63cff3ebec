// Package seed is what a sandbox begins with: a layout of companies, applications,
// instances and admins, and a fleet of plausible users.
package seed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The presets of a sandbox without a layout of its own. They are in every copy of the
// program, so they guard nothing; the UUIDs are plainly not real ones.
const (
	CompanyID     = "5a4db0c5-0000-4000-8000-00000000000c"
	ApplicationID = "5a4db0c5-0000-4000-8000-00000000000a"
	InstanceID    = "5a4db0c5-0000-4000-8000-000000000001"
	InstanceKey   = "5a4db0c5-0000-4000-8000-0000000000f1"
	InviteCode    = "SANDBOX1"
	AdminEmail    = "admin@sandbox.example"
	AdminPassword = "sandbox-admin"

	// The second instance is there for moving users to.
	SecondInstanceID  = "5a4db0c5-0000-4000-8000-000000000002"
	SecondInstanceKey = "5a4db0c5-0000-4000-8000-0000000000f2"
	SecondInviteCode  = "SANDBOX2"
)

// Layout is what a sandbox has before the first user: companies with their applications
// and instances, and the admins with what each may act on.
type Layout struct {
	Companies []LayoutCompany `yaml:"Companies"`
	Admins    []LayoutAdmin   `yaml:"Admins"`
}

// LayoutCompany is a company and its applications.
type LayoutCompany struct {
	ID           string              `yaml:"Id"`
	Name         string              `yaml:"Name"`
	Applications []LayoutApplication `yaml:"Applications"`
}

// LayoutApplication is an application and its instances. Status is Active or Deactivated,
// Active where it is empty.
type LayoutApplication struct {
	ID          string           `yaml:"Id"`
	Name        string           `yaml:"Name"`
	Description string           `yaml:"Description"`
	Status      string           `yaml:"Status"`
	Environment string           `yaml:"Environment"`
	Instances   []LayoutInstance `yaml:"Instances"`
}

// LayoutInstance is an instance with its credentials.
type LayoutInstance struct {
	ID          string `yaml:"Id"`
	Key         string `yaml:"Key"`
	Name        string `yaml:"Name"`
	Description string `yaml:"Description"`
	Status      string `yaml:"Status"`
	InviteCode  string `yaml:"InviteCode"`
}

// LayoutAdmin is an admin and the ids of what it may act on: all of a company, all of an
// application, one instance.
type LayoutAdmin struct {
	Email        string   `yaml:"Email"`
	Password     string   `yaml:"Password"`
	Companies    []string `yaml:"Companies"`
	Applications []string `yaml:"Applications"`
	Instances    []string `yaml:"Instances"`
}

// DefaultLayout is one company with one application, two instances, and an admin of the company.
func DefaultLayout() Layout {
	return Layout{
		Companies: []LayoutCompany{{
			ID: CompanyID, Name: "Sandbox Company",
			Applications: []LayoutApplication{{
				ID: ApplicationID, Name: "Sandbox Application", Description: "the sandbox's own", Environment: "test",
				Instances: []LayoutInstance{
					{ID: InstanceID, Key: InstanceKey, Name: "Common", Description: "Default group", InviteCode: InviteCode},
					{
						ID: SecondInstanceID, Key: SecondInstanceKey, Name: "Second",
						Description: "A group to move users to", InviteCode: SecondInviteCode,
					},
				},
			}},
		}},
		Admins: []LayoutAdmin{{Email: AdminEmail, Password: AdminPassword, Companies: []string{CompanyID}}},
	}
}

// What an application or an instance may be.
const (
	Active      = "Active"
	Deactivated = "Deactivated"
)

// ReadLayout reads a layout in YAML or JSON, with the names of the fields of Layout. Its
// error, of code invalid, has an entry for each mistake.
func ReadLayout(r io.Reader) (Layout, error) {
	const what = "invalid layout"
	var l Layout
	data, err := io.ReadAll(r)
	if err != nil {
		return l, failure.Wrap(failure.Failed, what, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&l); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("empty")
		}
		return l, failure.New(failure.Invalid, what+": "+ofYAML(err))
	}
	return l, failure.InvalidFields(what, l.Check())
}

// ofYAML returns what is wrong with a YAML text, without the types of Go that the library names.
func ofYAML(err error) string {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	var lines []string
	for _, line := range types.Errors {
		line, _, _ = strings.Cut(line, " in type ")
		line, wrong, _ := strings.Cut(line, ": cannot unmarshal ")
		if wrong, _, _ = strings.Cut(wrong, " into "); wrong != "" {
			line += ": " + strings.TrimPrefix(wrong, "!!") + " is not expected here"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
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
	if *status == "" {
		*status = Active
	}
	if *status != Active && *status != Deactivated {
		c.wrong(key, "must be Active or Deactivated")
	}
}

func (c *layoutCheck) application(at string, a *LayoutApplication) {
	c.id(at+".Id", &a.ID)
	c.status(at+".Status", &a.Status)
	if a.Environment == "" {
		a.Environment = "production"
	}
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

func (c *layoutCheck) admin(at string, a *LayoutAdmin) {
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
