package server

import (
	"strconv"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// statusDeleted is what a user may be besides Active and Deactivated, as it is written.
const statusDeleted = "Deleted"

// change is what the body of a registration or of an update says of a user. What it does
// not say stays.
type change struct {
	values map[string]*string // by the names of fields; nil is null
	// Active, Deactivated or Deleted, which keeps the user (assumed: deleted-status); "" is not
	// set.
	status string

	// Of a registration only.
	createToken bool
	customToken string
	inviteCode  string
}

// birthdayShape is how a Birthday is kept and read: no zone (live).
const birthdayShape = "2006-01-02T15:04:05.999999999"

// profileFields returns the fields that a user's profile holds, from the table: at the
// top of a body, and not about the registration itself.
var profileFields = sync.OnceValue(func() []*field.Field {
	var out []*field.Field
	for _, f := range field.All(field.Create | field.Update) {
		if f.Inside == "" && f.Use&field.Update != 0 && f.Name != "Status" {
			out = append(out, f)
		}
	}
	return out
})

// flagFields returns the telematics parameters.
var flagFields = sync.OnceValue(func() []*field.Field {
	var out []*field.Field
	for _, f := range field.All(field.Create) {
		if f.Kind == field.Flag {
			out = append(out, f)
		}
	}
	return out
})

// flagOf reports whether a telematics parameter is on; by default Enabled and
// EnableTracking are (seed).
func flagOf(u *store.User, name string) bool {
	if value, ok := u.Fields.Lookup(name); ok {
		return value == "true"
	}
	return name == "EnableTracking" || name == "Enabled"
}

// readChange takes a change out of a body. The service does not validate texts (live);
// only what cannot be converted to the field's type is a mistake. Unknown fields are
// ignored (assumed: names).
func readChange(r *reading, use field.Use) change {
	c := change{values: map[string]*string{}, createToken: true}
	for _, f := range profileFields() {
		name := f.Name
		if f.UpdateName != "" && use == field.Update {
			name = f.UpdateName
		}
		c.read(r, name, f.Name, func() (string, bool) { return readProfile(r, f, name) })
	}
	statuses := []string{store.Active, store.Deactivated}
	if use == field.Update {
		statuses = append(statuses, statusDeleted)
		for _, name := range []string{"IdentityId", "IdentityProvider"} {
			c.read(r, name, name, func() (string, bool) { return r.text(name) })
		}
		r.text("OldPassword") // taken, and without effect: a user of the sandbox has no password (assumed: passwords)
		r.text("NewPassword")
	} else {
		c.inviteCode, _ = r.text("InstanceInviteCode")
		c.customToken, _ = r.uuid("CustomToken")
		c.readCreateToken(r)
	}
	c.status, _ = r.enum("Status", statuses)
	if in := r.inner(field.UserFields); in != nil {
		c.readFlags(in, flagFields())
		c.read(in, "ClientId", "ClientId", func() (string, bool) { return in.text("ClientId") })
		for _, m := range in.wrongs() {
			r.mistakes = append(r.mistakes, entry{field.UserFields + "." + m.Key, m.Message})
		}
	}
	return c
}

// read takes a value that may be null.
func (c *change) read(r *reading, name, as string, value func() (string, bool)) {
	raw, sent := r.member(name)
	if !sent {
		return
	}
	if isNull(raw) {
		c.values[as] = nil
	} else if v, ok := value(); ok {
		c.values[as] = &v
	}
}

func (c *change) readCreateToken(r *reading) {
	if v, ok := r.boolean("CreateAccessToken"); ok {
		c.createToken = v
	}
}

func (c *change) readFlags(in *reading, fields []*field.Field) {
	for _, f := range fields {
		if v, ok := in.boolean(f.Name); ok {
			text := strconv.FormatBool(v)
			c.values[f.Name] = &text
		}
	}
}

// readProfile returns a field's value as it is kept; ok is false where it is a mistake.
func readProfile(r *reading, f *field.Field, name string) (value string, ok bool) {
	switch f.Kind {
	case field.Count:
		n, ok := r.count(name)
		return strconv.Itoa(n), ok
	case field.Enum:
		return r.enum(name, f.Values)
	case field.Time:
		var t time.Time
		t, ok = r.moment(name)
		return t.Format(birthdayShape), ok
	default:
		return r.text(name)
	}
}

// apply makes the change to a user, which no other goroutine has yet.
func (c change) apply(u *store.User) {
	fields := u.Fields.Map()
	for name, v := range c.values {
		if delete(fields, name); v != nil {
			fields[name] = *v
		}
	}
	u.Fields = store.ValuesOf(fields)
	switch c.status {
	case store.Active:
		u.Status = ""
	case "":
	default:
		u.Status = c.status
	}
}
