package input_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// utf16Of writes text as a spreadsheet writes "Unicode text".
func utf16Of(text string, bigEndian bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

const ada = `1@2 {"FirstName":"Adá","UserFields":{"ClientId":"c-1"}}` + "\n"

// The same row of the same table, in the ways that spreadsheets and databases write it.
func TestOneTableIsWrittenInManyWays(t *testing.T) {
	for name, content := range map[string]string{
		"plain":                                   "ClientId,FirstName\nc-1,Adá\n",
		"no line break at the end":                "ClientId,FirstName\nc-1,Adá",
		"UTF-8 with a byte-order mark":            "\ufeffClientId,FirstName\nc-1,Adá\n",
		"a quoted header after a byte-order mark": "\ufeff\"ClientId\",\"FirstName\"\nc-1,Adá\n",
		"UTF-16 little-endian with a mark":        utf16Of("\ufeffClientId\tFirstName\r\nc-1\tAdá\r\n", false),
		"UTF-16 big-endian with a mark":           utf16Of("\ufeffClientId\tFirstName\r\nc-1\tAdá\r\n", true),
		"UTF-16 little-endian without a mark":     utf16Of("ClientId;FirstName\r\nc-1;Adá\r\n", false),
		"UTF-16 big-endian without a mark":        utf16Of("ClientId;FirstName\r\nc-1;Adá\r\n", true),
		"CRLF":                                    "ClientId,FirstName\r\nc-1,Adá\r\n",
		"lone carriage returns":                   "ClientId,FirstName\rc-1,Adá\r",
		"semicolons":                              "ClientId;FirstName\nc-1;Adá\n",
		"tabs":                                    "ClientId\tFirstName\nc-1\tAdá\n",
		"bars":                                    "ClientId|FirstName\nc-1|Adá\n",
		"quotes around everything":                "\"ClientId\";\"FirstName\"\n\"c-1\";\"Adá\"\n",
		"separators within the quotes":            "\"Client,,,,,Id\";\"First-Name\"\n\"c-1\";Adá\n",
		"header names with space around them":     " Client Id , first_name \nc-1,Adá\n",
		"trailing empty columns":                  "ClientId,FirstName,,,\nc-1,Adá,,,\n",
		"too few cells":                           "ClientId,FirstName,City,Email\nc-1,Adá\n",
		"separators behind the last cell":         "ClientId,FirstName\nc-1,Adá,,,\n",
		"blank lines after the rows":              "ClientId,FirstName\nc-1,Adá\n\n\r\n   \n,\n",
		"empty cells":                             "ClientId,FirstName,Email,Tracking\nc-1,Adá,,  \n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := input.Options{Name: file(t, "users.csv", content), Map: map[string]string{}}
			if strings.Contains(content, "Client,") {
				o.Map["Client,,,,,Id"] = "ClientId"
			}
			if got := told(t, open(t, o)); got != ada {
				t.Errorf("got  %swant %s", got, ada)
			}
		})
	}
}

func TestNamedSeparatorOfExcel(t *testing.T) {
	for _, content := range []string{"sep=;\nClientId;FirstName\nc-1;Adá\n",
		"\ufeffSEP=|\r\nClientId|FirstName\r\nc-1|Adá\r\n", "\"sep=\t\"\nClientId\tFirstName\nc-1\tAdá\n"} {
		want := strings.Replace(ada, "1@2", "1@3", 1)
		if got := told(t, open(t, input.Options{Name: file(t, "users.csv", content)})); got != want {
			t.Errorf("%q: got %swant %s", content, got, want)
		}
	}
}

