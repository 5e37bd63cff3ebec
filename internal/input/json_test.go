package input_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/input"
)

func TestJSONInItsShapes(t *testing.T) {
	const object = `{"ClientId": "c-1", "FirstName": "Adá"}`
	for _, c := range []struct{ name, file, content, at string }{
		{"an array", "users.json", "[" + object + "]", "1@1"},
		{"an array over many lines", "users.json",
			"\ufeff[\n\n  {\n    \"ClientId\": \"c-1\",\n\"FirstName\": \"Adá\"\n  }\n]\n", "1@3"},
		{"one object", "users.json", "{\n\"ClientId\": \"c-1\",\n\"FirstName\": \"Adá\"\n}", "1@1"},
		{"JSON Lines", "users.jsonl", object + "\n", "1@1"},
		{"JSON Lines with blank lines", "users.ndjson", "\n  \r\n" + object + "\r\n\n", "1@3"},
		{"JSON Lines in a file called JSON", "users.json", "\n" + object + "\n", "1@2"},
		{"an array by looking", "users", "\n[" + object + "]", "1@2"},
		{"JSON Lines by looking", "users", object, "1@1"},
		{"an object over many lines by looking", "users.txt", "{\n\"ClientId\": \"c-1\",\n\"FirstName\": \"Adá\"\n}", "1@1"},
		{"UTF-16", "users.json", utf16Of("\ufeff["+object+"]", false), "1@1"},
		{"UserFields as an object", "users.jsonl", `{"FirstName": "Adá", "UserFields": {"ClientId": "c-1"}}`, "1@1"},
		{"UserFields as a list of one", "users.jsonl", `{"FirstName": "Adá", "userFields": [ {"client_id": "c-1"} ]}`,
			"1@1"},
		{"null members are absent", "users.jsonl",
			`{"ClientId": "c-1", "Email": null, "FirstName": "Adá", "UserFields": null, "City": ""}`, "1@1"},
		{"a list of null", "users.jsonl", `{"ClientId": "c-1", "FirstName": "Adá", "UserFields": [null]}`, "1@1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := strings.Replace(ada, "1@2", c.at, 1)
			f := open(t, input.Options{Name: file(t, c.file, c.content)})
			for range 2 {
				if got := told(t, f); got != want {
					t.Errorf("got  %swant %s", got, want)
				}
			}
		})
	}
}

func TestJSONValues(t *testing.T) {
	content := `{"ClientId": 7, "ChildrenCount": 2, "Phone": 491701234567, "tracking": true, "logging": 0, ` +
		`"realtime": "on", "DeviceToken": "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}", "Outcome": {"x": [1]}}`
	f := open(t, input.Options{Name: file(t, "users.jsonl", content)})
	want := `1@1 {"Phone":"491701234567","ChildrenCount":2,"UserFields":{"ClientId":"7","EnableTracking":true,` +
		`"EnableLogging":false,"EnableRealTimeLocation":true}} 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70` + "\n"
	if got := told(t, f); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestMistakesOfJSONRows(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`{"FirstName": true}`, `!FirstName: true is not a string`},
		{`{"FirstName": ["a"]}`, `!FirstName: ["a"] is not a string`},
		{`{"ChildrenCount": 1.5}`, `!ChildrenCount: "1.5" is not a whole number`},
		{`{"DeviceToken": {}}`, `!DeviceToken: not a UUID`},
		{`{"Shoe": 43}`, `!Shoe: not a field`},
		{`{"Shoe": {"Size": 43}}`, `!Shoe: not a field`},
		{`{"UserFields": {"FirstName": "x"}}`, `!UserFields.FirstName: not a field`},
		{`{"UserFields": 3}`, `!: UserFields is not an object`},
		{`{"UserFields": [{}, {}]}`, `!: UserFields is not an object, nor a list of one`},
		{`{"City": "Bonn", "city": "Köln"}`, `!city: another member of the object is the same field`},
		{`{"City": "Bonn", "City": "Köln"}`, `!City: another member of the object is the same field`},
		{`{"ClientId": 1, "UserFields": {"ClientId": 2}}`,
			`!UserFields.ClientId: another member of the object is the same field`},
		{`{"City": "Bo\u0000nn"}`, `!City: it has a NUL character in it`},
		{`null`, `!: it is not a JSON object`},
		{`["City"]`, `!: it is not a JSON object`},
	} {
		for name, content := range map[string]string{"users.jsonl": "{\"City\":\"x\"}\n%s\n{\"City\":\"x\"}\n",
			"users.json": "[{\"City\":\"x\"},\n%s,\n{\"City\":\"x\"}]"} {
			f := open(t, input.Options{Name: file(t, name, fmt.Sprintf(content, c.row))})
			got := told(t, f)
			if !strings.Contains(got, c.want) || !strings.HasPrefix(got, "1@1 {\"City\":\"x\"}\n2@2 ") ||
				!strings.HasSuffix(got, "\n3@3 {\"City\":\"x\"}\n") {
				t.Errorf("%s %s: got\n%swant %s", name, c.row, got, c.want)
			}
		}
	}
}

