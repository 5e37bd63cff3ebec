package sandbox_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

func (w *world) signIn(t testing.TB, h headers, fields, password string) reply {
	t.Helper()
	return w.do(t, "POST", "/v1/Auth/Login", h, fmt.Sprintf(`{"LoginFields": %s, "Password": %q}`, fields, password))
}

func userLogin(token string) string { return strconv.Quote(`{"Devicetoken":"` + token + `"}`) }

var inInstance = headers{"InstanceId": sandbox.InstanceID}

func TestSigningInGivesADay(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		if got := w.admin(t); got.AccessToken.ExpiresIn != 86400 || got.RefreshToken == nil || got.DeviceToken != "" {
			t.Errorf("admin: %+v", got)
		}
		u := w.register(t, `{}`)
		got := w.signIn(t, inInstance, userLogin(u.DeviceToken), sandbox.InstanceKey).want(t, 200).tokens(t)
		if got.AccessToken.ExpiresIn != 86400 || got.DeviceToken != u.DeviceToken {
			t.Errorf("user: %+v", got)
		}
	})
}

func TestSignInsThatAreRefused(t *testing.T) {
	w := newWorld(t, sandbox.Options{SignInLimit: -1})
	u := w.register(t, `{}`).DeviceToken
	admin := strconv.Quote(`{"email":"` + sandbox.AdminEmail + `"}`)
	for name, c := range map[string]struct {
		h                headers
		fields, password string
		status           int
		keys             []string
	}{
		"wrong password": {nil, admin, "x", 401, nil},
		"unknown admin":  {nil, `"{\"email\":\"x@example.com\"}"`, "x", 401, nil},
		"no InstanceId":  {nil, userLogin(u), sandbox.InstanceKey, 422, []string{"InstanceId"}},
		"wrong key":      {inInstance, userLogin(u), seed.SecondInstanceKey, 401, nil},
		"another instance's user": {headers{"InstanceId": seed.SecondInstanceID}, userLogin(u),
			seed.SecondInstanceKey, 401, nil},
		"unknown user":   {inInstance, userLogin(seed.CompanyID), sandbox.InstanceKey, 401, nil},
		"no JSON inside": {nil, `"x"`, "x", 422, []string{"LoginFields"}},
		"no LoginFields": {nil, `null`, "x", 422, []string{"LoginFields"}},
	} {
		t.Run(name, func(t *testing.T) { w.signIn(t, c.h, c.fields, c.password).want(t, c.status, c.keys...) })
	}
}

// The inner key is exactly Devicetoken; any other spelling gets a 401 with no body (live).
func TestAnotherSpellingOfDevicetokenGetsABare401(t *testing.T) {
	w := newWorld(t, sandbox.Options{SignInLimit: -1})
	u := w.register(t, `{}`).DeviceToken
	for _, key := range []string{"DeviceToken", "devicetoken", "deviceToken", ""} {
		r := w.signIn(t, inInstance, strconv.Quote(`{"`+key+`":"`+u+`"}`), sandbox.InstanceKey)
		if r.HTTP != 401 || r.Raw != "" || r.Header.Get("Content-Type") != "" {
			t.Errorf("%q: %d %q", key, r.HTTP, r.Raw)
		}
	}
}

// The vendor's Android library sends an object, with DeviceToken in it; its other names
// and paths are as here, too.
func TestTheAndroidLibrarysWay(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	u := w.do(t, "POST", "/v1/Registration/Create",
		theInstance.and(headers{"Content-Type": "application/json; charset=UTF-8"}),
		`{"birthday": "1990-05-31T00:00:00", "childrenCount": 2, "email": "ada@example.com", "firstName": "Ada", `+
			`"gender": "Female", "maritalStatus": "null", "userFields": {"ClientId": "c-1"}}`).
		want(t, 200).tokens(t)
	u = w.signIn(t, inInstance, `{"Phone": null, "DeviceToken": "`+u.DeviceToken+`"}`, sandbox.InstanceKey).
		want(t, 200).tokens(t)
	u = w.do(t, "POST", "/v1/Auth/RefreshToken", theInstance,
		fmt.Sprintf(`{"accessToken": %q, "refreshToken": %q}`, u.AccessToken.Token, *u.RefreshToken)).
		want(t, 200).tokens(t)
	own := theInstance.and(bearer(u.AccessToken.Token)).and(headers{"DeviceToken": u.DeviceToken})
	w.do(t, "PUT", "/v1/Management/Users", own, `{"address": "Bonn", "userFields": {"ClientId": "c-2"}}`).want(t, 200)
	var p person
	w.do(t, "GET", "/v1/Management/users", own, "").want(t, 200).into(t, &p)
	if p.UserProfile["Address"] != "Bonn" || p.UserProfile["Birthday"] != "1990-05-31T00:00:00" ||
		p.UserFields[0]["ClientId"] != "c-2" {
		t.Errorf("got %+v", p)
	}
	w.signIn(t, inInstance, `{"Email": "`+sandbox.AdminEmail+`"}`, sandbox.AdminPassword).want(t, 200)
	w.signIn(t, inInstance, `{"Phone": "+1"}`, "x").want(t, 401)
	w.signIn(t, inInstance, `{"DeviceToken": 7}`, "x").want(t, 422, "LoginFields")
}

