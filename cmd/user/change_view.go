package user

import (
	"cmp"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// changed is what became of one user.
type changed struct {
	DeviceToken string
	Outcome     string
	Changes     []job.Change `json:",omitempty"` // where the user was read before
	Error       *string

	whom string // for tables: "Ada Lovelace (c-2001)"
}

// changedView shows a person who, rather than the DeviceToken, which a pipe and -o wide have.
var changedView = render.View[changed]{
	Columns: []render.Column[changed]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Pipe: true, Cell: func(c changed) any { return c.DeviceToken }},
		cmdutil.OutcomeColumn(func(c changed) string { return c.Outcome }),
		{Head: "CHANGES", Name: "Changes", Wrap: true, Cell: func(c changed) any { return cmdutil.ChangesText(c.Changes) }},
		{Head: "USER", Name: "User", Cell: func(c changed) any { return c.whom },
			Screen: func(c changed) any { return cmp.Or(c.whom, c.DeviceToken) }},
		{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(c changed) any { return c.Error }},
	},
	ID: func(c changed) string { return c.DeviceToken },
}

// newChanged returns what became of a user as it is printed.
func newChanged(r job.Result, named string, u *userservice.User) changed {
	out := changed{DeviceToken: named, Outcome: string(r.Outcome), Changes: r.Changes, whom: whomText(u)}
	if r.DeviceToken != uuid.Nil {
		out.DeviceToken = r.DeviceToken.String()
	}
	if r.Err != nil {
		text := failure.From(r.Err).Error()
		out.Error = &text
	}
	return out
}

// whomText names a user in a table: "Ada Lovelace (c-2001)".
func whomText(u *userservice.User) string {
	if u == nil {
		return ""
	}
	return named(fullName(*u), u.ClientID())
}

// whomAsked names a user in a question: "Ada Lovelace, c-2001".
func whomAsked(s fleet.State) string {
	if s.User == nil {
		return s.DeviceToken.String()
	}
	parts := strings.Trim(fullName(*s.User)+", "+s.User.ClientID(), ", ")
	if parts == "" {
		return s.DeviceToken.String()
	}
	return parts
}

// byFlags returns an error with the service's words about fields under the names of the flags that
// set them.
func byFlags(err error) error {
	f := failure.From(err)
	if f == nil || len(f.Fields) == 0 {
		return err
	}
	out := *f
	out.Fields = make([]failure.Field, len(f.Fields))
	for i, m := range f.Fields {
		if known, ok := field.Lookup(m.Key); ok && known.Flag != "" {
			m.Key = "--" + known.Flag
		}
		out.Fields[i] = m
	}
	return &out
}
