package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

func TestRegisteringGivesTokensForFiveDays(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		got := w.register(t, `{}`)
		if _, err := uuid.Parse(got.DeviceToken); err != nil {
			t.Error(err)
		}
		if got.AccessToken == nil || got.AccessToken.ExpiresIn != 432000 || got.RefreshToken == nil {
			t.Fatalf("got %+v", got)
		}
		head, claims := parts(t, got.AccessToken.Token)
		if head["alg"] != "RS256" {
			t.Errorf("signed by %v", head["alg"])
		}
		if n := len(got.AccessToken.Token); n < 1000 || n > 2000 {
			t.Errorf("the JWT is %d bytes; live ones are 1 to 2 kB", n)
		}
		for name, want := range map[string]any{
			"sub": got.DeviceToken, "DeviceToken": dashless(got.DeviceToken), "InstanceId": dashless(sandbox.InstanceID),
			"CompanyId": dashless(seed.CompanyID), "AppId": dashless(seed.ApplicationID), "iss": "webApi",
			"aud":               "https://user.telematicssdk.com",
			"SdkEnableTracking": "True", "SdkEnableLogging": "False", "SdkEnabled": "True", "IsAdmin": "False", "Sdk": "True",
			"SdkClientId": "",
			"nbf":         float64(w.Now().Unix()), "iat": float64(w.Now().Unix()), "exp": float64(w.Now().Unix() + 432000),
		} {
			if claims[name] != want {
				t.Errorf("claim %s is %v, want %v", name, claims[name], want)
			}
		}
	})
}

func dashless(id string) string { return strings.ReplaceAll(id, "-", "") }

func TestTheFormOf2019(t *testing.T) {
	w := newWorld(t, sandbox.Options{JWTForm: server.JWT2019})
	got := w.register(t, `{}`)
	head, claims := parts(t, got.AccessToken.Token)
	if head["alg"] != "HS256" {
		t.Errorf("signed by %v", head["alg"])
	}
	for name, want := range map[string]any{
		"RefreshToken": *got.RefreshToken, "InstanceKey": sandbox.InstanceKey, "DeviceToken": got.DeviceToken,
		"InstanceId": sandbox.InstanceID,
		"CompanyId":  "3", "SdkEnableTracking": "True", "SdkEnableRealTimeLocation": "False",
		"RefreshTokenExpiredDate": "2026-11-29T12:00:00Z",
	} {
		if claims[name] != want {
			t.Errorf("claim %s is %v, want %v", name, claims[name], want)
		}
	}
}

