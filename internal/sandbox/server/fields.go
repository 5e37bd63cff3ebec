package server

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// statusDeleted is what a user may be besides Active and Deactivated, as it is written.
const statusDeleted = "Deleted"

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
	if value := u.Fields.Get(name); value != "" {
		return value == "true"
	}
	return name == "EnableTracking" || name == "Enabled"
}

// readUser takes what a body says of a user, which no other goroutine has yet. What it does not say
// stays. The service does not validate texts (live); only what cannot be converted to the field's
// type is a mistake. Unknown fields are ignored (assumed: names).
func readUser(r *reading, use field.Use, u *store.User) {
	fields := u.Fields.Map()
	set := func(r *reading, name, as string, value func() (string, bool)) {
		if raw, sent := r.member(name); sent && isNull(raw) {
			delete(fields, as)
		} else if v, ok := value(); ok {
			fields[as] = v
		}
	}
	for _, f := range profileFields() {
		name := f.Name
		if f.UpdateName != "" && use == field.Update {
			name = f.UpdateName
		}
		set(r, name, f.Name, func() (string, bool) { return readProfile(r, f, name) })
	}
	statuses := []string{store.Active, store.Deactivated}
	if use == field.Update {
		statuses = append(statuses, statusDeleted) // which keeps the user (assumed: deleted-status)
		for _, name := range []string{"IdentityId", "IdentityProvider"} {
			set(r, name, name, func() (string, bool) { return r.text(name) })
		}
		r.text("OldPassword") // taken, and without effect: a user of the sandbox has no password (assumed: passwords)
		r.text("NewPassword")
	} else {
		u.Token, _ = r.uuid("CustomToken")
	}
	if status, ok := r.enum("Status", statuses); ok {
		u.Status = strings.TrimPrefix(status, store.Active)
	}
	if in := r.inner(field.UserFields); in != nil {
		readFlags(in, flagFields(), fields)
		set(in, "ClientId", "ClientId", func() (string, bool) { return in.text("ClientId") })
		for _, m := range in.wrongs() {
			r.mistakes = append(r.mistakes, entry{field.UserFields + "." + m.Key, m.Message})
		}
	}
	u.Fields = store.ValuesOf(fields)
}

func readFlags(r *reading, flags []*field.Field, fields map[string]string) {
	for _, f := range flags {
		if v, ok := r.boolean(f.Name); ok {
			fields[f.Name] = strconv.FormatBool(v)
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
