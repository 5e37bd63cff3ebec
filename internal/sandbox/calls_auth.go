package sandbox

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// signIn is «sign in», as an admin or as a user. Every try whose body is JSON counts against the address's limit,
// refused or not (assumed: sign-in-limit).
func (c *call) signIn() answer {
	r, bad := c.fields()
	if bad != nil {
		return *bad
	}
	return c.change(func(s state) (answer, bool) {
		if c.options.SignInLimit > 0 {
			if wait := s.signIn(c.address(), c.options.SignInLimit, c.now); wait > 0 {
				return blocked(wait), true
			}
		}
		raw := r.member("LoginFields")
		if isNull(raw) {
			r.required("LoginFields")
		}
		password, ok := r.text("Password")
		if !ok && len(r.mistakes) == 0 {
			r.required("Password")
		}
		if r.mistakes != nil {
			return invalid(r.mistakes...), true
		}
		fields, ok := loginFields(raw)
		if !ok {
			return invalid(mistake("LoginFields", "The value of LoginFields is not JSON with texts.")), true
		}
		if token, ok := fields[deviceTokenKey]; ok {
			return c.signInUser(s, token, password), true
		}
		for name, value := range fields {
			if strings.EqualFold(name, "email") {
				return c.signInAdmin(s, value, password), true
			}
		}
		return answer{status: http.StatusUnauthorized, bare: true}, true
	})
}

// address is where the request came from, without the port.
func (c *call) address() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return host
}

func (c *call) signInAdmin(s state, email, password string) answer {
	a, ok := s.admin(email)
	if !ok || a.Password != password {
		return refuse(http.StatusUnauthorized)
	}
	s.forgetPairs(a.Email, c.now)
	return with(c.issue(s, s.adminClaims(a), signInLife))
}

func (c *call) signInUser(s state, token, password string) answer {
	id, wrong := c.headerUUID("InstanceId")
	if wrong != "" {
		return invalid(mistake("InstanceId", wrong))
	}
	in, known := s.instanceByID(id)
	token, err := field.ParseUUID(token)
	key, badKey := field.ParseUUID(password)
	if !known || err != nil || badKey != nil || key != in.Key {
		return refuse(http.StatusUnauthorized)
	}
	u, ok := s.userByToken(token)
	if !ok || u.Instance != in.Number {
		return refuse(http.StatusUnauthorized)
	}
	s.forgetPairs(u.Token, c.now)
	return with(c.issue(s, s.userClaims(u, in), signInLife))
}

// refresh is «refresh»: the old JWT, expired or not, and the refresh token, which is spent by it. Whatever is wrong with
// the two gets 401. That a refreshed JWT lives as long as one from a sign-in is live;
// that the old one lives on is assumed: refreshed.
func (c *call) refresh() answer {
	r, bad := c.fields()
	if bad != nil {
		return *bad
	}
	access, hasAccess := r.text("AccessToken")
	token, hasToken := r.text("RefreshToken")
	if !hasAccess {
		r.required("AccessToken")
	}
	if !hasToken {
		r.required("RefreshToken")
	}
	if r.mistakes != nil {
		return invalid(r.mistakes...)
	}
	return c.change(func(s state) (answer, bool) {
		cl, err := s.verify(access, c.now)
		if err != nil && !errors.Is(err, errExpired) {
			return refuse(http.StatusUnauthorized), false
		}
		w, known := s.subject(cl)
		if !known || !s.spend(cl, token, c.now) {
			return refuse(http.StatusUnauthorized), false
		}
		if w.admin != nil {
			return with(c.issue(s, s.adminClaims(*w.admin), signInLife)), true
		}
		return with(c.issue(s, s.userClaims(w.user, w.in), signInLife)), true
	})
}
