package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Claims are what this program reads of a JWT. Its signature is the service's to check: nothing
// here is trusted for more than choosing what to send.
type Claims struct {
	IssuedAt    time.Time // zero if the JWT does not say
	ExpiresAt   time.Time // zero if the JWT does not say
	DeviceToken string    // of a user's JWT (live), in canonical form; "" if there is none
	IsAdmin     bool      // of an admin's JWT; a user's says "False" (live)
	InstanceID  string    // in canonical form if it is a UUID
	ClientID    string    // of a user's JWT (live); "" if the user has none
}

// Subject returns whose JWT it is: the DeviceToken's, or Admin for one without that claim or with a
// true IsAdmin.
func (c Claims) Subject() string {
	if c.DeviceToken == "" || c.IsAdmin {
		return Admin
	}
	return c.DeviceToken
}

// ReadClaims reads a JWT's claims; ok is false for what is not a JWT. Each claim is read by itself
// and leniently, as .NET writes it (live; 2019, old): UUIDs in any form, "True", numbers as text. A
// claim that cannot be read counts as absent.
func ReadClaims(jwt secret.String) (c Claims, ok bool) {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(parts[1]))
	if err != nil {
		return c, false
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil || raw == nil {
		return c, false
	}
	for name, value := range raw {
		switch strings.ToLower(name) {
		case "iat":
			c.IssuedAt = moment(claimText(value))
		case "exp":
			c.ExpiresAt = moment(claimText(value))
		case "isadmin":
			c.IsAdmin = c.IsAdmin || strings.EqualFold(claimText(value), "true")
		case "devicetoken":
			if token := knownUUID(claimText(value)); token != "" {
				c.DeviceToken = token
			}
		case "sdkclientid":
			c.ClientID = claimText(value)
		case "instanceid":
			if c.InstanceID = claimText(value); knownUUID(c.InstanceID) != "" {
				c.InstanceID = knownUUID(c.InstanceID)
			}
		}
	}
	return c, true
}

// claimText returns a claim's value as text, whether it was written as a string, a number or a
// bool.
func claimText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s)
	}
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		return ""
	}
	return string(raw)
}

// knownUUID returns a UUID in canonical form, and "" for the zero UUID and for what is not a UUID.
func knownUUID(text string) string {
	if u, err := field.ParseServiceUUID(text); err == nil && u != uuid.Nil {
		return u.String()
	}
	return ""
}

// moment reads a NumericDate; what lies beyond the year 9999 counts as absent.
func moment(text string) time.Time {
	const year10000 = 253402300800
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0 && seconds < year10000) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// TrimJWT returns a JWT as a person or a program gives it, without the white space around it and
// without a leading "Bearer ".
func TrimJWT(jwt secret.String) secret.String {
	const scheme = "bearer "
	text := strings.TrimSpace(jwt.Reveal())
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		text = strings.TrimSpace(text[len(scheme):])
	}
	return secret.New(text)
}