// parts are what a JWT says: how it is signed, and its claims.
func parts(t *testing.T, jwt string) (head, claims map[string]any) {
	t.Helper()
	text := strings.Split(jwt, ".")
	for i, into := range []*map[string]any{&head, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(text[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return head, claims
}

func TestEachUsersJWTHasAClientId(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for body, want := range map[string]any{`{"UserFields": {"ClientId": "c-\"1\""}}`: `c-"1"`,
		`{"UserFields": {"ClientId": ""}}`: "", `{}`: ""} {
		u := w.register(t, body)
		fresh := w.refresh(t, u.AccessToken.Token, *u.RefreshToken).want(t, 200).tokens(t)
		for _, jwt := range []string{u.AccessToken.Token, fresh.AccessToken.Token} {
			_, claims := parts(t, jwt)
			if got, there := claims["SdkClientId"]; !there || got != want {
				t.Errorf("%s: the claims are %v", body, claims)
			}
		}
	}
	_, claims := parts(t, strings.TrimPrefix(w.asAdmin(t)["Authorization"], "Bearer "))
	if _, there := claims["SdkClientId"]; there || claims["Email"] == nil {
		t.Errorf("an admin's claims are %v", claims)
	}
}

func TestWithoutAccessTokenBothAreNull(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	r := w.do(t, "POST", "/v1/Registration/create", theInstance, `{"CreateAccessToken": false}`).want(t, 200)
	if !strings.Contains(r.Raw, `"AccessToken":null,"RefreshToken":null`) {
		t.Error(r.Raw)
	}
}

func TestRegisteringTwiceMakesTwoUsers(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	body := `{"Email": "ada@example.com"}`
	if a, b := w.register(t, body), w.register(t, body); a.DeviceToken == b.DeviceToken {
		t.Error("the same user twice")
	}
	if got := w.find(t, w.asAdmin(t), "Email=ada@example.com"); len(got) != 2 {
		t.Errorf("%d users", len(got))
	}
}

func TestInstanceHeadersAreChecked(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	for name, c := range map[string]struct {
		h      headers
		status int
		keys   []string
	}{
		"none":             {nil, 422, []string{"InstanceId", "InstanceKey"}},
		"no key":           {headers{"InstanceId": sandbox.InstanceID}, 422, []string{"InstanceKey"}},
		"malformed":        {headers{"InstanceId": "x", "InstanceKey": sandbox.InstanceKey}, 422, []string{"InstanceId"}},
		"wrong key":        {headers{"InstanceId": sandbox.InstanceID, "InstanceKey": seed.SecondInstanceKey}, 401, nil},
		"unknown instance": {headers{"InstanceId": seed.CompanyID, "InstanceKey": sandbox.InstanceKey}, 401, nil},
		"upper case": {headers{"INSTANCEID": strings.ToUpper(sandbox.InstanceID),
			"instancekey": strings.ToUpper(sandbox.InstanceKey)}, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.do(t, "POST", "/v1/Registration/create", c.h, `{}`).want(t, c.status, c.keys...)
			w.do(t, "POST", server.MultiplePath, c.h, `{"Quantity": 1}`).want(t, c.status, c.keys...)
		})
	}
}

// Paths go without regard to case on the user host; the vendor's clients spell them in
// several ways, and field names too.
func TestOtherClientsSpellings(t *testing.T) {
	w := newWorld(t, sandbox.Options{SignInLimit: -1})
	for _, path := range []string{"/v1/Registration/Create", "/V1/REGISTRATION/CREATE", "/v1/registration/create/"} {
		w.do(t, "POST", path, theInstance, `{}`).want(t, 200)
	}
	got := w.register(t, `{"firstName": "Ada", "lastname": "L", "userFields": [{"clientId": "c-1", `+
		`"EnableRealtimeLocation": "true"}], "Shoe": 43}`)
	p := w.find(t, w.asAdmin(t), "devicetoken="+got.DeviceToken)
	if len(p) != 1 || p[0].UserProfile["FirstName"] != "Ada" || p[0].UserFields[0]["ClientId"] != "c-1" ||
		p[0].UserFields[0]["EnableRealTimeLocation"] != true {
		t.Errorf("read back %+v", p)
	}
	for range 20 { // of one name in two spellings the last counts, always
		got = w.register(t, `{"FirstName": "Ada", "LastName": "L", "firstname": "Grace", "FIRSTNAME": "Joan"}`)
		if p = w.find(t, w.asAdmin(t), "DeviceToken="+got.DeviceToken); p[0].UserProfile["FirstName"] != "Joan" ||
			p[0].UserProfile["LastName"] != "L" {
			t.Fatalf("read back %+v", p)
		}
	}
}

func TestEveryFieldIsReadBack(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		got := w.register(t, `{"FirstName": "Ada", "LastName": "Lovelace", "Nickname": "al", "Phone": "+44 20",
			"Email": "not an address",
			"Gender": "female", "Birthday": "1989-02-17T00:00:00Z", "MaritalStatus": "1", "ChildrenCount": 3, "Country": "UK",
			"District": "Westminster", "City": "London", "Address": "12 St James's Square", "Status": "Deactivated",
			"ImageUrl": "https://example.com/a.png", "UserFields": {"ClientId": "c-1", "EnableTracking": false,
				"EnableLogging": true,
			"EnableRealTimeLocation": true, "Enabled": false}}`)
		as := w.asAdmin(t)
		p := w.find(t, as, "DeviceToken="+got.DeviceToken+"&IncludeAccountInfo=true&ShowInactiveUsers=true")[0]
		for name, want := range map[string]any{
			"FirstName": "Ada", "LastName": "Lovelace", "Nickname": "al", "Phone": "+44 20", "Email": "not an address",
			"Gender":   "Female",
			"Birthday": "1989-02-17T00:00:00", "MaritalStatus": "1", "ChildrenCount": 3.0, "Country": "UK",
			"District": "Westminster",
			"City":     "London", "Address": "12 St James's Square", "ImageUrl": "https://example.com/a.png",
			"ExternalImageUrl": "https://example.com/a.png",
		} {
			if p.UserProfile[name] != want {
				t.Errorf("%s is %v, want %v", name, p.UserProfile[name], want)
			}
		}
		if p.Status != "Inactive" || p.ActivityStatus != "No Data" || p.DateCreated != "2026-11-22T12:00:00" {
			t.Errorf("got %+v", p)
		}
		f := p.UserFields[0]
		if len(p.UserFields) != 1 || f["EnableTracking"] != false || f["EnableLogging"] != true ||
			f["EnableRealTimeLocation"] != true || f["Enabled"] != false || f["ClientId"] != "c-1" {
			t.Errorf("UserFields %v", p.UserFields)
		}
		if n := p.AccountInfo["InstanceName"]; n == nil || *n != "Common" {
			t.Errorf("AccountInfo %v", p.AccountInfo)
		}
		if p := w.find(t, as, "DeviceToken="+got.DeviceToken+
			"&ShowInactiveUsers=True")[0]; p.AccountInfo["InstanceName"] != nil ||
			*p.AccountInfo["InstanceId"] != sandbox.InstanceID {
			t.Errorf("names that were not asked for: %v", p.AccountInfo)
		}
	})
}

