package field_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Whoever reads a mistake in a file knows JSON at best, and not the library that found it.
func TestJSONTroubleSpeaksOfTheText(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 1,}`:       "'}' stands where a name in double quotes is wanted",
		`{"a" 1}`:         "'1' stands where a colon is wanted",
		`{"a": 1 "b": 2}`: "'\"' stands where a comma or } is wanted",
		`{"a": Ada}`: "'A' stands where a value is wanted: a string in double quotes, a number, true, " +
			"false or null",
		`[1 2]`:    "'2' stands where a comma or ] is wanted",
		`{} x`:     "'x' stands behind the end of the value",
		"\"a\tb\"": `'\t' stands inside a string, where a line break is written \n, a tab \t`,
		`"\q"`:     `'q' stands behind a backslash, where one of " \ / b f n r t u is wanted`,
		`"\u12"`:   `'"' stands behind \u, where four hexadecimal digits are wanted`,
		`tru!`: "'!' stands in a word that is none of true, false and null: a string stands in " +
			"double quotes",
		`-x`:                        "'x' stands in a number: a string stands in double quotes",
		`1.x`:                       "'x' stands behind a decimal point, where a digit is wanted",
		`1ex`:                       "'x' stands in an exponent, where a digit is wanted",
		`{"a": 1`:                   "it ends early",
		``:                          "it ends early",
		strings.Repeat("[", 10_001): "'[' stands deeper than 10,000 levels inside one another",
	} {
		var v any
		err := json.Unmarshal([]byte(text), &v)
		if err == nil {
			t.Fatalf("%s is JSON", text)
		}
		if got := field.ExplainJSONError(err); got != want {
			t.Errorf("%.40s\ngot  %s\nwant %s", text, got, want)
		}
	}
	var object map[string]any
	if got := field.ExplainJSONError(json.Unmarshal([]byte("[1]"), &object)); got != "it is a JSON array" {
		t.Error(got)
	}
}

func TestABodyThatIsNoObject(t *testing.T) {
	for text, want := range map[string]string{`[1]`: "not a JSON object: it is a JSON array",
		`{"City": Bonn}`: "not a JSON object: 'B' stands where a value is wanted"} {
		r := field.Reader{Use: field.Create}
		r.JSON([]byte(text))
		if len(r.Mistakes) != 1 || !strings.HasPrefix(r.Mistakes[0].Message, want) {
			t.Errorf("%s: %v", text, r.Mistakes)
		}
	}
}
