package sandbox_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

// id is a UUID of a test's own layout.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// twoCompanies has company 1 with application 11 (instances 111 and 112) and 12 (instance
// 121), and company 2 with 21 and 211; one admin for each level of permission.
const twoCompanies = `
Companies:
- Id: 00000000-0000-4000-8000-000000000001
  Name: One
  Applications:
  - Id: 00000000-0000-4000-8000-000000000011
    Name: One-one
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000111, Key: 00000000-0000-4000-8000-000000009111, Name: A, InviteCode: AAA}
    - {Id: 00000000-0000-4000-8000-000000000112, Key: 00000000-0000-4000-8000-000000009112, Name: B,
	Status: Deactivated}
  - Id: 00000000-0000-4000-8000-000000000012
    Name: One-two
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000121, Key: 00000000-0000-4000-8000-000000009121, Name: C}
- Id: 00000000-0000-4000-8000-000000000002
  Name: Two
  Applications:
  - Id: 00000000-0000-4000-8000-000000000021
    Name: Two-one
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000211, Key: 00000000-0000-4000-8000-000000009211, Name: D}
Admins:
- {Email: company@example.com, Password: p, Companies: [00000000-0000-4000-8000-000000000001]}
- {Email: app@example.com, Password: p, Applications: [00000000-0000-4000-8000-000000000011]}
- {Email: instance@example.com, Password: p, Instances: [00000000-0000-4000-8000-000000000111]}
- {Email: nobody@example.com, Password: p}
`

func newCompanies(t testing.TB) *world {
	t.Helper()
	l, err := seed.ReadLayout(strings.NewReader(twoCompanies))
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, sandbox.Options{Layout: &l, SignInLimit: -1})
}

func (w *world) as(t testing.TB, name string) headers {
	t.Helper()
	fields := strconv.Quote(`{"email":"` + name + `@example.com"}`)
	return bearer(w.signIn(t, nil, fields, "p").want(t, 200).tokens(t).AccessToken.Token)
}

func TestThreeLevelsOfPermission(t *testing.T) {
	w := newCompanies(t)
	for name, want := range map[string][3]int{"company": {1, 0, 0}, "app": {0, 1, 0}, "instance": {0, 0, 1},
		"nobody": {}} {
		r := w.do(t, "GET", "/auth/permissions", w.as(t, name), "")
		if !strings.Contains(r.Raw, `"status":200,"title":"","errors":[]`) {
			t.Errorf("no camelCase: %s", r.Raw)
		}
		var p struct{ CompaniesPermissions, AppsPermissions, InstancesPermissions []map[string]any }
		r.into(t, &p)
		if got := [3]int{len(p.CompaniesPermissions), len(p.AppsPermissions), len(p.InstancesPermissions)}; got != want {
			t.Errorf("%s: %s", name, r.Raw)
		}
		if name == "instance" {
			if i := p.InstancesPermissions[0]; i["companyId"] != id(1) || i["appId"] != id(11) || i["instanceId"] != id(111) {
				t.Errorf("got %v", i)
			}
		}
	}
}

// What does not exist, or may not be seen, is HTTP 200 and a null Result; and the paths'
// case counts (live).
func TestTheAccountsHost(t *testing.T) {
	w := newCompanies(t)
	for _, c := range []struct{ as, path, want string }{
		{"instance", "/v1/Instances/" + id(111), `"Id":"` + id(111) + `","Key":"` + id(9111) + `","Name":"A"`},
		{"instance", "/v1/Instances/" + id(112), `"Result":null`},
		{"company", "/v1/Instances/" + id(211), `"Result":null`},
		{"company", "/v1/Instances/x", `"Result":null`},
		{"app", "/v1/Applications/" + id(11) + "?includeInstances=true", `"Instances":[{"Id":"` + id(111)},
		{"app", "/v1/Applications/" + id(12), `"Result":null`},
		{"company", "/v1/companies/" + id(1) + "/applications", `"Id":"` + id(12)},
		{"company", "/v1/companies/" + id(2) + "/applications", `"Result":null`},
		{"app", "/v1/companies/" + id(1) + "/applications", `"Result":null`},
		{"app", "/v1/applications/" + id(11) + "/instances?includeDeactivated=true",
			`"Status":"Deactivated","InviteCode":""`},
	} {
		if r := w.do(t, "GET", c.path, w.as(t, c.as), "").want(t, 200); !strings.Contains(r.Raw, c.want) {
			t.Errorf("%s as %s: %s", c.path, c.as, r.Raw)
		}
	}
	as := w.as(t, "company")
	if r := w.do(t, "GET", "/v1/applications/"+id(11)+"/instances", as, ""); strings.Contains(r.Raw, "Deactivated") {
		t.Errorf("a deactivated instance that was not asked for: %s", r.Raw)
	}
	if r := w.do(t, "GET", "/v1/companies/"+id(1)+"/applications", as, ""); strings.Contains(r.Raw, "Instances") {
		t.Errorf("instances where there are none: %s", r.Raw)
	}
	for _, path := range []string{"/v1/instances/" + id(111), "/v1/applications/" + id(11),
		"/v1/Companies/" + id(1) + "/applications", "/Auth/permissions"} {
		w.do(t, "GET", path, as, "").want(t, 404)
	}
}