func TestAUserOfWhomNothingWasSaid(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	p := w.find(t, w.asAdmin(t), "DeviceToken="+w.register(t, `{}`).DeviceToken)[0]
	if p.UserProfile["Gender"] != "None" ||
		!strings.HasSuffix(p.UserProfile["ImageUrl"].(string), "/ic_no_avatar_white.png") ||
		p.UserProfile["ExternalImageUrl"] != nil {
		t.Errorf("profile %v", p.UserProfile)
	}
	if f := p.UserFields[0]; f["EnableTracking"] != true || f["EnableLogging"] != false ||
		f["EnableRealTimeLocation"] != false || f["Enabled"] != true || f["ClientId"] != nil {
		t.Errorf("UserFields %v", f)
	}
}

func TestWhatCannotBeConvertedIsNamedAllAtOnce(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.do(t, "POST", "/v1/Registration/create", theInstance,
		`{"Gender": "F", "Birthday": "yesterday", "ChildrenCount": "many", "CustomToken": "x",
		"FirstName": {}, "UserFields": {"EnableLogging": "maybe"}}`).
		want(t, 422, "FirstName", "Gender", "Birthday", "ChildrenCount", "CustomToken", "UserFields.EnableLogging")
	for _, body := range []string{"", "null", "[]", "{", `"x"`} {
		w.do(t, "POST", "/v1/Registration/create", theInstance, body).want(t, 422, "")
	}
}

func TestACustomTokenIsTheDeviceToken(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		const token = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
		if got := w.register(t, `{"CustomToken": "`+strings.ToUpper(token)+`"}`); got.DeviceToken != token {
			t.Errorf("got %s", got.DeviceToken)
		}
		w.do(t, "POST", "/v1/Registration/create", theInstance, `{"CustomToken": "`+token+`"}`).want(t, 409, "CustomToken")
	})
}

func TestAnInviteCodeChoosesTheInstance(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	got := w.register(t, `{"InstanceInviteCode": "sandbox2"}`)
	if p := w.find(t, w.asAdmin(t), "DeviceToken="+
		got.DeviceToken)[0]; *p.AccountInfo["InstanceId"] != seed.SecondInstanceID {
		t.Errorf("registered into %s", *p.AccountInfo["InstanceId"])
	}
	w.do(t, "POST", "/v1/Registration/create", theInstance, `{"InstanceInviteCode": "none"}`).
		want(t, 422, "InstanceInviteCode")
}

func TestRegisteringManyAtOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		var all []tokens
		body := `{"Quantity": 3, "CustomFields": {"EnableTracking": false, "Enabled": false}}`
		w.do(t, "POST", server.MultiplePath, theInstance, body).want(t, 200).into(t, &all)
		if len(all) != 3 || all[0].AccessToken == nil || all[0].DeviceToken == all[1].DeviceToken {
			t.Fatalf("got %+v", all)
		}
		f := w.find(t, w.asAdmin(t), "DeviceToken="+all[2].DeviceToken)[0].UserFields[0]
		if f["EnableTracking"] != false || f["EnableLogging"] != false || f["Enabled"] != false {
			t.Errorf("UserFields %v", f)
		}
		for _, n := range []int{0, -1, 101} {
			w.do(t, "POST", server.MultiplePath, theInstance, `{"Quantity": `+strconv.Itoa(n)+`}`).
				want(t, 422, "Quantity")
		}
		w.do(t, "POST", server.MultiplePath, theInstance, `{}`).want(t, 422, "Quantity")
	})
}

