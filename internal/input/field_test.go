package input_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// fieldFile is one of the files of testdata/field: what operators' files really look like.
func fieldFile(name string) string { return filepath.Join("testdata", "field", name) }

// review opens and checks a file, and returns everything that is said of it: the error,
// or each mistake, warning and row.
func review(t *testing.T, o input.Options) string {
	t.Helper()
	o.Now = now
	if o.Use == 0 {
		o.Use = field.File
	}
	f, err := input.Open(t.Context(), o, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	defer func() { _ = f.Close() }()
	var groups input.Groups
	var b strings.Builder
	rows, bad, err := f.Check(t.Context(), groups.AddRow)
	if err != nil {
		return "error: " + err.Error()
	}
	if bad > 0 {
		b.WriteString(strings.ReplaceAll(groups.Err("mistakes").Error(), "; ", "\n") + "\n")
	}
	for _, w := range f.Warnings() {
		b.WriteString("warning: " + w + "\n")
	}
	if rows > bad {
		for line := range strings.Lines(told(t, f)) {
			if !strings.Contains(line, " !") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

func TestFieldCases(t *testing.T) {
	skipUnknown := input.Options{IgnoreUnknown: true}
	german := input.Options{Encoding: "", DateFormat: "dd.mm.yyyy", Map: map[string]string{
		"Vorname": "FirstName", "Nachname": "LastName", "E-Mail-Adresse": "Email", "Personalnummer": "ClientId",
		"Geburtsdatum": "Birthday",
		"Geschlecht":   "Gender", "Telefon": "Phone", "Ort": "City", "Gender:weiblich": "Female",
	}}
	types := input.Options{DateFormat: "dd.mm.yyyy", Map: map[string]string{
		"Vorname": "FirstName", "Nachname": "LastName", "Geburtsdatum": "Birthday", "Geschlecht": "Gender",
		"Kinder": "ChildrenCount", "Geschlecht:w": "Female",
	}, Select: func() func(*input.Row) bool { return func(r *input.Row) bool { return r.N > 1 } }}
	entra := input.Options{IgnoreUnknown: true, Map: map[string]string{
		"User name [userPrincipalName] Required": "Email", "First name [givenName]": "FirstName",
		"Last name [surname]": "LastName",
	}}
	for _, c := range []struct {
		file string
		o    input.Options
		want []string // each is in what is said
		not  []string // none is
	}{
		{"p03_newline_unquoted.csv", input.Options{},
			[]string{`row 2 (line 3): "Bar": one cell where the header has 3: is the line above broken by a line break`,
				`1@2 {`, `3@4 {`}, nil},
		{"total_row.csv", input.Options{}, []string{"row 3 (line 4): no ClientId: each row must have one"}, nil},
		{"sql_footer.csv", input.Options{},
			[]string{`row 2 (line 3): "(1 row affected)": one cell where the header has 3`}, nil},
		{"header_repeat.csv", input.Options{}, []string{"row 2 (line 3): the header again", "3@4"}, nil},
		{"ctrlz.csv", input.Options{}, []string{"1@2 "}, []string{"2@", "mistakes"}},
		{"p25_noname.csv", input.Options{}, []string{"rows: a row without any field, in 2 rows"}, []string{"@"}},
		{"empty_objects.jsonl", input.Options{}, []string{"rows: a row without any field, in 2 rows"}, nil},
		{"keyed.json", skipUnknown, []string{"error: ", "the member c-1, c-2 looks like users"}, nil},
		{"wrapped_result.json", skipUnknown, []string{"error: ", "the member Result.Users looks like users"}, nil},
		{"sandbox_export.jsonl", input.Options{},
			[]string{`{"FirstName":"Ada","UserFields":{"ClientId":"c-1"}} 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a01`},
			[]string{"mistakes", "warning"}},
		{"excel_text.csv", input.Options{}, []string{`"ClientId":"00123"`, `"ClientId":"00124"`}, []string{"mistakes"}},
		{"p11_sci_id.csv", skipUnknown, []string{
			`row 1 (line 2), Phone: "4.41E+11" is a phone number that a spreadsheet shortened`,
			`row 2 (line 3), ClientId: "2.81475E+14" is a key that a spreadsheet shortened: its last digits are lost, ` +
				`format the column as text`,
			"warning: skipped columns that are not a field: ID"}, []string{"@"}},
		{"p09_case.csv", input.Options{},
			[]string{`warning: 2 keys differ from another in upper and lower case only: ClientId "Peter" (row 1) and "PETER" ` +
				`(row 2), ClientId "Peter" (row 1) and "peter" (row 3)`}, []string{"mistakes"}},
		{"p18_dupmail.csv", input.Options{}, nil, []string{"mistakes", "warning"}},
		{"p18_dupmail.csv", input.Options{Keys: []*field.Field{field.MustGet("Email")}},
			[]string{`row 2 (line 3), Email: "same@example.org": the same Email as row 1`}, nil},
		{"dates.csv", input.Options{}, []string{
			"Birthday: not a date in ISO 8601 (1990-05-31), in 18 rows: row 1 (line 2) \"31/12/1990\"",
			"Birthday: a spreadsheet's day number, not a date: format the column as a date and export it again, in 2 rows",
			"Birthday: what spreadsheets and databases write for no date: leave the cell empty, in 4 rows: row 20 (line " +
				"21) \"0000-00-00\", row 21 (line 22) \"1900-01-00\", row 22 (line 23) \"1899-12-30\"",
			`7@8 {"Birthday":"1990-12-31T00:00:00"`, `8@9 {"Birthday":"1990-12-31T00:00:00"`,
			`11@12 {"Birthday":"1990-12-31T00:00:00Z"`, `18@19 {"Birthday":"1990-12-31T00:00:00Z"`}, nil},
		{"p10_dates.csv", input.Options{DateFormat: "m/d/yyyy"},
			[]string{`1@2 {"Birthday":"1984-08-25T00:00:00Z"`, `2@3 {"Birthday":"1984-08-25T00:00:00Z"`,
				`Birthday: not a date as m/d/yyyy or in ISO 8601 (1990-05-31), in 2 rows: row 3 (line 4) "25/08/1984"`}, nil},
		{"p13_blank_quote.csv", input.Options{},
			[]string{`1@2 {"FirstName":"Mia","Address":"Ring 1, Ulm","UserFields":{"ClientId":"k1"}}`}, []string{"mistakes"}},
		{"space_after_comma_quotes.csv", input.Options{},
			[]string{`1@2 {"FirstName":"Ada","Email":"a@example.com","UserFields":{"ClientId":"c-1"}}`}, []string{"mistakes"}},
		{"sep_caret.csv", input.Options{},
			[]string{`the header is one column, "First name^Client ID^E-mail": "^" looks like the separator`}, nil},
		{"sep_caret.csv", input.Options{Separator: "^"},
			[]string{`{"FirstName":"Ada","Email":"ada@example.com","UserFields":{"ClientId":"c-1"}}`}, []string{"error"}},
		{"json_named.csv", input.Options{}, []string{"error: ", "the content is JSON, not CSV"}, nil},
		{"json_named.csv", input.Options{Format: "json"},
			[]string{`{"FirstName":"Ada","UserFields":{"ClientId":"c-1"}}`}, nil},
		{"html_error.csv", input.Options{}, []string{"error: ", "it is a web page (HTML), not data"}, nil},
		{"bz.csv.bz2", input.Options{}, []string{"error: ", "it is compressed by bzip2, which is not read"}, nil},
		{"broken.xlsx", input.Options{}, []string{"error: ", "the workbook is damaged"}, nil},
		{"cp1252.csv", input.Options{}, []string{"error: ", "line 2 is not UTF-8 (byte 0xfc)"},
			[]string{"1252.csv: line 2 is not UTF-8 (byte 0xfc):"}},
		{"cp1252.csv", input.Options{Encoding: "windows-1252"},
			[]string{`{"FirstName":"Jürgen","LastName":"Müßig","Email":"juergen@example.com","City":"Köln",` +
				`"UserFields":{"ClientId":"c-1"}}`, `"LastName":"O’Neil"`}, nil},
		{"sjis.csv", input.Options{Encoding: "shift_jis"},
			[]string{`{"FirstName":"太郎","LastName":"山田","Email":"taro@example.com","UserFields":{"ClientId":"c-1"}}`},
			nil},
		{"mojibake.csv", input.Options{},
			[]string{"warning: text in 1 row looks like UTF-8 that was decoded twice (the first is row 1)", "1@2"}, nil},
		{"localised.csv", german, []string{`{"FirstName":"Ada","LastName":"L","Phone":"+491701234567",` +
			`"Email":"ada@example.com","Gender":"Female","Birthday":"1990-12-31T00:00:00Z","City":"Köln",` +
			`"UserFields":{"ClientId":"c-1"}}`}, []string{"mistakes"}},
		{"p17_types.csv", types, []string{`2@3 {"FirstName":"Mia","LastName":"Stern","Gender":"Female",` +
			`"Birthday":"1956-03-12T00:00:00Z","ChildrenCount":3}`}, []string{"mistakes"}},
		{"p16_entra.csv", entra, []string{`1@3 {"FirstName":"Mia","LastName":"Stern","Email":"mia@example.org"}`,
			"warning: skipped columns that are not a field: Name [displayName] Required, Block sign in"}, []string{"error"}},
		{"people.csv", input.Options{}, []string{`3@4 {"FirstName":"Edsger","Email":"ed@example.com"}`},
			[]string{"mistakes"}},
		{"formulas.csv", input.Options{},
			[]string{`{"FirstName":"=HYPERLINK(\"http://x\")","LastName":"+cmd","UserFields":{"ClientId":"@a"}}`,
				`"LastName":"-2+3"`, `"FirstName":"#REF!"`}, []string{"mistakes"}},
		{"short_rows.csv", input.Options{},
			[]string{"warning: 1 row lacks cells at the end, read as blanks (the first is row 1)", "1@2", "2@3"},
			[]string{"mistakes"}},
		{"unquoted_comma_blank_last.csv", input.Options{}, []string{`"c-1": column 4 has no name`}, []string{"@"}},
		{"blank_header_mid_filled.csv", input.Options{}, []string{"column 2: not a field"}, nil},
		{"blank_header_mid_filled.csv", skipUnknown,
			[]string{"warning: skipped columns that are not a field: column 2", "1@2"}, nil},
		{"zwsp_row.csv", input.Options{}, []string{"1@2", "2@4"}, []string{"mistakes"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			o := c.o
			o.Name, o.Map = fieldFile(c.file), maps.Clone(c.o.Map)
			got := review(t, o)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwant %s", got, want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(got, not) {
					t.Errorf("got\n%s\nand not %s", got, not)
				}
			}
		})
	}
}
