package fleet

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Token names one user: by the DeviceToken, or by the value of a field.
type Token struct {
	DeviceToken uuid.UUID    // zero where the user is named by a field
	Field       *field.Field // nil where the user is named by the DeviceToken
	Value       string       // of Field, as it was given
}

// tokenFields are the fields that a Token can name a user by.
var tokenFields = map[string]string{"client": "ClientId", "email": "Email", "phone": "Phone"}

// ParseToken reads a DeviceToken in any form of a UUID, or client:ID, email:ADDRESS or
// phone:NUMBER.
func ParseToken(text string) (Token, error) {
	text = field.Trim(text)
	if u, err := field.ParseServiceUUID(text); err == nil {
		if u == uuid.Nil {
			return Token{}, fmt.Errorf("%.80q is the all-zero UUID, which is nobody's", text)
		}
		return Token{DeviceToken: u}, nil
	}
	kind, value, ok := strings.Cut(text, ":")
	name := tokenFields[strings.ToLower(kind)]
	switch {
	case text == "":
		return Token{}, fmt.Errorf("empty")
	case !ok || name == "":
		return Token{}, fmt.Errorf("%.80q is neither a UUID nor client:ID, email:ADDRESS or phone:NUMBER", text)
	}
	t := Token{Field: field.MustGet(name), Value: field.Trim(value)}
	if t.Value == "" {
		return Token{}, fmt.Errorf("%.80q has nothing after the colon", text)
	}
	return t, nil
}

// ByKey returns the Token of the user who has this value of a field.
func ByKey(f *field.Field, value string) Token { return Token{Field: f, Value: value} }

// String returns the Token in its one spelling: equal strings name the same user.
func (t Token) String() string {
	if t.Field == nil {
		return t.DeviceToken.String()
	}
	for kind, name := range tokenFields {
		if name == t.Field.Name {
			return kind + ":" + t.Field.Normalize(t.Value)
		}
	}
	return t.Field.Flag + ":" + t.Field.Normalize(t.Value)
}

// ParseTokens reads several, each once. The error is failure.Invalid, with an entry for each that
// is wrong.
func ParseTokens(args []string) ([]Token, error) {
	var out []Token
	var wrong []failure.Field
	seen := map[string]bool{}
	for i, arg := range args {
		t, err := ParseToken(arg)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: fmt.Sprintf("TOKEN %d", i+1), Message: err.Error()})
			continue
		}
		if name := t.String(); !seen[name] {
			seen[name] = true
			out = append(out, t)
		}
	}
	return out, failure.InvalidFields("not every TOKEN names a user", wrong)
}
