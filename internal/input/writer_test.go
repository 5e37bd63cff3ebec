package input_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// rewritten writes a file's rows as a file that is given back, with a column Error.
func rewritten(t testing.TB, f *input.File, name string, raw bool) string {
	t.Helper()
	var b bytes.Buffer
	w := input.NewWriter(&b, f.Shape().
		For(name), append([]string{input.RowColumn}, append(slices.Clone(f.Header()), input.ErrorColumn)...), raw)
	err := f.Each(t.Context(), 1, func(r *input.Row) error {
		return w.Write(append([]string{"7"}, append(slices.Clone(r.Cells), "no, really")...))
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFilesThatAreGivenBackHaveTheInputsShape(t *testing.T) {
	for _, c := range []struct{ name, file, content, out, want string }{
		{"commas", "in.csv", "City,Email\nBonn,a@example.com\n", "out.csv",
			"Row,City,Email,Error\n7,Bonn,a@example.com,\"no, really\"\n"},
		{"semicolons, CRLF and a byte-order mark", "in.csv", "\ufeffCity;Email\r\nBonn;\r\n", "out.csv",
			"\ufeffRow;City;Email;Error\r\n7;Bonn;;no, really\r\n"},
		{"sep=", "in.csv", "sep=;\nCity;Email\nBonn;\n", "out.csv", "sep=;\nRow;City;Email;Error\n7;Bonn;;no, really\n"},
		{"TSV by the name of the output", "in.csv", "City;Email\nBonn;\n", "out.tsv",
			"Row\tCity\tEmail\tError\n7\tBonn\t\tno, really\n"},
		{"UTF-16", "in.csv", utf16Of("\ufeffCity;Email\r\nKöln;\r\n", false), "out.csv",
			"\ufeffRow;City;Email;Error\r\n7;Köln;;no, really\r\n"},
		{"JSON Lines", "in.jsonl", `{"City": "Bonn"}`, "out.jsonl", `{"Row":"7","City":"Bonn","Error":"no, really"}` + "\n"},
		{"JSON as CSV", "in.json", `[{"City": "Bonn"}]`, "out.csv", "Row,City,Error\n7,Bonn,\"no, really\"\n"},
		{"a workbook", "in.xlsx", workbook(t, sheet{"S", []string{text("A1", "City"), text("A2", "Bonn")}}), "out.csv",
			"\ufeffRow,City,Error\r\n7,Bonn,\"no, really\"\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t, input.Options{Name: file(t, c.file, c.content)})
			before := told(t, f)
			got := rewritten(t, f, c.out, false)
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			_, before, _ = strings.Cut(before, " ")
			_, after, _ := strings.Cut(told(t, open(t, input.Options{Name: file(t, c.out, got)})), " ")
			if before != after {
				t.Errorf("given back it is\n%swhere it was\n%s", after, before)
			}
		})
	}
}

// A cell that a spreadsheet would run is guarded in what is written, and is the same
// value when that is read.
func TestFormulasAreGuarded(t *testing.T) {
	f := open(t, input.Options{Name: fieldFile("formulas.csv")})
	got := rewritten(t, f, "out.csv", false)
	want := `Row,First name,Last name,Client ID,Error
7,"'=HYPERLINK(""http://x"")",'+cmd,'@a,"no, really"
7,'=1+1,'-2+3,c-1,"no, really"
7,#REF!,#NAME?,c-2,"no, really"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	before := told(t, f)
	if after := told(t, open(t, input.Options{Name: file(t, "out.csv", got)})); after != before {
		t.Errorf("given back it is\n%swhere it was\n%s", after, before)
	}
	if raw := rewritten(t, f, "out.csv", true); !strings.Contains(raw, ",=1+1,-2+3,") {
		t.Errorf("raw: %s", raw)
	}
	for cell, formula := range map[string]bool{
		"": false, "Ada": false, "+4917012345": false, "+49 170 12345": false, "-1": false, "-1.5": false, `="00123"`: false,
		"=1": true, "+1+1": true, "@x": true, "\tx": true, "-2+3": true, "+49-170-1": true, `="a"&cmd`: true,
	} {
		if input.IsFormula(cell) != formula {
			t.Errorf("IsFormula(%q) is not %v", cell, formula)
		}
	}
}

// Whatever stands in the cells, what is written is read back as the same cells.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := table(rt)
		shape := input.Shape{
			Format: input.CSV, Separator: rapid.SampledFrom([]string{",", ";", "\t", "|"}).Draw(rt, "separator"),
			BOM: rapid.Bool().Draw(rt, "mark"), CRLF: rapid.Bool().Draw(rt, "crlf"),
		}
		var b bytes.Buffer
		w := input.NewWriter(&b, shape, columnNames, true)
		for _, cells := range want {
			if err := w.Write(cells); err != nil {
				rt.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			rt.Fatal(err)
		}
		readBack(t, rt, b.Bytes(), want)
	})
}

// An update tells apart what is left alone (a blank), and what is cleared (null).
func TestNullClearsInAnUpdate(t *testing.T) {
	for name, content := range map[string]string{
		"users.csv":   "ClientId,City,Email,Nickname\nc-1,\\N,,x\n",
		"users.jsonl": `{"ClientId":"c-1","City":null,"Email":"","Nickname":"x"}`,
	} {
		f, err := input.Open(t.Context(),
			input.Options{Name: file(t, name, content), Use: field.Update, Now: now, Identify: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Each(t.Context(), 1, func(r *input.Row) error {
			_, email := r.Set.Get("Email")
			if !r.Set.Clears(field.MustGet("City")) || email || r.Set.Text("Nickname") != "x" || r.KeyField != "ClientId" ||
				r.Key != "c-1" || len(r.Mistakes) > 0 {
				t.Errorf("%s: %+v", name, r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		_ = f.Close()
		if got := told(t, open(t, input.Options{Name: file(t, name, content)})); !strings.Contains(got,
			`{"Nickname":"x","UserFields":{"ClientId":"c-1"}}`) {
			t.Errorf("%s to register: %s", name, got)
		}
	}
}

// Which keys a row may have is an option; the first that it has counts.
func TestKeysOfRows(t *testing.T) {
	client, email := field.MustGet("ClientId"), field.MustGet("Email")
	path := file(t, "users.csv", "ClientId,Email,City\nc-1,A@example.com,Bonn\n,B@example.com,Bonn\n,,Bonn\n")
	for _, c := range []struct {
		name string
		o    input.Options
		want string
	}{
		{"the ClientId where the file has it", input.Options{}, "1:ClientId=c-1 2:=!1 3:=!1"},
		{"one after the other", input.Options{Keys: []*field.Field{client, email}},
			"1:ClientId=c-1 2:Email=b@example.com 3:=!1"},
		{"or none", input.Options{Keys: []*field.Field{client, email}, KeyOptional: true},
			"1:ClientId=c-1 2:Email=b@example.com 3:="},
		{"another", input.Options{Keys: []*field.Field{email}}, "1:Email=a@example.com 2:Email=b@example.com 3:=!1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Name = path
			var got []string
			err := open(t, c.o).Each(t.Context(), 1, func(r *input.Row) error {
				text := strings.Join([]string{string(rune('0' + r.N)), r.KeyField}, ":") + "=" + r.Key
				if len(r.Mistakes) > 0 {
					text += "!1"
				}
				got = append(got, text)
				return nil
			})
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("got  %s, %v\nwant %s", strings.Join(got, " "), err, c.want)
			}
		})
	}
}

// A list names users by DeviceToken or by key.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name, content string
		keys          []*field.Field
		want          string
	}{
		{"lines of both", tokenA + "\nclient:c-1\nemail:A@Example.com\nphone:+49 170 1234567\nclient:c-1\n", nil,
			tokenA + " ClientId=c-1 Email=a@example.com Phone=+491701234567"},
		{"a column of DeviceTokens", "ClientId,DeviceToken\nc-1," + tokenA + "\nc-2,\n", nil, tokenA},
		{"a column of ClientIds", "Client Id;City\nc-1;Bonn\nc-2;Bonn\n", nil, "ClientId=c-1 ClientId=c-2"},
		{"another key", "Email;City\nA@example.com;Bonn\n", []*field.Field{field.MustGet("Email")}, "Email=a@example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			targets, err := input.OpenTargets(t.Context(), input.Options{Name: file(t, "users", c.content), Keys: c.keys}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = targets.Close() }()
			var got []string
			err = targets.Each(t.Context(), func(u input.Target) error {
				if u.DeviceToken != "" {
					got = append(got, u.DeviceToken)
				} else {
					got = append(got, u.KeyField+"="+u.Key)
				}
				return nil
			})
			if err != nil || strings.Join(got, " ") != c.want || targets.Count() != len(got) {
				t.Errorf("got  %s, %v\nwant %s", strings.Join(got, " "), err, c.want)
			}
		})
	}
}

// A file whose last row lacks cells and has no line end was probably cut off.
func TestTruncated(t *testing.T) {
	for content, want := range map[string]bool{
		"ClientId,City\nc-1,Bonn\nc-2":    true,
		"ClientId,City\nc-1,Bonn\nc-2,Bo": false,
		"ClientId,City\nc-1,Bonn\nc-2\n":  false,
	} {
		f := open(t, input.Options{Name: file(t, "users.csv", content)})
		checked(t, f)
		if f.Truncated() != want {
			t.Errorf("%q: %v", content, f.Truncated())
		}
	}
}

// A job reads its own copy, and speaks of the file that was given.
func TestAFileIsReadFromAnotherPath(t *testing.T) {
	path := file(t, "copy", "City\tEmail\nBonn\tnobody\n")
	f := open(t, input.Options{Name: "drivers.tsv", Path: path})
	if got := checked(t, f); f.Format() != input.TSV || !strings.Contains(got, "1 of 1 bad") {
		t.Error(f.Format(), got)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := whole(t, input.Options{Name: "drivers.tsv", Path: path}); err == nil ||
		!strings.HasPrefix(err.Error(), "drivers.tsv: the file is empty") {
		t.Error(err)
	}
}

func TestUnknownColumnsHaveTheNearestName(t *testing.T) {
	err := whole(t, input.Options{Name: file(t, "users.csv", "Frist name,Emial,Shoe\na,b,c\n")})
	for _, want := range []string{"Frist name: not a field (did you mean FirstName?)",
		"Emial: not a field (did you mean Email?)", "Shoe: not a field"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "Shoe: not a field (") {
		t.Error(err)
	}
}

func TestInvisibleCharactersAreShown(t *testing.T) {
	got := review(t, input.Options{Name: file(t, "users.csv",
		"ClientId,Email,City\nc\u200b1,ada\u200b@example.com,\u200bBonn\u00a0\n")})
	for _, want := range []string{`"c\u200b1" is not valid: it has an invisible character`,
		`"ada\u200b@example.com" is not valid: it has an invisible character`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if strings.Contains(got, "City") {
		t.Error(got)
	}
}

// A hundred thousand rows that are wrong in the same way are a few lines.
func TestMistakesAreGrouped(t *testing.T) {
	var b strings.Builder
	b.WriteString("Email,Birthday,Gender\n")
	for range 10_000 {
		b.WriteString("nobody,31.12.1990,w\n")
	}
	got := review(t, input.Options{Name: file(t, "users.csv", b.String())})
	want := "mistakes: Email: not an email address, in 10000 rows: " +
		`row 1 (line 2) "nobody", row 2 (line 3) "nobody", row 3 (line 4) "nobody", …` + "\n" +
		"Birthday: not a date in ISO 8601 (1990-05-31), in 10000 rows: " +
		`row 1 (line 2) "31.12.1990", row 2 (line 3) "31.12.1990", row 3 (line 4) "31.12.1990", …` + "\n" +
		"Gender: not one of None, Male, Female, Other, in 10000 rows: " +
		`row 1 (line 2) "w", row 2 (line 3) "w", row 3 (line 4) "w", …` + "\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
