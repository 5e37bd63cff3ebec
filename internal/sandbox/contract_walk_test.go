package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

// walk goes to every call of the service and gets every answer that there is.
type walk struct {
	*world
	strict   *world  // with the limit on sign-ins, and without the call that registers many users
	in       headers // an instance's
	u, other tokens  // users within the admin's reach and out of it
	admin    headers // the company's
	user     headers // u's own
	active   string  // a user with a phone and trips
}

const (
	usersPath   = "/v1/Management/users"
	createPath  = "/v1/Registration/create"
	loginPath   = "/v1/Auth/Login"
	refreshPath = "/v1/Auth/RefreshToken"

	heartbeatPath = "/api/heartbeats/get/v1/raw/users"
)

var asForm = headers{"Content-Type": "text/plain"}

// huge is larger than any body may be.
var huge = `{"x": "` + strings.Repeat("x", 30_000_000) + `"}`

// newWalk begins a walk all of whose answers are held to a contract. asked, if it is
// given, gets all that a call looks for in its request.
func newWalk(t *testing.T, contract *contracttest.Contract, asked func(call, where, name string)) *walk {
	t.Helper()
	w := &walk{world: newCompanies(t), strict: newWorld(t, sandbox.Options{NoMultiple: true})}
	for _, each := range []*world{w.world, w.strict} {
		each.client = &http.Client{Transport: contract.Transport(sandbox.Transport(each.box),
			contracttest.Hold{Answers: true}, func(err error) {
				t.Error(err)
			})}
		each.box.OnAsked(asked)
	}
	w.in = headers{"InstanceId": id(111), "InstanceKey": id(9111)}
	w.u = w.do(t, "POST", createPath, w.in, `{"LastName": "x", "UserFields": {}}`).want(t, 200).tokens(t)
	w.other = w.do(t, "POST", createPath, headers{"InstanceId": id(211), "InstanceKey": id(9211)}, `{}`).
		want(t, 200).tokens(t)
	w.active = id(77)
	line := `{"DeviceToken": "` + w.active + `", "ActivityStatus": "Active", "AccountInfo": {"InstanceId": "` +
		id(111) + `"}}`
	if _, err := w.box.Import(t.Context(), strings.NewReader(line)); err != nil {
		t.Fatal(err)
	}
	w.admin, w.user = w.as(t, "company"), bearer(w.u.AccessToken.Token)
	return w
}

func (w *walk) try(t *testing.T, status int, method, path string, h headers, body string) {
	t.Helper()
	if r := w.do(t, method, path, h, body); r.HTTP != status {
		t.Errorf("%s %s: %d %.200s, want %d", method, path, r.HTTP, r.Raw, status)
	}
}

func (w *walk) everywhere(t *testing.T) {
	t.Helper()
	w.registration(t)
	w.signingIn(t)
	w.asAdminOrNot(t)
	w.hierarchy(t)
	w.self(t)
	w.nowhere(t)
	w.removal(t)
}

func (w *walk) registration(t *testing.T) {
	t.Helper()
	for _, path := range []string{createPath, server.MultiplePath} {
		w.try(t, 401, "POST", path, w.in.and(headers{"InstanceKey": id(9112)}), `{"Quantity": 1}`)
		w.try(t, 413, "POST", path, w.in, huge)
		w.try(t, 415, "POST", path, w.in.and(asForm), `{}`)
		w.try(t, 422, "POST", path, nil, `{}`)
	}
	w.try(t, 200, "POST", server.MultiplePath, w.in, `{"Quantity": 1, "CustomFields": {}}`)
	w.try(t, 409, "POST", createPath, w.in, `{"CustomToken": "`+w.u.DeviceToken+`"}`)
	w.strict.do(t, "POST", server.MultiplePath, theInstance, `{"Quantity": 1}`).want(t, 404)
}

