package sandbox_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

func forUser(as headers, token string) headers { return as.and(headers{"UserDeviceToken": token}) }

func TestAnUpdateChangesOnlyWhatWasSent(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		u := w.register(t, `{"FirstName": "Ada", "City": "London", "UserFields": {"ClientId": "c-1", `+
			`"EnableTracking": false}}`)
		as := w.asAdmin(t)
		r := w.do(t, "PUT", "/v1/Management/users", forUser(as, u.DeviceToken).
			and(headers{"Content-Type": "application/json-patch+json"}),
			`{"LastName": "Lovelace", "City": null, "ExternalImageUrl": "https://example.com/b.png", "IdentityId": "i-1", `+
				`"UserFields": {"EnableLogging": true}}`).want(t, 200)
		if r.Result != nil {
			t.Errorf("there is a Result: %s", r.Raw)
		}
		p := w.find(t, as, "FullName=ada+lovelace")
		if len(p) != 1 {
			t.Fatal("not found by the new name")
		}
		for name, want := range map[string]any{"FirstName": "Ada", "LastName": "Lovelace", "City": nil,
			"ImageUrl": "https://example.com/b.png"} {
			if p[0].UserProfile[name] != want {
				t.Errorf("%s is %v", name, p[0].UserProfile[name])
			}
		}
		f := p[0].UserFields[0]
		if f["EnableTracking"] != false || f["EnableLogging"] != true || f["ClientId"] != "c-1" || *p[0].IdentityId != "i-1" {
			t.Errorf("got %+v", p[0])
		}
	})
}

// Written Active, Deactivated or Deleted; read Active or Inactive (live). Deleted is a
// soft state: the user is still there.
func TestStatusIsWrittenAndReadInDifferentWords(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	u := w.register(t, `{}`).DeviceToken
	as := w.asAdmin(t)
	for _, c := range []struct{ written, read string }{
		{"Deactivated", "Inactive"}, {"Active", "Active"}, {"deleted", "Inactive"}, {"Active", "Active"},
	} {
		w.do(t, "PUT", "/v1/Management/users", forUser(as, u), `{"Status": "`+c.written+`"}`).want(t, 200)
		if got := w.find(t, as, "ShowInactiveUsers=true&DeviceToken="+u)[0].Status; got != c.read {
			t.Errorf("%s is read %s", c.written, got)
		}
	}
	w.do(t, "PUT", "/v1/Management/users", forUser(as, u), `{"Status": "Inactive"}`).want(t, 422, "Status")
}

func TestAUsersOwnCalls(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	me, other := w.register(t, `{"FirstName": "Ada"}`), w.register(t, `{}`)
	own := theInstance.and(bearer(me.AccessToken.Token))
	var p person
	w.do(t, "GET", "/v1/management/users", own, "").want(t, 200).into(t, &p)
	if p.DeviceToken != me.DeviceToken || p.UserProfile["FirstName"] != "Ada" {
		t.Errorf("got %+v", p)
	}
	const path = "/v1/Management/users"
	w.do(t, "PUT", path, own.and(headers{"DeviceToken": me.DeviceToken}), `{"Nickname": "al"}`).want(t, 200)
	w.do(t, "PUT", path, own.and(headers{"DeviceToken": other.DeviceToken}), `{"Nickname": "al"}`).want(t, 403)
	w.do(t, "PUT", path, own.and(headers{"UserDeviceToken": other.DeviceToken}), `{"Nickname": "al"}`).want(t, 403)
	w.do(t, "PUT", path, own, `{"Nickname": "al"}`).want(t, 422, "DeviceToken")
	w.do(t, "GET", path, bearer(me.AccessToken.Token), "").want(t, 422, "InstanceId", "InstanceKey")
	w.do(t, "GET", path, bearer(me.AccessToken.Token).
		and(headers{"InstanceId": seed.SecondInstanceID, "InstanceKey": seed.SecondInstanceKey}), "").want(t, 403)
	w.do(t, "GET", path, theInstance.and(w.asAdmin(t)), "").want(t, 403)
}

func TestAUsersJWTDoesNotManage(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	me := w.register(t, `{}`)
	as := bearer(me.AccessToken.Token)
	w.do(t, "GET", "/v1/Management/users/find?Email=x", as, "").want(t, 403)
	w.do(t, "POST", "/v1/Management/users/GetFilteredPage", as, `{"PageNumber": 1, "PageSize": 1}`).want(t, 403)
	w.do(t, "DELETE", "/v1/Management/users/"+me.DeviceToken, as, "").want(t, 403)
	w.do(t, "POST", "/v1/Management/users/instances/change", as, `{}`).want(t, 403)
	w.do(t, "GET", "/auth/permissions", as, "").want(t, 403)
}

