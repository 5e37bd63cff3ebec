package auth_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

func jwt(claims string) secret.String {
	return secret.New("eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln")
}

func TestClaims(t *testing.T) {
	t.Parallel()
	at := func(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
	for name, c := range map[string]struct {
		jwt  secret.String
		want auth.Claims
		ok   bool
	}{
		"a user's":              {jwt(`{"iat": 100, "exp": 200.5, "DeviceToken": "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}", "InstanceId": "i"}`), auth.Claims{IssuedAt: at(100), ExpiresAt: at(200), DeviceToken: "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", InstanceID: "i"}, true},
		"an admin's":            {jwt(`{"exp": 200}`), auth.Claims{ExpiresAt: at(200)}, true},
		"without times":         {jwt(`{}`), auth.Claims{}, true},
		"times beyond measure":  {jwt(`{"iat": -5, "exp": 1e300}`), auth.Claims{}, true},
		"a token that is none":  {jwt(`{"DeviceToken": "x"}`), auth.Claims{}, true},
		"no JSON":               {jwt(`[`), auth.Claims{}, false},
		"no Base64":             {secret.New("a.!.c"), auth.Claims{}, false},
		"two parts":             {secret.New("a.b"), auth.Claims{}, false},
		"nothing":               {secret.String{}, auth.Claims{}, false},
		"claims of wrong types": {jwt(`{"exp": "tomorrow"}`), auth.Claims{}, false},
	} {
		if got, ok := auth.ReadClaims(c.jwt); got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
	}
}

// The end of a pair is on this machine's clock: its lifetime by the JWT itself, else as the service says.
func TestTheEndOfAPair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, now := w.person(), w.Now()
	for name, c := range map[string]struct {
		jwt  secret.String
		says time.Duration
		want time.Time
	}{
		"the JWT's own lifetime":                {jwt(`{"iat": 1000, "exp": 4600}`), time.Minute, now.Add(time.Hour)},
		"as the service says":                   {secret.New("opaque"), time.Minute, now.Add(time.Minute)},
		"a lifetime that is none":               {jwt(`{"iat": 4600, "exp": 1000}`), time.Minute, now.Add(time.Minute)},
		"the JWT's end, if all else is missing": {jwt(fmt.Sprintf(`{"exp": %d}`, now.Unix()+60)), 0, now.Add(time.Minute)},
		"a JWT that is dead when it is issued":  {jwt(`{"exp": 4600}`), 0, time.Time{}},
		"nothing":                               {secret.New("opaque"), 0, time.Time{}},
	} {
		rec := s.Record(userservice.Pair{Access: c.jwt, ExpiresIn: c.says})
		if !rec.ExpiresAt.Equal(c.want) || !rec.IssuedAt.Equal(now) {
			t.Errorf("%s: ends %v, want %v", name, rec.ExpiresAt, c.want)
		}
	}
}

// Whatever a service calls a JWT, reading it neither panics nor gives a moment out of range.
func FuzzReadClaims(f *testing.F) {
	f.Add("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
	f.Add(jwt(`{"iat": 1e18, "exp": -1, "DeviceToken": 7}`).Reveal())
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := auth.ReadClaims(secret.New(text))
		if !ok && c != (auth.Claims{}) {
			t.Errorf("%q is no JWT, and has claims %+v", text, c)
		}
		for _, at := range []time.Time{c.IssuedAt, c.ExpiresAt} {
			if y := at.Year(); y < 1 || y > 9999 {
				t.Errorf("%q: year %d", text, y)
			}
		}
	})
}
