package sandbox

import (
	"strconv"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// change is what the body of a registration or of an update says of a user. What it does not say stays.
type change struct {
	profile map[string]text // not there: said to be null
	flags   map[string]bool
	client  *text  // nil is not said
	status  string // Active, Deactivated or Deleted, which leaves the user (assumed: deleted-status); "" is not said

	identityID, identityProvider *text

	// Of a registration only.
	createToken bool
	customToken string
	inviteCode  string
}

// birthdayShape is how a Birthday is kept and read: no zone (live).
const birthdayShape = "2006-01-02T15:04:05.999999999"

// profileFields are the fields that a user's profile holds, from the table: at the top of a body, and not about the
// registration itself.
var profileFields = func() []*field.Field {
	var out []*field.Field
	for _, f := range field.All(field.Create | field.Update) {
		if f.Inside == "" && f.Use&field.Update != 0 && f.Name != "Status" {
			out = append(out, f)
		}
	}
	return out
}()

// flagFields are the telematics parameters.
var flagFields = func() []*field.Field {
	var out []*field.Field
	for _, f := range field.All(field.Create) {
		if f.Kind == field.Flag {
			out = append(out, f)
		}
	}
	return out
}()

// readChange takes a change out of a body. The service does not validate texts (live); only what cannot be converted
// to the field's type is a mistake. Unknown fields are passed over (assumed: names).
func readChange(r *reading, use field.Use) change {
	c := change{profile: map[string]text{}, createToken: true}
	for _, f := range profileFields {
		name := f.Name
		if f.UpdateName != "" && use == field.Update {
			name = f.UpdateName
		}
		raw, sent := r.said(name)
		if !sent {
			continue
		}
		if v := readProfile(r, f, name); v.there || isNull(raw) {
			c.profile[f.Name] = v
		}
	}
	statuses := []string{statusActive, statusDeactivated}
	if use == field.Update {
		statuses = append(statuses, statusDeleted)
		c.identityID, c.identityProvider = readSaid(r, "IdentityId"), readSaid(r, "IdentityProvider")
		r.text("OldPassword") // taken, and without effect: a user of the sandbox has no password (assumed: passwords)
		r.text("NewPassword")
	} else {
		c.inviteCode, _ = r.text("InstanceInviteCode")
		c.customToken, _ = r.uuid("CustomToken")
		c.readCreateToken(r)
	}
	c.status, _ = r.enum("Status", statuses)
	if in := r.inner(field.UserFields); in != nil {
		c.readUserFields(in)
		for _, m := range in.mistakes {
			r.mistakes = append(r.mistakes, mistake(field.UserFields+"."+m.Key, m.Message))
		}
	}
	return c
}

func (c *change) readCreateToken(r *reading) {
	if v, ok := r.boolean("CreateAccessToken"); ok {
		c.createToken = v
	}
}

func (c *change) readUserFields(in *reading) {
	c.readFlags(in, flagFields)
	c.client = readSaid(in, "ClientId")
}

func (c *change) readFlags(in *reading, fields []*field.Field) {
	c.flags = map[string]bool{}
	for _, f := range fields {
		if v, ok := in.boolean(f.Name); ok {
			c.flags[f.Name] = v
		}
	}
}

func readSaid(r *reading, name string) *text {
	raw, sent := r.said(name)
	if !sent {
		return nil
	}
	if isNull(raw) {
		return &text{}
	}
	if value, ok := r.text(name); ok {
		return &text{value, true}
	}
	return nil
}

// readProfile is a field's value as it is kept; it is not there where it is null or a mistake.
func readProfile(r *reading, f *field.Field, name string) text {
	var value string
	var ok bool
	switch f.Kind {
	case field.Count:
		var n int
		n, ok = r.count(name)
		value = strconv.Itoa(n)
	case field.Enum:
		value, ok = r.enum(name, f.Values)
	case field.Time:
		var t time.Time
		t, ok = r.moment(name)
		value = t.Format(birthdayShape)
	default:
		value, ok = r.text(name)
	}
	return text{value, ok}
}

// apply makes the change to a user.
func (c change) apply(u *user) {
	for name, v := range c.profile {
		u.setText(name, v)
	}
	for name, v := range c.flags {
		u.setFlag(name, v)
	}
	for _, one := range []struct {
		to   *text
		said *text
	}{{&u.ClientID, c.client}, {&u.IdentityID, c.identityID}, {&u.IdentityProvider, c.identityProvider}} {
		if one.said != nil {
			*one.to = *one.said
		}
	}
	switch c.status {
	case statusActive:
		u.Status = ""
	case "":
	default:
		u.Status = c.status
	}
}
