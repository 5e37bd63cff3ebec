package sandbox_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/contracttest"
)

func TestEveryRouteInCodeIsInTheContractAndTheOtherWayRound(t *testing.T) {
	described := map[string]bool{}
	for _, call := range theContract().Calls() {
		described[call[:strings.LastIndex(call, " ")]] = true
	}
	want := slices.Sorted(maps.Keys(described))
	got := slices.Sorted(slices.Values(sandbox.Routes()))
	if !slices.Equal(got, want) {
		t.Errorf("in code      %v\nin the contract %v", got, want)
	}
}

// The contract's bodies have the fields of the table, no more and no less.
func TestEveryFieldOfTheTableIsInTheContract(t *testing.T) {
	schemas := theContract().Doc.Components.Schemas
	for _, c := range []struct {
		schema string
		use    field.Use
		more   []string // what the table does not carry
	}{
		{"Registration", field.Create, nil},
		{"Update", field.Update, []string{"IdentityId", "IdentityProvider", "OldPassword", "NewPassword"}},
	} {
		want := slices.Clone(c.more)
		var inside []string
		for _, f := range field.All(c.use) {
			name := f.Name
			if c.use == field.Update && f.UpdateName != "" {
				name = f.UpdateName
			}
			if f.Inside != "" {
				inside = append(inside, name)
			} else {
				want = append(want, name)
			}
		}
		want = append(want, field.UserFields)
		same(t, c.schema, slices.Collect(maps.Keys(schemas[c.schema].Value.Properties)), want)
		same(t, field.UserFields, slices.Collect(maps.Keys(schemas[field.UserFields].Value.Properties)), inside)
	}
	var quantity []string
	for _, f := range field.All(field.Quantity) {
		quantity = append(quantity, f.Name)
	}
	same(t, "CustomFields", slices.Collect(maps.Keys(schemas["Quantity"].Value.Properties["CustomFields"].Value.Properties)), quantity)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: the contract has %v, the table %v", what, got, want)
	}
}

// Every operation, parameter, answer and field says where it is known from.
func TestEveryFactHasItsSource(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal(docs.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	facts := 0
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		if n.Kind == yaml.MappingNode && isFact(n, path) {
			facts++
			for _, s := range strings.Split(member(n, "x-source"), ", ") {
				if !slices.Contains([]string{"seed", "live", "client", "assumed"}, s) {
					t.Errorf("line %d, %s: x-source is %q", n.Line, strings.Join(path, "."), s)
				}
			}
		}
		for i, child := range n.Content {
			name := strconv.Itoa(i)
			if n.Kind == yaml.MappingNode {
				if i%2 == 0 {
					continue
				}
				name = n.Content[i-1].Value
			}
			walk(child, append(slices.Clone(path), name))
		}
	}
	walk(doc.Content[0], nil)
	if facts < 150 {
		t.Errorf("only %d facts were looked at", facts)
	}
}

// isFact tells whether a node of the contract states something that must have a source.
func isFact(n *yaml.Node, path []string) bool {
	if member(n, "$ref") != "" || len(path) < 2 {
		return false
	}
	parent, name := path[len(path)-2], path[len(path)-1]
	return member(n, "operationId") != "" || member(n, "in") != "" || parent == "responses" || parent == "headers" ||
		(parent == "properties" && name != "properties")
}

