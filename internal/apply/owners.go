package apply

import (
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Scope are the users of whom a field matches an expression: Field=expression.
type Scope struct {
	text    string
	field   *field.Field
	pattern *regexp.Regexp
}

// ParseScope reads a scope. The error is failure.Invalid.
func ParseScope(text string) (*Scope, error) {
	name, pattern, ok := strings.Cut(text, "=")
	f, known := field.Lookup(name)
	if !ok || !known || f.Use&field.Update == 0 {
		return nil, failure.Newf(failure.Invalid, "must have the form Field=expression, as in ClientId=^hr-, not %q", text)
	}
	re, err := regexp.Compile(pattern)
	if err != nil || pattern == "" {
		return nil, failure.Newf(failure.Invalid, "%q is not a regular expression", pattern)
	}
	return &Scope{text: text, field: f, pattern: re}, nil
}

// Has reports whether a user is in the scope; nobody is in nil.
func (s *Scope) Has(u *userservice.User) bool {
	return s != nil && s.pattern.MatchString(u.Fields.Text(s.field.Name))
}

func (s *Scope) String() string {
	if s == nil {
		return ""
	}
	return s.text
}

// Keep are users who are never removed, by their tokens.
type Keep struct{ tokens map[string]bool }

// NewKeep returns the Keep of some tokens.
func NewKeep(tokens []fleet.Token) *Keep {
	k := &Keep{tokens: map[string]bool{}}
	for _, t := range tokens {
		k.tokens[t.String()] = true
	}
	return k
}

// keepFields are the fields that name a user who is kept, besides the DeviceToken.
var keepFields = []string{"ClientId", "Email", "Phone"}

// Has reports whether a user is one of them, by the DeviceToken, the ClientId, the email or the
// phone number; nobody is of nil.
func (k *Keep) Has(token uuid.UUID, u *userservice.User) bool {
	if k == nil {
		return false
	}
	if k.tokens[token.String()] {
		return true
	}
	for _, name := range keepFields {
		if text := u.Fields.Text(name); text != "" && k.tokens[fleet.ByKey(field.MustGet(name), text).String()] {
			return true
		}
	}
	return false
}
