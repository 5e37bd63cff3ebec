package sandbox_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

func TestEveryRouteInCodeIsInTheContractAndTheOtherWayRound(t *testing.T) {
	want, got := theContract().Routes(), sandbox.Routes()
	for _, route := range without(want, got) {
		t.Errorf("%s is in the contract and not in the sandbox: add it to routes in server/routes.go", route)
	}
	for _, route := range without(got, want) {
		t.Errorf("%s is in the sandbox and not in the contract: describe it in docs/openapi.yaml", route)
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
		{"NewUser", field.Create, nil},
		{"UserChanges", field.Update, []string{"IdentityId", "IdentityProvider", "OldPassword", "NewPassword"}},
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
		same(t, "docs/openapi.yaml, "+c.schema, slices.Collect(maps.Keys(schemas[c.schema].Value.Properties)), want)
		same(t, "docs/openapi.yaml, UserFieldChanges",
			slices.Collect(maps.Keys(schemas["UserFieldChanges"].Value.Properties)), inside)
	}
	var quantity []string
	for _, f := range field.All(field.Quantity) {
		quantity = append(quantity, f.Name)
	}
	same(t, "docs/openapi.yaml, CustomFields",
		slices.Collect(maps.Keys(schemas["CustomFields"].Value.Properties)), quantity)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, missing := range without(want, got) {
		t.Errorf("%s: add\n%s", what, missing)
	}
	for _, extra := range without(got, want) {
		t.Errorf("%s: remove or correct\n%s", what, extra)
	}
}

// without returns those of all that are not among others, sorted. One that is there twice has to be
// twice among the others.
func without(all, others []string) []string {
	left := slices.Sorted(slices.Values(all))
	for _, other := range others {
		if i := slices.Index(left, other); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
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
				if !slices.Contains([]string{"seed", "live", "old", "client", "assumed"}, s) {
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

// isFact reports whether a node of the contract states something that must have a source.
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

// What the contract describes of answers, each status, header and member, is what the
// sandbox gives; anything else in an answer fails whichever test asked for it.
func TestEverythingDescribedIsGiven(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	newWalk(t, contract, nil).everywhere(t)
	seen := contract.Seen()
	for _, what := range contract.Given() {
		if !slices.Contains(seen, what) {
			t.Errorf("described and never given: %s (contract_walk_test.go has to ask for it)", what)
		}
	}
}

// And what it describes of requests, each header, parameter and member, is what the
// sandbox looks for, no more and no less.
func TestEverythingDescribedIsLookedFor(t *testing.T) {
	asked := map[string]bool{}
	newWalk(t, theContract(), func(call, where, name string) { asked[call+" "+where+" "+name] = true }).everywhere(t)
	described := theContract().Asked()
	for _, what := range described {
		if !asked[what] && !strings.Contains(what, "LoginFields/") {
			t.Errorf("described, and the sandbox never looks for it: %s (does contract_walk_test.go make the call?)", what)
		}
	}
	for what := range asked {
		if !slices.Contains(described, what) {
			t.Errorf("the sandbox looks for it, and it is not described: %s", what)
		}
	}
}

// What the contract describes inside LoginFields, a string that holds JSON, signs in; so
// does the object that a vendor's client sends, which the contract's words mention alone.
func TestEveryDescribedLoginFieldSignsIn(t *testing.T) {
	w := newWorld(t, sandbox.Options{SignInLimit: -1})
	u := w.register(t, `{}`).DeviceToken
	for what, c := range map[string]struct {
		h                headers
		fields, password string
	}{
		"(text)/email":       {nil, strconv.Quote(`{"email": "` + sandbox.AdminEmail + `"}`), sandbox.AdminPassword},
		"(text)/Devicetoken": {inInstance, userLogin(u), sandbox.InstanceKey},
		"email":              {nil, `{"email": "` + sandbox.AdminEmail + `"}`, sandbox.AdminPassword},
		"DeviceToken":        {inInstance, `{"DeviceToken": "` + u + `"}`, sandbox.InstanceKey},
	} {
		if described := slices.Contains(theContract().
			Asked(), "POST /v1/Auth/Login body LoginFields/"+what); described != strings.HasPrefix(what, "(text)") {
			t.Errorf("%s is described: %v", what, described)
		}
		w.signIn(t, c.h, c.fields, c.password).want(t, 200)
	}
	n := 0
	for _, what := range theContract().Asked() {
		if strings.Contains(what, "LoginFields/") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d are described, and 2 were tried", n)
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

// Each thing that is assumed has a name: the contract lists it, the sandbox's code says
// where it acts by it, and the page for people has it as a row.
func TestEveryAssumptionIsListed(t *testing.T) {
	var listed struct {
		Assumed map[string]struct{ What, Assumed string } `yaml:"x-assumed"`
	}
	if err := yaml.Unmarshal(docs.OpenAPI, &listed); err != nil {
		t.Fatal(err)
	}
	named := assumedInCode(t)
	for name := range listed.Assumed {
		if !named[name] {
			t.Errorf("the contract assumes %q, and nothing in the code says so: write (assumed: %s) in the comment of "+
				"what acts by it", name, name)
		}
	}
	for name := range named {
		if _, ok := listed.Assumed[name]; !ok {
			t.Errorf("the code assumes %q, and x-assumed in docs/openapi.yaml does not list it", name)
		}
	}
	page, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| assumed | here |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for _, a := range listed.Assumed {
		want = append(want, "| "+a.What+" | "+a.Assumed+" |")
	}
	settle, err := os.ReadFile("../../docs/settle.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range listed.Assumed {
		if !strings.Contains(string(settle), "`"+name+"`") {
			t.Errorf("docs/settle.md does not say how to settle it: add a row that ends with `%s`", name)
		}
	}
	same(t, "the table of docs/sandbox.md", strings.Split(strings.TrimSpace(table), "\n"), want)
}

var assumed = regexp.MustCompile(`\bassumed(?::(?: |\s*// )([a-z]+(?:-[a-z]+)*(?:, [a-z]+(?:-[a-z]+)*)*))?`)

// assumedInCode are the names in comments such as "(assumed: page)". A comment that says
// so without a name fails.
func assumedInCode(t *testing.T) map[string]bool {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.go", "server/*.go", "seed/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	named := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range assumed.FindAllStringSubmatch(string(code), -1) {
			if m[1] == "" {
				t.Errorf("%s: something is assumed that has no name; call it (assumed: name) and list it in x-assumed of "+
					"docs/openapi.yaml", file)
				continue
			}
			for _, name := range strings.Split(m[1], ", ") {
				named[name] = true
			}
		}
	}
	return named
}