func member(n *yaml.Node, name string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// Each status that the contract describes is one that the sandbox gives; and an answer with any other fails whichever
// test asked for it.
func TestEveryDescribedStatusIsGiven(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	w := newCompanies(t)
	strict := newWorld(t, sandbox.Options{NoMultiple: true}) // with the limit on sign-ins
	for _, each := range []*world{w, strict} {
		each.client = &http.Client{Transport: contract.Transport(sandbox.Transport(each.box), false, func(err error) { t.Error(err) })}
	}
	in := headers{"InstanceId": id(111), "InstanceKey": id(9111)}
	wrong := headers{"InstanceId": id(111), "InstanceKey": id(9112)}
	u := w.do(t, "POST", "/v1/Registration/create", in, `{}`).want(t, 200).tokens(t)
	other := w.do(t, "POST", "/v1/Registration/create", headers{"InstanceId": id(211), "InstanceKey": id(9211)}, `{}`).want(t, 200).tokens(t)
	admin, user := w.as(t, "company"), bearer(u.AccessToken.Token)
	huge := `{"x": "` + strings.Repeat("x", 4<<20) + `"}`
	form := headers{"Content-Type": "text/plain"}

	try := func(status int, method, path string, h headers, body string) {
		t.Helper()
		if r := w.do(t, method, path, h, body); r.HTTP != status {
			t.Errorf("%s %s: %d %.200s, want %d", method, path, r.HTTP, r.Raw, status)
		}
	}
	for _, path := range []string{"/v1/Registration/create", sandbox.DefaultMultiplePath} {
		try(401, "POST", path, wrong, `{"Quantity": 1}`)
		try(413, "POST", path, in, huge)
		try(415, "POST", path, in.and(form), `{}`)
		try(422, "POST", path, nil, `{}`)
	}
	try(200, "POST", sandbox.DefaultMultiplePath, in, `{"Quantity": 1}`)
	try(409, "POST", "/v1/Registration/create", in, `{"CustomToken": "`+u.DeviceToken+`"}`)

	refresh := fmt.Sprintf(`{"AccessToken": %q, "RefreshToken": %q}`, u.AccessToken.Token, *u.RefreshToken)
	for path, body := range map[string]string{"/v1/Auth/Login": `{"LoginFields": "{\"email\": \"x\"}", "Password": "x"}`, "/v1/Auth/RefreshToken": refresh} {
		if path == "/v1/Auth/RefreshToken" {
			try(200, "POST", path, nil, body)
		}
		try(401, "POST", path, nil, body)
		try(413, "POST", path, nil, huge)
		try(415, "POST", path, form, body)
		try(422, "POST", path, nil, `{}`)
	}
	for range 5 {
		strict.signIn(t, nil, `"{}"`, "x")
	}
	strict.signIn(t, nil, `"{}"`, "x").want(t, 429)
	strict.do(t, "POST", sandbox.DefaultMultiplePath, theInstance, `{"Quantity": 1}`).want(t, 404)

	to := func(token string) string {
		return `{"DeviceToken": "` + token + `", "ToInstanceId": "` + id(112) + `", "ToInstanceKey": "` + id(9112) + `"}`
	}
	const users = "/v1/Management/users"
	for _, c := range []struct{ method, path, good, bad string }{
		{"GET", users + "/find?LastName=x", "", users + "/find"},
		{"POST", users + "/GetFilteredPage", `{"PageNumber": 1, "PageSize": 1}`, ""},
		{"PUT", users, `{}`, ""},
		{"POST", users + "/instances/change", to(u.DeviceToken), ""},
		{"GET", "/auth/permissions", "", ""},
		{"GET", "/v1/Instances/" + id(111), "", ""},
		{"GET", "/v1/Applications/" + id(11), "", ""},
		{"GET", "/v1/companies/" + id(1) + "/applications", "", ""},
		{"GET", "/v1/applications/" + id(11) + "/instances", "", ""},
	} {
		as := admin.and(headers{"UserDeviceToken": u.DeviceToken})
		try(200, c.method, c.path, as, c.good)
		try(401, c.method, c.path, nil, c.good)
		try(403, c.method, c.path, user.and(in).and(headers{"DeviceToken": other.DeviceToken}), c.good)
		if c.bad != "" {
			try(422, c.method, c.bad, as, "")
		}
		if c.good != "" {
			try(413, c.method, c.path, as, huge)
			try(415, c.method, c.path, as.and(form), c.good)
			try(422, c.method, c.path, as, `[]`)
		}
	}
	try(404, "PUT", users, admin.and(headers{"UserDeviceToken": id(5)}), `{}`)
	try(404, "POST", users+"/instances/change", admin, to(id(5)))
	w.do(t, "POST", users+"/instances/change", admin, strings.ReplaceAll(to(u.DeviceToken), "112", "111")).want(t, 200)

	try(200, "GET", users, user.and(in), "")
	try(401, "GET", users, in, "")
	try(403, "GET", users, admin.and(in), "")
	try(422, "GET", users, user, "")

	try(200, "POST", users+"/instances/change/AAA", user, "")
	try(401, "POST", users+"/instances/change/AAA", nil, "")
	try(403, "POST", users+"/instances/change/AAA", admin, "")
	try(404, "POST", users+"/instances/change/BBB", user, "")
	try(413, "POST", users+"/instances/change/AAA", user, huge)

	try(401, "DELETE", users+"/"+u.DeviceToken, nil, "")
	try(403, "DELETE", users+"/"+other.DeviceToken, admin, "")
	try(404, "DELETE", users+"/"+id(5), admin, "")
	try(422, "DELETE", users+"/x", admin, "")
	try(200, "DELETE", users+"/"+u.DeviceToken, admin, "")

	if got, want := contract.Seen(), contract.Calls(); !slices.Equal(got, want) {
		for _, call := range want {
			if !slices.Contains(got, call) {
				t.Errorf("described and never given: %s", call)
			}
		}
	}
}

func TestTheContractIsServed(t *testing.T) {
	w := newWorld(t, sandbox.Options{Contract: docs.OpenAPI})
	resp, err := w.client.Get("http://sandbox/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(docs.OpenAPI)) {
		t.Errorf("%d, %d bytes", resp.StatusCode, resp.ContentLength)
	}
}