func TestAnUpdateWithoutItsHeader(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	as := w.asAdmin(t)
	w.do(t, "PUT", "/v1/Management/users", as, `{}`).want(t, 422, "UserDeviceToken")
	w.do(t, "PUT", "/v1/Management/users", forUser(as, seed.CompanyID), `{}`).want(t, 404)
}

func TestFinding(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		ada := w.register(t, `{"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com", "Phone": "+44 1", `+
			`"UserFields": {"ClientId": "c 1"}}`).DeviceToken
		eve := w.register(t, `{"FirstName": "Eve", "LastName": "Lovelace", "Email": "eve@example.com"}`).DeviceToken
		long := strings.Repeat("ü", 300)
		odd := w.register(t, `{"FirstName": "`+long+`", "Nickname": "a\u0000b"}`).DeviceToken
		as := w.asAdmin(t)
		for query, want := range map[string][]string{
			"Email=ADA@example.com":                                  {ada},
			"email=eve@example.com":                                  {eve},
			"Phone=" + url.QueryEscape("+44 1"):                      {ada},
			"ClientId=c+1":                                           {ada},
			"LastName=lovelace":                                      {ada, eve},
			"LastName=Lovelace&FirstName=Eve":                        {eve},
			"FullName=Eve+Lovelace":                                  {eve},
			"FirstName=Eve&Email=ada@example.com":                    {},
			"DeviceToken=" + ada:                                     {ada},
			"DeviceToken=" + ada + "&FirstName=Eve":                  {},
			"DeviceToken=" + seed.CompanyID:                          {},
			"FirstName=" + url.QueryEscape(long):                     {odd},
			"FirstName=" + url.QueryEscape(strings.Repeat("ü", 299)): {},
			"Email=ada@example.co":                                   {},
			"FirstName=A":                                            {},
		} {
			got := []string{}
			for _, p := range w.find(t, as, query) {
				got = append(got, p.DeviceToken)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%.40s: got %v, want %v", query, got, want)
			}
		}
		w.do(t, "GET", "/v1/Management/users/find", as, "").want(t, 422, "")
		w.do(t, "GET", "/v1/Management/users/find?DeviceToken=x", as, "").want(t, 422, "DeviceToken")
	})
}

func TestDeletingIsForGood(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		u := w.register(t, `{"Email": "ada@example.com"}`)
		as := w.asAdmin(t)
		w.do(t, "DELETE", "/v1/Management/users/"+strings.ToUpper(u.DeviceToken), as, "").want(t, 200)
		w.do(t, "DELETE", "/v1/Management/users/"+u.DeviceToken, as, "").want(t, 404)
		w.do(t, "DELETE", "/v1/Management/users/x", as, "").want(t, 422, "DeviceToken")
		if got := w.find(t, as, "Email=ada@example.com"); len(got) != 0 {
			t.Errorf("found %v", got)
		}
		w.do(t, "GET", "/v1/Management/users", theInstance.and(bearer(u.AccessToken.Token)), "").want(t, 401)
		w.refresh(t, u.AccessToken.Token, *u.RefreshToken).want(t, 401)
	})
}

func TestMovingAndJoining(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		u := w.register(t, `{"Email": "ada@example.com"}`)
		as := w.asAdmin(t)
		where := func() string {
			p := w.find(t, as, "Email=ada@example.com")
			if len(p) != 1 {
				t.Fatalf("%d users", len(p))
			}
			return *p[0].AccountInfo["InstanceId"]
		}
		const path = "/v1/Management/users/instances/change"
		move := func(key string) reply {
			return w.do(t, "POST", path, as,
				`{"DeviceToken": "`+u.DeviceToken+`", "ToInstanceId": "`+seed.SecondInstanceID+`", "ToInstanceKey": "`+key+`"}`)
		}
		move(sandbox.InstanceKey).want(t, 422, "ToInstanceKey")
		move(seed.SecondInstanceKey).want(t, 200)
		if where() != seed.SecondInstanceID {
			t.Error("not moved")
		}
		w.do(t, "POST", path, as, `{"ToInstanceId": "x"}`).want(t, 422, "DeviceToken", "ToInstanceId", "ToInstanceKey")

		own := bearer(u.AccessToken.Token)
		w.do(t, "POST", path+"/"+strings.ToLower(sandbox.InviteCode), own, "").want(t, 200)
		if where() != sandbox.InstanceID {
			t.Error("not joined")
		}
		w.do(t, "POST", path+"/NOSUCH", own, "").want(t, 404)
		w.do(t, "POST", path+"/"+sandbox.InviteCode, as, "").want(t, 403)
	})
}