func (w *walk) signingIn(t *testing.T) {
	t.Helper()
	as := fmt.Sprintf(`{"LoginFields": %s, "Password": %q}`, userLogin(w.u.DeviceToken), id(9111))
	refresh := fmt.Sprintf(`{"AccessToken": %q, "RefreshToken": %q}`, w.u.AccessToken.Token, *w.u.RefreshToken)
	w.try(t, 200, "POST", loginPath, w.in, as)
	w.try(t, 401, "POST", loginPath, w.in, strings.Replace(as, id(9111), id(9112), 1))
	w.try(t, 200, "POST", refreshPath, nil, refresh)
	w.try(t, 401, "POST", refreshPath, nil, refresh)
	for path, body := range map[string]string{loginPath: as, refreshPath: refresh} {
		w.try(t, 413, "POST", path, nil, huge)
		w.try(t, 415, "POST", path, asForm, body)
		w.try(t, 422, "POST", path, nil, `{}`)
	}
	for range 5 {
		w.strict.signIn(t, nil, `"{}"`, "x")
	}
	w.strict.signIn(t, nil, `"{}"`, "x").want(t, 429)
}

// asAdminOrNot has the calls that want an admin: signed in, not signed in, as a user, and
// with a body that is none.
func (w *walk) asAdminOrNot(t *testing.T) {
	t.Helper()
	there := `{"DeviceToken": "` + w.u.DeviceToken + `", "ToInstanceId": "` + id(112) + `", "ToInstanceKey": "` +
		id(9112) + `"}`
	for _, c := range []struct{ method, path, good, bad string }{
		{"GET", usersPath + "/find?LastName=x&IncludeAccountInfo=true&ShowInactiveUsers=true", "", usersPath + "/find"},
		{"POST", usersPath + "/GetFilteredPage", `{"PageNumber": 1, "PageSize": 1}`, ""},
		{"PUT", usersPath, `{"UserFields": {}}`, ""},
		{"POST", usersPath + "/instances/change", there, ""},
		{"GET", "/auth/permissions", "", ""},
		{"GET", "/v1/Instances/" + id(111), "", ""},
		{"GET", "/v1/Applications/" + id(11) + "?includeInstances=true", "", ""},
		{"GET", "/v1/companies/" + id(1) + "/applications", "", ""},
		{"GET", "/v1/applications/" + id(11) + "/instances", "", ""},
		{"GET", "/v1/applications/" + id(11) + "/instances/AAA", "", ""},
		{"POST", "/v1/applications/" + id(11) + "/instances", `{"name": "n", "status": 2}`, ""},
		{"POST", "/v1/companies/" + id(1) + "/applications", `{"name": "n", "createDefaultGroup": true}`, ""},
		{"PATCH", "/v1/Instances/" + id(111) + "?Name=n", "", "/v1/Instances/" + id(111) + "?Status=3"},
		{"PATCH", "/v1/Applications/applications/" + id(11) + "?Name=n", "",
			"/v1/Applications/applications/" + id(11) + "?Status=2"},
		{"GET", "/indicators/admin/v3/Statistics?UserId=" + w.u.DeviceToken, "", "/indicators/admin/v3/Statistics"},
		{"GET", "/indicators/admin/v3/Statistics/Dates?UserId=" + w.u.DeviceToken, "",
			"/indicators/admin/v3/Statistics/Dates?UserId=x"},
		{"GET", heartbeatPath + "/" + w.u.DeviceToken + "/latest", "", heartbeatPath + "/x/latest"},
		{"POST", heartbeatPath + "/latest", `{"DeviceTokens": ["` + w.active + `"]}`, ""},
	} {
		as := w.admin.and(headers{"UserDeviceToken": w.u.DeviceToken})
		w.try(t, 200, c.method, c.path, as, c.good)
		w.try(t, 401, c.method, c.path, nil, c.good)
		w.try(t, 403, c.method, c.path, w.user.and(w.in).and(headers{"DeviceToken": w.other.DeviceToken}), c.good)
		if c.bad != "" {
			w.try(t, 422, c.method, c.bad, as, "")
		}
		if c.good != "" {
			w.try(t, 413, c.method, c.path, as, huge)
			w.try(t, 415, c.method, c.path, as.and(asForm), c.good)
			w.try(t, 422, c.method, c.path, as, `[]`)
		}
	}
	nobody := strings.Replace(there, w.u.DeviceToken, id(5), 1)
	w.try(t, 404, "PUT", usersPath, w.admin.and(headers{"UserDeviceToken": id(5)}), `{}`)
	w.try(t, 404, "POST", usersPath+"/instances/change", w.admin, nobody)
	w.try(t, 200, "POST", usersPath+"/instances/change", w.admin, strings.ReplaceAll(there, "112", "111"))
	for _, path := range []string{
		"/indicators/admin/v3/Statistics?UserId=", "/indicators/admin/v3/Statistics/Dates?UserId=",
		heartbeatPath + "/{}/latest",
	} {
		at := func(token string) string {
			if strings.Contains(path, "{}") {
				return strings.Replace(path, "{}", token, 1)
			}
			return path + token
		}
		w.try(t, 200, "GET", at(w.active), w.admin, "")
		w.try(t, 404, "GET", at(id(5)), w.admin, "")
	}
	for _, path := range []string{"/v1/Instances/" + id(111) + "?Name=n",
		"/v1/Applications/applications/" + id(11) + "?Name=n"} {
		w.try(t, 413, "PATCH", path, w.admin, huge)
	}
}