func TestTheSixthSignInOfAMinuteBlocksTheAddressForAnHour(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		for range 4 {
			w.admin(t)
			w.Move(10 * time.Second)
		}
		w.signIn(t, nil, `"{}"`, "x").want(t, 401) // a refused one counts as well
		r := w.signIn(t, nil, `"{}"`, "x").want(t, 429)
		if r.Header.Get("Retry-After") != "3600" {
			t.Errorf("Retry-After: %s", r.Header.Get("Retry-After"))
		}
		w.Move(59*time.Minute + 30*time.Second)
		if r := w.signIn(t, nil, `"{}"`, "x").want(t, 429); r.Header.Get("Retry-After") != "30" {
			t.Errorf("Retry-After: %s", r.Header.Get("Retry-After"))
		}
		w.Move(30 * time.Second)
		w.admin(t)
	})
}

func TestFiveSignInsAMinuteAreNoOffence(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for range 20 {
		w.admin(t)
		w.Move(15 * time.Second)
	}
}

func (w *world) refresh(t testing.TB, access, refresh string) reply {
	t.Helper()
	return w.do(t, "POST", "/v1/auth/refreshtoken", nil,
		fmt.Sprintf(`{"AccessToken": %q, "RefreshToken": %q}`, access, refresh))
}

func TestARefreshTokenIsSpentByItsUse(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		for name, old := range map[string]tokens{"user": w.register(t, `{}`), "admin": w.admin(t)} {
			fresh := w.refresh(t, old.AccessToken.Token, *old.RefreshToken).want(t, 200).tokens(t)
			if *fresh.RefreshToken == *old.RefreshToken || fresh.AccessToken.Token == old.AccessToken.Token ||
				fresh.DeviceToken != old.DeviceToken {
				t.Errorf("%s: %+v after %+v", name, fresh, old)
			}
			w.refresh(t, old.AccessToken.Token, *old.RefreshToken).want(t, 401)
			w.refresh(t, old.AccessToken.Token, *fresh.RefreshToken).want(t, 200)
		}
	})
}

func TestRefreshing(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	u, other := w.register(t, `{}`), w.register(t, `{}`)
	w.refresh(t, u.AccessToken.Token, *other.RefreshToken).want(t, 401)
	w.refresh(t, other.AccessToken.Token, *other.RefreshToken).want(t, 200) // a refused refresh spends nothing
	w.refresh(t, u.AccessToken.Token+"x", *u.RefreshToken).want(t, 401)
	w.refresh(t, "x", *u.RefreshToken).want(t, 401)
	w.do(t, "POST", "/v1/Auth/RefreshToken", nil, `{}`).want(t, 422, "AccessToken", "RefreshToken")

	w.Move(6 * 24 * time.Hour) // the JWT has expired; the refresh token has not
	fresh := w.refresh(t, u.AccessToken.Token, *u.RefreshToken).want(t, 200).tokens(t)
	w.Move(8 * 24 * time.Hour)
	w.refresh(t, fresh.AccessToken.Token, *fresh.RefreshToken).want(t, 401)
}

func TestAJWTLivesUntilItsTimeRefreshedOrNot(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	u := w.register(t, `{}`)
	w.refresh(t, u.AccessToken.Token, *u.RefreshToken).want(t, 200)
	own := theInstance.and(bearer(u.AccessToken.Token))
	w.Move(432000*time.Second - time.Second)
	w.do(t, "GET", "/v1/Management/users", own, "").want(t, 200)
	w.Move(2 * time.Second)
	w.do(t, "GET", "/v1/Management/users", own, "").want(t, 401)
}

func TestOnlyOwnJWTsCount(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	foreign := newWorld(t, sandbox.Options{Random: strings.NewReader(strings.Repeat("another seed", 1000))})
	for name, token := range map[string]string{
		"none": "", "rubbish": "x", "another sandbox's": foreign.admin(t).AccessToken.Token,
		"unsigned": "eyJhbGciOiJub25lIn0.eyJFbWFpbCI6ImFkbWluQHNhbmRib3guZXhhbXBsZSJ9.",
	} {
		t.Run(name, func(t *testing.T) {
			w.do(t, "GET", "/v1/Management/users/find?Email=x", bearer(token), "").want(t, 401)
		})
	}
}
