// Package redact takes the secrets out of requests and answers, for what the sandbox and its proxy
// remember of them.
package redact

import (
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// IsSecret reports whether the values of a member are redacted, by its name. A Key is an
// InstanceKey on the accounts host, where it is a UUID, and the name of a field in Errors.
func IsSecret(name string, value any) bool {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) {
	case "password", "oldpassword", "newpassword", "accesstoken", "refreshtoken", "token", "instancekey", "toinstancekey",
		"secret":
		return true
	case "key":
		text, _ := value.(string)
		return uuid.Validate(text) == nil
	}
	return false
}

// Redactor takes the secrets out of one exchange. It learns them where their names tell, and
// then finds them wherever they stand.
type Redactor struct{ secret.Redactor }

// Learn takes in the secrets of a JSON value, in strings that hold JSON too.
func (r *Redactor) Learn(value any) { r.learn(value, false) }

func (r *Redactor) learn(value any, hidden bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			r.learn(inner, hidden || IsSecret(name, inner))
		}
	case []any:
		for _, inner := range v {
			r.learn(inner, hidden)
		}
	case string:
		if inner, ok := inText(v); ok {
			r.learn(inner, hidden)
		} else if hidden && v != "" {
			r.Add(secret.New(v))
		}
	}
}

// inText reads the JSON object or list that a string holds.
func inText(text string) (any, bool) {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return nil, false
	}
	return JSON([]byte(trimmed))
}

// Value returns a JSON value without secrets; its shape stays.
func (r *Redactor) Value(value any) any { return r.value(value, false) }

func (r *Redactor) value(value any, hidden bool) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			out[r.Redact(name)] = r.member(name, inner, hidden)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = r.value(v[i], hidden)
		}
		return out
	case string:
		if inner, ok := inText(v); ok {
			if text, err := json.Marshal(r.value(inner, hidden)); err == nil {
				return string(text)
			}
		}
		if hidden && v != "" {
			return secret.Redacted
		}
		return r.Redact(v)
	}
	return value
}

func (r *Redactor) member(name string, value any, hidden bool) any {
	text, isText := value.(string)
	_, isNumber := value.(float64)
	switch {
	case isNumber && IsSecret(name, value):
		return secret.Redacted
	case isText && strings.EqualFold(name, "LoginFields"):
		if inner, _ := inText(text); inner == nil || strings.TrimSpace(text)[0] != '{' {
			return NotJSON // without names it could hold anything
		}
	}
	return r.value(value, hidden || IsSecret(name, value))
}

// NotJSON is shown in the place of what cannot be redacted.
const NotJSON = "(not JSON)"

// JSON reads a body that is one JSON value.
func JSON(body []byte) (value any, ok bool) {
	return value, json.Unmarshal(body, &value) == nil
}

// Body is a body as JSON without secrets; NotJSON for anything else.
func Body(body []byte) string {
	value, ok := JSON(body)
	if !ok {
		return NotJSON
	}
	var r Redactor
	r.Learn(value)
	text, err := json.Marshal(r.Value(value))
	if err != nil {
		return NotJSON
	}
	return string(text)
}