func (w *walk) hierarchy(t *testing.T) {
	t.Helper()
	for path, key := range map[string]string{"/v1/Instances/" + id(111): "InstanceId",
		"/v1/Applications/applications/" + id(11): "AppToken"} {
		w.try(t, 401, "DELETE", path, nil, "")
		w.try(t, 403, "DELETE", path, w.user, "")
		w.do(t, "DELETE", path, w.admin, "").want(t, 422, key)
	}
	for _, call := range []string{
		"PATCH /v1/Instances/", "DELETE /v1/Instances/", "PATCH /v1/Applications/applications/",
		"DELETE /v1/Applications/applications/",
	} {
		method, path, _ := strings.Cut(call, " ")
		w.try(t, 200, method, path+id(5), w.admin, "")
	}
	w.try(t, 200, "POST", "/v1/applications/"+id(5)+"/instances", w.admin, `{"name": "n"}`)
	w.try(t, 200, "POST", "/v1/companies/"+id(5)+"/applications", w.admin, `{"name": "n"}`)
	for _, level := range []string{"company", "app", "instance"} {
		w.try(t, 200, "GET", "/auth/permissions", w.as(t, level), "")
	}
}

// self has what users do to themselves.
func (w *walk) self(t *testing.T) {
	t.Helper()
	w.try(t, 200, "GET", usersPath, w.user.and(w.in), "")
	w.try(t, 401, "GET", usersPath, w.in, "")
	w.try(t, 403, "GET", usersPath, w.admin.and(w.in), "")
	w.try(t, 422, "GET", usersPath, w.user, "")
	w.try(t, 200, "PUT", usersPath, w.user.and(w.in).and(headers{"DeviceToken": w.u.DeviceToken}), `{}`)

	join := usersPath + "/instances/change/"
	w.try(t, 200, "POST", join+"AAA", w.user, "")
	w.try(t, 401, "POST", join+"AAA", nil, "")
	w.try(t, 403, "POST", join+"AAA", w.admin, "")
	w.try(t, 404, "POST", join+"BBB", w.user, "")
	w.try(t, 413, "POST", join+"AAA", w.user, huge)
}

func (w *walk) removal(t *testing.T) {
	t.Helper()
	w.try(t, 401, "DELETE", usersPath+"/"+w.u.DeviceToken, nil, "")
	w.try(t, 403, "DELETE", usersPath+"/"+w.other.DeviceToken, w.admin, "")
	w.try(t, 404, "DELETE", usersPath+"/"+id(5), w.admin, "")
	w.try(t, 422, "DELETE", usersPath+"/x", w.admin, "")
	w.try(t, 200, "DELETE", usersPath+"/"+w.u.DeviceToken, w.admin, "")
}

// nowhere has the calls that there are not.
func (w *walk) nowhere(t *testing.T) {
	t.Helper()
	w.try(t, 404, "GET", "/v1/Nowhere", w.admin, "")
	w.try(t, 404, "GET", "/v1/instances/"+id(111), w.admin, "") // the accounts host's paths are exact
	w.try(t, 404, "GET", "/Auth/Permissions", w.admin, "")
	w.try(t, 405, "PATCH", usersPath, w.admin, `{}`)
	w.try(t, 405, "BREW", "/v1/Instances/"+id(111), w.admin, "")
	w.try(t, 404, "GET", "//v1/Instances/"+id(111), w.admin, "") // ASP.NET ignores a slash at the end only
	w.try(t, 413, "POST", "/v1/Nowhere", w.admin, huge)
}
