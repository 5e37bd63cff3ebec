package operation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

var templateOptions = operation.TemplateOptions{
	Use: field.Create, Run: "monday", Rows: 3, Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
}

func TestTemplatesFillTheCellsThatARowHasNot(t *testing.T) {
	t.Parallel()
	templates, err := operation.ParseTemplates([]string{
		"ClientId=ci-{{.Run}}-{{.N}}", "country=DE", "tracking=off", `City={{if gt .N 2}}Bonn{{end}}`,
		"Email=p{{.N}}@example.com",
	}, templateOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		n     int
		cells field.Set
		want  string
	}{
		{1, set(),
			`{"Email":"p1@example.com","Country":"DE","UserFields":{"ClientId":"ci-monday-1","EnableTracking":false}}`},
		{3, set(), `{"Email":"p3@example.com","Country":"DE","City":"Bonn","UserFields":{"ClientId":"ci-monday-3",` +
			`"EnableTracking":false}}`},
		{2, set("ClientId", "c-7", "Country", "", "EnableTracking", true),
			`{"Email":"p2@example.com","Country":"DE","UserFields":{"ClientId":"c-7","EnableTracking":true}}`},
		{2, set("Country", nil), `{"Email":"p2@example.com","Country":null,"UserFields":{"ClientId":"ci-monday-2",` +
			`"EnableTracking":false}}`},
	} {
		row, mistakes := templates.Fill(c.n, c.cells)
		if mistakes != nil {
			t.Errorf("row %d: %v", c.n, mistakes)
		}
		if got, err := row.Body(field.Create); err != nil || string(got) != c.want {
			t.Errorf("row %d:\ngot  %s (%v)\nwant %s", c.n, got, err, c.want)
		}
	}
}

func TestEveryWrongTemplateIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := operation.ParseTemplates([]string{
		"Country", "Hat=58", "ClientId=same", "Email=p{{.N}}", "City={{.Nope}}", "FirstName={{", "LastName=a", "LastName=b",
		"Gender=x",
	}, templateOptions)
	var f *failure.Error
	if !errors.As(err, &f) || f.Code != failure.Invalid || f.Message != "invalid values for every row" {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`Country: "Country" must have the form Field=VALUE`,
		`Hat: not a field`,
		`ClientId: "same" is the same for every row: it must contain {{.N}}`,
		`Email: "p1" is not an e`,
		`City: "{{.Nope}}", at .Nope is not a valid template: it may contain {{.N}}`,
		`FirstName: "{{" is not a valid template: `,
		`LastName: set twice`,
		`Gender: "x" is `,
	}
	if len(f.Fields) != len(want) {
		t.Fatalf("got %v", f.Fields)
	}
	for i, w := range want {
		if got := f.Fields[i].Key + ": " + f.Fields[i].Message; !strings.HasPrefix(got, w) {
			t.Errorf("got  %s\nwant %s", got, w)
		}
	}
}

// A value that is wrong in a later row is that row's mistake.
func TestTemplateThatIsWrongInALaterRow(t *testing.T) {
	t.Parallel()
	templates, err := operation.ParseTemplates([]string{`ChildrenCount={{if lt .N 3}}1{{else}}many{{end}}`},
		templateOptions)
	if err != nil {
		t.Fatal(err)
	}
	if _, mistakes := templates.Fill(2, set()); mistakes != nil {
		t.Errorf("row 2: %v", mistakes)
	}
	if _, mistakes := templates.Fill(3, set()); len(mistakes) != 1 || mistakes[0].Key != "ChildrenCount" {
		t.Errorf("row 3: %v", mistakes)
	}
}

func TestOneRowMayHaveAConstantClientID(t *testing.T) {
	t.Parallel()
	o := templateOptions
	o.Rows = 1
	if _, err := operation.ParseTemplates([]string{"ClientId=c-1"}, o); err != nil {
		t.Error(err)
	}
}

func TestValuesAreSentAsTheyAreWithoutValidation(t *testing.T) {
	t.Parallel()
	o := templateOptions
	o.SkipValidation = true
	templates, err := operation.ParseTemplates([]string{"Email=nobody"}, o)
	if err != nil {
		t.Fatal(err)
	}
	if row, _ := templates.Fill(1, set()); row.Text("Email") != "nobody" {
		t.Errorf("got %q", row.Text("Email"))
	}
}