func TestAnAdminSeesAndChangesOnlyItsOwn(t *testing.T) {
	w := newCompanies(t)
	users := map[int]string{}
	for _, n := range []int{111, 112, 121, 211} {
		h := headers{"InstanceId": id(n), "InstanceKey": id(9000 + n)}
		users[n] = w.do(t, "POST", "/v1/Registration/create", h, `{"LastName": "x"}`).want(t, 200).tokens(t).DeviceToken
	}
	for name, want := range map[string]int{"company": 3, "app": 2, "instance": 1, "nobody": 0} {
		as := w.as(t, name)
		if got := len(w.find(t, as, "LastName=x")); got != want {
			t.Errorf("%s finds %d", name, got)
		}
		if got := w.list(t, as, `{"PageNumber": 1, "PageSize": 10}`).TotalUsers; got != want {
			t.Errorf("%s lists %d", name, got)
		}
	}
	as := w.as(t, "app")
	w.do(t, "POST", "/v1/Management/users/GetFilteredPage", as,
		`{"PageNumber": 1, "PageSize": 10, "InstanceIds": ["`+id(121)+`"]}`).want(t, 403)
	w.do(t, "DELETE", "/v1/Management/users/"+users[121], as, "").want(t, 403)
	w.do(t, "PUT", "/v1/Management/users", forUser(as, users[211]), `{}`).want(t, 403)
	w.do(t, "DELETE", "/v1/Management/users/"+users[112], as, "").want(t, 200)
}

// A list may name things at each of the three levels. One that the admin may not see is
// refused; those that it may see and that do not overlap leave nobody.
func TestAListIsAboutWhatAllThatItNamesHaveInCommon(t *testing.T) {
	w := newCompanies(t)
	for _, n := range []int{111, 112, 121, 211} {
		w.do(t, "POST", "/v1/Registration/create", headers{"InstanceId": id(n), "InstanceKey": id(9000 + n)}, `{}`).
			want(t, 200)
	}
	for _, c := range []struct {
		as, companies, applications, instances string
		status, users                          int
	}{
		{"company", id(1), id(11), id(111), 200, 1},
		{"company", id(1), id(11), id(121), 200, 0},
		{"company", "", id(12), id(112), 200, 0},
		{"company", "", id(11), "", 200, 2},
		{"company", id(1), id(12), id(211), 403, 0},
		{"company", id(1), id(21), "", 403, 0},
		{"company", id(2), "", id(111), 403, 0},
		{"instance", "", id(11), id(111), 200, 1},
		{"instance", "", id(11), id(112), 403, 0},
	} {
		body := `{"PageNumber": 1, "PageSize": 10`
		for name, id := range map[string]string{"CompanyIds": c.companies, "ApplicationIds": c.applications,
			"InstanceIds": c.instances} {
			if id != "" {
				body += fmt.Sprintf(`, %q: [%q]`, name, id)
			}
		}
		r := w.do(t, "POST", "/v1/Management/users/GetFilteredPage", w.as(t, c.as), body+"}").want(t, c.status)
		if c.status != 200 {
			continue
		}
		var p page
		if r.into(t, &p); p.TotalUsers != c.users || len(p.Users) != c.users {
			t.Errorf("%s lists %s: %d users, want %d", c.as, body, p.TotalUsers, c.users)
		}
	}
}

func TestALayoutsMistakesAreNamedAllAtOnce(t *testing.T) {
	_, err := seed.ReadLayout(strings.NewReader(`{"Companies": [{"Id": "x", "Applications": [{"Id": "` + id(1) +
		`", "Status": "Gone",
		"Instances": [{"Id": "` + id(1) + `", "Key": "k"}]}]}], "Admins": [{"Email": "a", "Companies": ["` + id(9) + `"]}]}`))
	if !failure.Is(err, failure.Invalid) {
		t.Fatalf("got %v", err)
	}
	var keys []string
	for _, f := range failure.From(err).Fields {
		keys = append(keys, f.Key)
	}
	want := "Companies[0].Id Companies[0].Applications[0].Status Companies[0].Applications[0].Instances[0].Id " +
		"Companies[0].Applications[0].Instances[0].Key Admins[0] Admins[0].Companies[0]"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []string{"", "[]", "Companies: []", "Firms: []"} {
		if _, err := seed.ReadLayout(strings.NewReader(bad)); !failure.Is(err, failure.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A folder keeps the layout that it began with, whatever the next process would give a new one.
func TestAFolderKeepsItsLayout(t *testing.T) {
	dir := t.TempDir()
	l, err := seed.ReadLayout(strings.NewReader(twoCompanies))
	if err != nil {
		t.Fatal(err)
	}
	newWorld(t, sandbox.Options{Dir: dir, Layout: &l}).as(t, "app")
	w := newWorld(t, sandbox.Options{Dir: dir})
	got, err := w.box.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, l) {
		t.Errorf("got  %+v\nwant %+v", got, l)
	}
	w.as(t, "company")
}