func TestAServiceWithoutRegisteringMany(t *testing.T) {
	w := newWorld(t, sandbox.Options{NoMultiple: true})
	w.do(t, "POST", server.MultiplePath, theInstance, `{"Quantity": 3}`).want(t, 404)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.do(t, "GET", "/nowhere", nil, "").want(t, 404)
	r := w.do(t, "PATCH", "/v1/Registration/create", nil, "").want(t, 405)
	if r.Header.Get("Allow") != "POST" {
		t.Errorf("Allow: %s", r.Header.Get("Allow"))
	}
	w.do(t, "POST", "/v1/Registration/create",
		theInstance.and(headers{"Content-Type": "application/x-www-form-urlencoded"}), "a=b").want(t, 415)
}

func TestTheRequestIdComesBack(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	if got := w.do(t, "GET", "/nowhere", headers{"X-Request-Id": "r-1"}, "").Header.Get("X-Request-Id"); got != "r-1" {
		t.Errorf("got %q", got)
	}
	if got := w.do(t, "GET", "/nowhere", nil, "").Header.Get("X-Request-Id"); got == "" {
		t.Error("none was drawn")
	}
}

// The same random source and clock give the same tokens, so that tests of clients can pin
// what they print.
func TestAGivenSourceMakesEverythingRepeatable(t *testing.T) {
	form := sandbox.Options{JWTForm: server.JWT2019} // the key of the other is the system's in any case
	a, b := newWorld(t, form), newWorld(t, form)
	one, two := a.register(t, `{}`), b.register(t, `{}`)
	if one.DeviceToken != two.DeviceToken || one.AccessToken.Token != two.AccessToken.Token ||
		*one.RefreshToken != *two.RefreshToken {
		t.Errorf("%+v and %+v", one, two)
	}
	b.Move(time.Second)
	if c := b.register(t, `{}`); c.DeviceToken == two.DeviceToken {
		t.Error("the source stands still")
	}
}

// By default the service's leniency; with Strict what it is not known to take is refused.
func TestWhatIsLenientAndWhatIsStrict(t *testing.T) {
	lenient, strict := newWorld(t, sandbox.Options{}), newWorld(t, sandbox.Options{Strict: true})
	inBraces := headers{"InstanceId": "{" + strings.ToUpper(sandbox.InstanceID) + "}",
		"InstanceKey": dashless(sandbox.InstanceKey)}
	const path = "/v1/Registration/create"
	for name, c := range map[string]struct {
		path, body string
		h          headers
		strict     int
	}{
		"UUIDs as .NET writes them": {path, `{}`, inBraces, 200},
		"as it is documented": {path,
			`{"FirstName": "Ada", "ChildrenCount": 2, "UserFields": {"EnableLogging": true}}`, theInstance, 200},
		"a number for a string":      {path, `{"FirstName": 7}`, theInstance, 422},
		"a string for a number":      {path, `{"ChildrenCount": "2"}`, theInstance, 422},
		"a string for a boolean":     {path, `{"UserFields": {"EnableLogging": "True"}}`, theInstance, 422},
		"an empty string for a null": {path, `{"ChildrenCount": "", "Birthday": "", "Gender": ""}`, theInstance, 422},
		"the place of an enum":       {path, `{"Gender": "1"}`, theInstance, 422},
		"another case":               {path, `{"firstname": "Ada"}`, theInstance, 422},
		"an unknown field":           {path, `{"Shoe": 43}`, theInstance, 422},
		"a slash at the end":         {path + "/", `{}`, theInstance, 404},
	} {
		t.Run(name, func(t *testing.T) {
			lenient.do(t, "POST", c.path, c.h, c.body).want(t, 200)
			r := send(t, &http.Client{Transport: sandbox.Transport(strict.box)}, "http://sandbox", "POST", c.path, c.h, c.body)
			if r.HTTP != c.strict {
				t.Errorf("strict: %d %s, want %d", r.HTTP, r.Raw, c.strict)
			}
		})
	}
}
