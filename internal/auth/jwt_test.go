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
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	at := func(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
	for name, c := range map[string]struct {
		jwt  secret.String
		want auth.Claims
		ok   bool
	}{
		"a user's": {jwt(`{"iat": 100, "exp": 200.5, "DeviceToken": "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}", ` +
			`"InstanceId": "i"}`), auth.Claims{IssuedAt: at(100), ExpiresAt: at(200),
			DeviceToken: "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", InstanceID: "i"}, true},
		"an admin's":           {jwt(`{"exp": 200}`), auth.Claims{ExpiresAt: at(200)}, true},
		"without times":        {jwt(`{}`), auth.Claims{}, true},
		"times beyond measure": {jwt(`{"iat": -5, "exp": 1e300}`), auth.Claims{}, true},
		"a token that is none": {jwt(`{"DeviceToken": "x"}`), auth.Claims{}, true},
		"not JSON":             {jwt(`[`), auth.Claims{}, false},
		"no Base64":            {secret.New("a.!.c"), auth.Claims{}, false},
		"two parts":            {secret.New("a.b"), auth.Claims{}, false},
		"nothing":              {secret.String{}, auth.Claims{}, false},
		"claims of wrong types": {jwt(`{"exp": "tomorrow", "iat": {}, "DeviceToken": 7, "IsAdmin": null}`),
			auth.Claims{}, true},
		"no object":       {jwt(`null`), auth.Claims{}, false},
		"numbers as text": {jwt(`{"iat": "100", "exp": "200"}`), auth.Claims{IssuedAt: at(100), ExpiresAt: at(200)}, true},
		"2026": {
			jwt(`{"DeviceToken": "8F14E45FCEEA467F8B3E2C1D6E5B9A70", "InstanceId": "5a4db0c50000400080000000000000c5", ` +
				`"CompanyId": "3", "SdkClientId": "", "IsAdmin": "False", "Sdk": "True", "exp": 200}`),
			auth.Claims{ExpiresAt: at(200), DeviceToken: user, InstanceID: "5a4db0c5-0000-4000-8000-0000000000c5"}, true,
		},
		"2019": {jwt(`{"DeviceToken": "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", "CompanyId": "3", ` +
			`"SdkEnableRealTimeLocation": "True"}`), auth.Claims{DeviceToken: user}, true},
		"the zero DeviceToken": {jwt(`{"DeviceToken": "00000000000000000000000000000000"}`), auth.Claims{}, true},
		"an empty DeviceToken": {jwt(`{"DeviceToken": "", "IsAdmin": ""}`), auth.Claims{}, true},
		"an admin with a token": {jwt(`{"DeviceToken": "8f14e45fceea467f8b3e2c1d6e5b9a70", "IsAdmin": true}`),
			auth.Claims{DeviceToken: user, IsAdmin: true}, true},
	} {
		if got, ok := auth.ReadClaims(c.jwt); got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
	}
}

// Whose a JWT is: a user's if it has a DeviceToken in any form of a UUID and no true IsAdmin, else
// the admin's.
func TestSubjectOfAJWT(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for _, token := range []string{user, "8f14e45fceea467f8b3e2c1d6e5b9a70", "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}",
		"(8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70)"} {
		for isAdmin, want := range map[string]string{
			`"False"`: user, `"false"`: user, `""`: user, `false`: user, `null`: user, `"no"`: user,
			`"True"`: auth.Admin, `"true"`: auth.Admin, `true`: auth.Admin,
		} {
			c, ok := auth.ReadClaims(jwt(`{"DeviceToken": "` + token + `", "IsAdmin": ` + isAdmin + `, "exp": "x"}`))
			if got := c.Subject(); got != want || !ok {
				t.Errorf("%s, IsAdmin %s: it is of %s, want %s", token, isAdmin, got, want)
			}
		}
	}
	if c, _ := auth.ReadClaims(jwt(`{"sub": "1"}`)); c.Subject() != auth.Admin {
		t.Errorf("without a DeviceToken: it is of %s", c.Subject())
	}
}

func TestTrimJWT(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"a.b.c": "a.b.c", "Bearer a.b.c": "a.b.c", " bearer  a.b.c\r\n": "a.b.c", "a.b.c\n": "a.b.c",
		"Bearer": "Bearer", "": "",
	} {
		if got := auth.TrimJWT(secret.New(given)).Reveal(); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

// The end of a pair is on this machine's clock: its lifetime by the JWT itself, else as the service
// says.
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
			t.Errorf("%q is not a JWT, but has claims %+v", text, c)
		}
		for _, at := range []time.Time{c.IssuedAt, c.ExpiresAt} {
			if y := at.Year(); y < 1 || y > 9999 {
				t.Errorf("%q: year %d", text, y)
			}
		}
	})
}
