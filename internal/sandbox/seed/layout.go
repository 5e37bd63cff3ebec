// Package seed is what a sandbox begins with: a layout of companies, applications,
// instances and admins, and a fleet of plausible users.
package seed

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
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

// Layout is what a sandbox has before the first user.
type Layout = store.Layout

// Credentials are what one needs to be a client of a sandbox.
type Credentials = store.Credentials

// DefaultLayout is one company with one application, two instances, and an admin of the company.
func DefaultLayout() Layout {
	described := func(id, name, description string) store.Described {
		return store.Described{ID: id, Name: name, Description: description, Status: store.Active}
	}
	instances := []store.Instance{
		{Described: described(InstanceID, "Common", "Default group"), Key: InstanceKey, InviteCode: InviteCode},
		{
			Described: described(SecondInstanceID, "Second", "A group to move users to"),
			Key:       SecondInstanceKey, InviteCode: SecondInviteCode,
		},
	}
	application := store.Application{
		Described: described(ApplicationID, "Sandbox Application", "the sandbox's own"), Environment: "test",
		Instances: instances,
	}
	return Layout{
		Companies: []store.Company{
			{ID: CompanyID, Name: "Sandbox Company", Applications: []store.Application{application}},
		},
		Admins: []store.Admin{{Email: AdminEmail, Password: AdminPassword, Companies: []string{CompanyID}}},
	}
}

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
