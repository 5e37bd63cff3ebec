package proxy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/redact"
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

// learnHeaders takes in the secrets of a header.
func learnHeaders(r *redact.Redactor, h http.Header) {
	for _, name := range secretHeaders {
		for _, value := range h[name] {
			r.Add(secret.New(value))
			if _, token, ok := strings.Cut(value, " "); ok {
				r.Add(secret.New(strings.TrimSpace(token)))
			}
		}
	}
}

// recordedHeaders returns the part of a header that is recorded.
func recordedHeaders(r *redact.Redactor, h http.Header) map[string]string {
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
