package sandbox

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// change is what the body of a registration or of an update says of a user. What it does not say stays.
type change struct {
	profile map[string]any // nil: said to be null
	flags   map[string]bool
	client  *said
	status  string // Active, Deactivated or Deleted; "" is not said

	identityID, identityProvider *said

	// Of a registration only.
	createToken bool
	customToken string
	inviteCode  string
}

// said is a text that was said; nil inside is null.
type said struct{ text *string }

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
// to the field's type is a mistake. Unknown fields are passed over (assumed).
func readChange(r *reading, use field.Use) change {
	c := change{profile: map[string]any{}, createToken: true}
	for _, f := range profileFields {
		name := f.Name
		if _, sent := r.object[strings.ToLower(f.UpdateName)]; sent && f.UpdateName != "" {
			name = f.UpdateName
		}
		raw, sent := r.object[strings.ToLower(name)]
		if !sent {
			continue
		}
		if v := readProfile(r, f, name); v != nil || isNull(raw) {
			c.profile[f.Name] = v
		}
	}
	statuses := []string{statusActive, statusDeactivated}
	if use == field.Update {
		statuses = append(statuses, statusDeleted)
		c.identityID, c.identityProvider = readSaid(r, "IdentityId"), readSaid(r, "IdentityProvider")
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

func readSaid(r *reading, name string) *said {
	raw, sent := r.object[strings.ToLower(name)]
	if !sent {
		return nil
	}
	if isNull(raw) {
		return &said{}
	}
	if text, ok := r.text(name); ok {
		return &said{&text}
	}
	return nil
}

// readProfile is a field's value as it is kept; nil where it is null or a mistake.
func readProfile(r *reading, f *field.Field, name string) any {
	switch f.Kind {
	case field.Count:
		if n, ok := r.count(name); ok {
			return float64(n)
		}
	case field.Enum:
		if v, ok := r.enum(name, f.Values); ok {
			return v
		}
	case field.Time:
		if t, ok := r.moment(name); ok {
			return t.Format(birthdayShape)
		}
	default:
		if s, ok := r.text(name); ok {
			return s
		}
	}
	return nil
}

// apply makes the change to a user.
func (c change) apply(u *user) {
	for name, v := range c.profile {
		if v == nil {
			delete(u.Profile, name)
			continue
		}
		if u.Profile == nil {
			u.Profile = map[string]any{}
		}
		u.Profile[name] = v
	}
	for name, v := range c.flags {
		if u.Flags == nil {
			u.Flags = map[string]bool{}
		}
		u.Flags[name] = v
	}
	if c.client != nil {
		u.ClientID = c.client.text
	}
	if c.identityID != nil {
		u.IdentityID = c.identityID.text
	}
	if c.identityProvider != nil {
		u.IdentityProvider = c.identityProvider.text
	}
	switch c.status {
	case statusActive:
		u.Status = ""
	case "":
	default:
		u.Status = c.status
	}
}
