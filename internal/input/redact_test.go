package input_test

import (
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// An export may hold confidential values: a mistake shows the values of other columns only.
func TestMistakesShowNoSecrets(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	for _, c := range []struct{ name, content string }{
		{"an unknown member", `{"ClientId":"1"}` + "\n" +
			`{"ClientId":"2","Password":"hunter2","access_token":"hunter2","Instance Key":"hunter2"}`},
		{"a row that is not JSON", `{"ClientId":"1"}` + "\n" + `{"refreshToken": "hunter2", "City": "Bonn",}`},
		{"a row that ends inside the secret", `{"ClientId":"1"}` + "\n" + `{"password":"hunter2` + "\n" + `{"ClientId":"3"}`},
		{"a JWT under any name", `{"ClientId":"1"}` + "\n" + `{"Email":"` + jwt + `hunter2"}`},
	} {
		f := open(t, input.Options{Name: file(t, "users.jsonl", c.content)})
		values := 0
		_, _, err := f.Check(t.Context(), eachMistake(func(m input.Mistake) error {
			if values++; strings.Contains(m.Value+m.Why, "hunter2") || !strings.Contains(m.Value, "[redacted]") {
				t.Errorf("%s: %s shows %q: %s", c.name, m.Column, m.Value, m.Why)
			}
			return nil
		}))
		if err != nil || values == 0 {
			t.Errorf("%s: %d mistakes, %v", c.name, values, err)
		}
	}
}

// What a spreadsheet pads with blanks is the same text without them: never two users who
// differ by a blank.
func TestBlanksAroundATextAreNoPartOfIt(t *testing.T) {
	for name, content := range map[string]string{
		"users.csv":   "ClientId,City\n\" a \",\u00a0Bonn \na,\n",
		"users.jsonl": `{"ClientId":" a ","City":"\tBonn\n"}` + "\n" + `{"ClientId":"a"}`,
	} {
		o := input.Options{Name: file(t, name, content)}
		f := open(t, o)
		if got := checked(t, f); !strings.Contains(got, `ClientId "a": the same ClientId as row 1`) {
			t.Errorf("%s: %s", name, got)
		}
		if got := told(t, f); !strings.Contains(got, `{"City":"Bonn","UserFields":{"ClientId":"a"}}`) {
			t.Errorf("%s: %s", name, got)
		}
		// Values are sent as they are where no rule is applied, but the users are still the same.
		o.SkipValidation, o.Use = true, field.File
		loose := open(t, o)
		if got := checked(t, loose); !strings.Contains(got, "the same ClientId as row 1") {
			t.Errorf("%s, loose: %s", name, got)
		}
		if got := told(t, loose); !strings.Contains(got, `"ClientId":" a "`) {
			t.Errorf("%s, loose: %s", name, got)
		}
	}
}
