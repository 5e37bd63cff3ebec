package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Claims are what this program reads of a JWT. Its signature is the service's to check: nothing here is trusted for more than
// choosing what to send.
type Claims struct {
	IssuedAt    time.Time // zero where there is none
	ExpiresAt   time.Time // zero where there is none
	DeviceToken string    // set in a user's JWT (live), in its one spelling
	InstanceID  string
}

// ReadClaims reads a JWT's claims; ok is false for what is no JWT.
func ReadClaims(jwt secret.String) (c Claims, ok bool) {
	parts := strings.Split(jwt.Reveal(), ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return c, false
	}
	var raw struct {
		Iat, Exp    float64
		DeviceToken string
		InstanceID  string `json:"InstanceId"`
	}
	if err := json.Unmarshal(payload, &raw); err != nil {
		return c, false
	}
	c = Claims{IssuedAt: moment(raw.Iat), ExpiresAt: moment(raw.Exp), InstanceID: raw.InstanceID}
	if token, err := field.ParseUUID(raw.DeviceToken); err == nil {
		c.DeviceToken = token
	}
	return c, true
}

// moment is a NumericDate; what lies beyond the year 9999 is taken for none.
func moment(seconds float64) time.Time {
	const year10000 = 253402300800
	if !(seconds > 0 && seconds < year10000) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
