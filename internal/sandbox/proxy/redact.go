package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// shown are the headers that are recorded as they are, and secretHeaders those of which only
// the presence is. Any other is left out.
var (
	shown = []string{
		"Accept", "Allow", "Content-Type", "Date", "Devicetoken", "Instanceid", "Retry-After", "Server", "User-Agent",
		"Userdevicetoken", "Www-Authenticate", "X-Request-Id",
	}
	secretHeaders = []string{"Authorization", "Cookie", "Instancekey", "Proxy-Authorization", "Set-Cookie"}
)

// isSecret reports whether the values of a member are redacted, by its name. A Key is an
// InstanceKey on the accounts host, where it is a UUID, and the name of a field in Errors.
func isSecret(name string, value any) bool {
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

// redactor takes the secrets out of one exchange. It learns them where their names tell, and
// then finds them wherever they stand.
type redactor struct{ secret.Redactor }

// learn takes in the secrets of a header.
func (r *redactor) header(h http.Header) {
	for _, name := range secretHeaders {
		for _, value := range h[name] {
			r.Add(secret.New(value))
			if _, token, ok := strings.Cut(value, " "); ok {
				r.Add(secret.New(strings.TrimSpace(token)))
			}
		}
	}
}

// learn takes in the secrets of a JSON value.
func (r *redactor) learn(value any) {
	walk(value, func(name string, v any) {
		if isSecret(name, v) {
			if text := plain(v); text != "" {
				r.Add(secret.New(text))
			}
		}
	})
}

// walk calls fn for each member of a JSON value, in strings that hold JSON too.
func walk(value any, fn func(name string, v any)) {
	switch v := value.(type) {
	case object:
		for name, inner := range v {
			fn(name, inner)
			walk(inner, fn)
		}
	case []any:
		for _, inner := range v {
			walk(inner, fn)
		}
	case string:
		if inner, ok := inText(v); ok {
			walk(inner, fn)
		}
	}
}

// inText reads the JSON object or list that a string holds.
func inText(text string) (any, bool) {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return nil, false
	}
	return readJSON([]byte(trimmed))
}

// plain is the text of a string or a number; "" for anything else.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}

// redact returns a JSON value without secrets; its shape stays.
func (r *redactor) redact(value any) any {
	switch v := value.(type) {
	case object:
		out := object{}
		for name, inner := range v {
			if isSecret(name, inner) && plain(inner) != "" {
				inner = secret.Redacted
			}
			out[r.Redact(name)] = r.redact(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = r.redact(v[i])
		}
		return out
	case string:
		if inner, ok := inText(v); ok {
			if text, err := json.Marshal(r.redact(inner)); err == nil {
				return string(text)
			}
		}
		return r.Redact(v)
	}
	return value
}

// headers returns the part of a header that is recorded.
func (r *redactor) headers(h http.Header) map[string]string {
	out := map[string]string{}
	for name := range h {
		switch {
		case slices.Contains(shown, name):
			out[name] = r.Redact(h.Get(name))
		case slices.Contains(secretHeaders, name):
			out[name] = secret.Redacted
		}
	}
	return out
}
