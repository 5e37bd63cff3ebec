package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// register is «register one user». What a token that is taken and an invite code that is none get is assumed: taken, invite.
func (c *call) register() answer {
	if _, _, r := c.credentials(); r != nil {
		return *r
	}
	r, bad := c.fields()
	if bad != nil {
		return *bad
	}
	ch := readChange(r, field.Create)
	return c.change(func(s state) (answer, bool) {
		in, no := c.instanceOf(s)
		if no != nil {
			return *no, false
		}
		if r.mistakes != nil {
			return invalid(r.mistakes...), false
		}
		if ch.inviteCode != "" {
			var ok bool
			if in, ok = s.instanceByInvite(ch.inviteCode); !ok {
				return invalid(mistake("InstanceInviteCode", "There is no instance with this invite code.")), false
			}
		}
		if ch.customToken != "" && s.number(prefixToken+ch.customToken) != 0 {
			a := refuse(http.StatusConflict)
			a.errors = append(a.errors, mistake("CustomToken", "A user with this token exists already."))
			return a, false
		}
		return with(c.create(s, in, ch)), true
	})
}

// create stores a new user of the instance and issues what was asked for.
func (c *call) create(s state, in instance, ch change) issued {
	u := &user{Token: ch.customToken, Instance: in.Number, Created: c.now.UTC()}
	for u.Token == "" || s.number(prefixToken+u.Token) != 0 {
		u.Token = c.newUUID().String()
		if ch.customToken != "" {
			break // checked before
		}
	}
	ch.apply(u)
	s.addUser(u)
	if !ch.createToken {
		return issued{DeviceToken: &u.Token}
	}
	return c.issue(s, s.userClaims(u, in), registrationLife)
}

// registerMany is «register many users at once». Its path, the shape of its answer and the largest Quantity are assumed: many.
func (c *call) registerMany() answer {
	if _, _, r := c.credentials(); r != nil {
		return *r
	}
	r, bad := c.fields()
	if bad != nil {
		return *bad
	}
	quantity := c.readQuantity(r)
	ch := change{createToken: true}
	ch.readCreateToken(r)
	if in := r.inner("CustomFields"); in != nil {
		ch.readFlags(in, field.All(field.Quantity))
		r.mistakes = append(r.mistakes, in.mistakes...)
	}
	return c.change(func(s state) (answer, bool) {
		in, no := c.instanceOf(s)
		if no != nil {
			return *no, false
		}
		if r.mistakes != nil {
			return invalid(r.mistakes...), false
		}
		all := make([]json.RawMessage, quantity)
		for i := range all {
			one := with(c.create(s, in, ch))
			if one.err != nil {
				return one, false
			}
			all[i] = one.result
		}
		return with(all), true
	})
}

func (c *call) readQuantity(r *reading) int {
	n, ok := r.count("Quantity")
	switch {
	case !ok && r.mistakes == nil:
		r.required("Quantity")
	case ok && (n < 1 || n > c.options.MaxQuantity):
		r.wrong("Quantity", fmt.Sprintf("between 1 and %d", c.options.MaxQuantity))
	}
	return n
}