// The line is the physical one, where the row begins; the row's number counts rows.
func TestLinesAndRowsAreCountedApart(t *testing.T) {
	content := "ClientId,\"First\n Name\"\r\n\r\n1,\"a\nb\"\n\n\n2,\"c\r\nd\"\n,,\n3,e\n"
	f := open(t, input.Options{Name: file(t, "users.csv", content), Map: map[string]string{"First\n Name": "FirstName"}})
	want := `1@4 {"FirstName":"a\nb","UserFields":{"ClientId":"1"}}
2@8 {"FirstName":"c\nd","UserFields":{"ClientId":"2"}}
3@11 {"FirstName":"e","UserFields":{"ClientId":"3"}}
`
	if got := told(t, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAFieldHasManySpellings(t *testing.T) {
	for _, header := range []string{"FirstName,ClientId,EnableTracking", "firstName,UserFields.ClientId,tracking",
		"first_name,client_id,enable-tracking", "First Name,CLIENTID,UserFields.EnableTracking"} {
		for _, on := range []string{"true", "ON", "yes", "1"} {
			f := open(t, input.Options{Name: file(t, "users.csv", header+"\nAda,7,"+on+"\n")})
			want := `1@2 {"FirstName":"Ada","UserFields":{"ClientId":"7","EnableTracking":true}}` + "\n"
			if got := told(t, f); got != want {
				t.Errorf("%s: got %swant %s", header, got, want)
			}
		}
	}
}

// What is wrong with one row is that row's mistake; the others are read.
func TestMistakesOfRows(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"too many cells", "ClientId,City\n1,Bonn\n2,Bonn,North\n3,Bonn\n",
			`2@3 {} !: 3 cells where the header has 2: is a cell with the separator in it without quotes?`},
		{"a cell under no name", "ClientId,City,,\n1,Bonn,,x\n",
			`1@2 {} !: column 4 has no name`},
		{"a bare quote", "ClientId,City\n1,5\" pipe\n2,Bonn\n", `1@2 {} !City: a quote (") inside a cell without quotes`},
		{"a quote inside quotes", "ClientId,City\n1,\"Bo\"nn\"\n2,Bonn\n",
			`2@3 {"City":"Bonn","UserFields":{"ClientId":"2"}}`},
		{"a bare quote in the last row", "ClientId,City\n1,5\" pipe",
			`1@2 {} !City: a quote (") inside a cell without quotes`},
		{"a NUL byte", "ClientId,City\n1,Bo\x00nn\n", `!City: it has a NUL character in it: the file is damaged`},
		{"several in one row", "Email,Birthday,Tracking\nx,2990-01-01,maybe\n",
			`!Email: "x" is not an email address !Birthday: "2990-01-01" is in the future !Tracking: "maybe" is neither on ` +
				`nor off`},
		{"two names of one user", "City,CustomToken,Device Token\nBonn," + tokenA + "," + tokenB + "\nBonn," + tokenA +
			",{" + tokenA + "}\n", `!Device Token: the row's CustomToken is another`},
		{"no UUID in a DeviceToken column", "City,Device Token\nBonn,7\n", `!Device Token: "7" is not a UUID`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := told(t, open(t, input.Options{Name: file(t, "users.csv", c.content)}))
			if !strings.Contains(got, c.want) {
				t.Errorf("got  %swant %s", got, c.want)
			}
		})
	}
}

func TestALongWrongValueIsCut(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", "Email\n"+strings.Repeat("ä", 500)+"\n")})
	_, _, err := f.Check(t.Context(), eachMistake(func(m input.Mistake) error {
		if want := strings.Repeat("ä", 80) + "…"; m.Value != want {
			t.Errorf("the value is %q", m.Value)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// A results file that is given back: the columns that the tool itself added are known.
func TestAResultsFileIsInputAgain(t *testing.T) {
	content := "ClientId,DeviceToken,Outcome,Error\nc-1,{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70},failed,\"no, " +
		"really\"\nc-2,,,\n"
	f := open(t, input.Options{Name: file(t, "results.csv", content)})
	want := `1@2 {"UserFields":{"ClientId":"c-1"}} 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70
2@3 {"UserFields":{"ClientId":"c-2"}}
`
	if got := told(t, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNoValidateTakesValuesAsTheyAre(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", "Email,Gender,Tracking\nx,F,maybe\n"), SkipValidation: true})
	want := `1@2 {"Email":"x","Gender":"F","UserFields":{"EnableTracking":"maybe"}}` + "\n"
	if got := told(t, f); got != want {
		t.Errorf("got %swant %s", got, want)
	}
}

func TestCellsAreTheInputsOwn(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", "City;Shoe size;Email\n Bonn ;43\nKöln;44;a@example.com;\n"),
		IgnoreUnknown: true})
	var got []string
	err := f.Each(t.Context(), 1, func(r *input.Row) error {
		got = append(got, strings.Join(r.Cells, "|"))
		return nil
	})
	if err != nil || strings.Join(got, "\n") != " Bonn |43|\nKöln|44|a@example.com" ||
		strings.Join(f.Header(), "|") != "City|Shoe size|Email" {
		t.Errorf("got %q under %q, %v", got, f.Header(), err)
	}
}

// A file that is something else altogether does not fill the screen.
func TestOnlyTheFirstHundredUnknownColumnsAreNamed(t *testing.T) {
	f := failure.From(whole(t, input.Options{Name: file(t, "users.csv", strings.Repeat("Shoe,", 250)+"Hat\n")}))
	if len(f.Fields) != 100 || !strings.Contains(f.Message, "(151 more columns are not named here)") {
		t.Errorf("%d are named; %s", len(f.Fields), f.Message)
	}
}