// A line of JSON Lines stands for itself: one that is not JSON leaves the others as they are.
func TestABrokenLineIsTheMistakeOfItsRow(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.jsonl",
		"{\"City\":\"x\"}\n{\"City\": \"Bonn\",}\n{\"City\": \n{} {}\nCity\n{\"City\":\"x\"}")})
	want := `1@1 {"City":"x"}
2@2 {} !: it is not JSON: '}' stands where a name in double quotes is wanted
3@3 {} !: it is not JSON: it ends early
4@4 {} !: something follows the JSON object
5@5 {} !: it is not JSON: 'C' stands where a value is wanted: a string in double quotes, a number, true, false or null
6@6 {"City":"x"}
`
	if got := told(t, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The header of a JSON file is not written anywhere: it is what its objects have, in the
// order in which it was met.
func TestTheHeaderOfJSONGrows(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.jsonl", `{"City": "Bonn", "UserFields": {"ClientId": 1.50}}
{"Email": "a@example.com", "City": null, "Tags": ["<a>", {"b": 1}], "EnableTracking": false}`), IgnoreUnknown: true})
	if got := strings.Join(f.Header(), "|"); got != "City|UserFields.ClientId" {
		t.Errorf("after Open: %s", got)
	}
	cells := func() (out []string) {
		err := f.Each(t.Context(), 1, func(r *input.Row) error {
			out = append(out, strings.Join(r.Cells, "|"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got, want := strings.Join(cells(), "\n"), "Bonn|1.50\n||a@example.com|[\"<a>\",{\"b\":1}]|false"; got != want {
		t.Errorf("first got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(f.Header(), "|"); got != "City|UserFields.ClientId|Email|Tags|EnableTracking" {
		t.Errorf("after Each: %s", got)
	}
	if got, want := strings.Join(cells(), "\n"), "Bonn|1.50|||\n||a@example.com|[\"<a>\",{\"b\":1}]|false"; got != want {
		t.Errorf("then got\n%s\nwant\n%s", got, want)
	}
}

func TestTheColumnsOfJSONAreBounded(t *testing.T) {
	var b strings.Builder
	for n := range 1100 {
		fmt.Fprintf(&b, `{"City": "x", "m%d": 1}`+"\n", n)
	}
	f := open(t, input.Options{Name: file(t, "users.jsonl", b.String()), IgnoreUnknown: true})
	n, bad, err := f.Check(t.Context(), func(*input.Row) error { return nil })
	if n != 1100 || bad != 101 || err != nil || len(f.Header()) != 1000 {
		t.Errorf("%d rows, %d bad, %v, %d columns", n, bad, err, len(f.Header()))
	}
}

// Objects may spell a field differently. It still has one column, or what is
// written with the columns could not be read again.
func TestSpellingsOfAFieldShareAColumn(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.jsonl",
		`{"UserFields":{"ClientId":"1"},"Work mail":"a@example.com"}`+"\n"+`{"client_id":"2","Email":"b@example.com"}`+"\n"+
			`{"clientId":"3","UserFields":{"ClientId":null}}`),
		Map: map[string]string{"Work mail": "Email"}})
	var got []string
	if _, bad, err := f.Check(t.Context(), func(*input.Row) error { return nil }); bad != 0 || err != nil {
		t.Fatal(bad, err)
	}
	err := f.Each(t.Context(), 1, func(r *input.Row) error {
		got = append(got, strings.Join(r.Cells, "|"))
		return nil
	})
	if header, cells := strings.Join(f.Header(), "|"), strings.Join(got, " "); err != nil ||
		header != "UserFields.ClientId|Work mail" || cells != "1|a@example.com 2|b@example.com 3|" {
		t.Errorf("%s: %s, %v", header, cells, err)
	}
}
