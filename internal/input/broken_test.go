package input_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole reads a file as a command does before it sends anything, and gives the first error.
func whole(t testing.TB, o input.Options) error {
	t.Helper()
	o.Use, o.Now = field.File, now
	f, err := input.Open(t.Context(), o, nil)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, _, err = f.Check(t.Context(), func(*input.Row) error { return nil })
	return err
}

// What is wrong with a file as a whole is found before anything is sent, and says where it is.
func TestBrokenFiles(t *testing.T) {
	const header = "ClientId,City\n"
	long := strings.Repeat("x", 1<<20)
	many := strings.Repeat("1,Bonn\n", 20_000)
	for _, c := range []struct{ name, file, content, want string }{
		{"an empty file", "users.csv", "", "users.csv: the file is empty"},
		{"blank lines alone", "users.csv", " \n\n\r\n", "users.csv: the file is empty"},
		{"a mark alone", "users.csv", "\ufeff", "users.csv: the file is empty"},
		{"separators alone", "users.csv", ",,\n,,\n", "no header and no row"},
		{"a header without a row", "users.csv", header + "\n,\n", "users.csv: the file has no row"},
		{"an empty array", "users.json", "[ ]", "the file has no row"},
		{"Windows-1252", "users.csv", header + many + "1,K\xf6ln\n", "line 20002 is not UTF-8 (byte 0xf6)"},
		{"a character cut off at the end", "users.csv", header + "1,K\xc3", "line 2 is not UTF-8"},
		{"UTF-16 cut off", "users.csv", utf16Of("\ufeff"+header+"1,Bonn", false) + "\x41", "line 2 is not valid in UTF-16"},
		{"UTF-32", "users.csv", "\xff\xfe\x00\x00C\x00\x00\x00", "it is in UTF-32"},
		{"an Excel workbook", "users.csv", "PK\x03\x04\x14\x00", "it is an Excel workbook or another ZIP archive, not CSV"},
		{"an old Excel workbook", "users.xls", "\xd0\xcf\x11\xe0", "it is an old Excel workbook (.xls)"},
		{"a compressed file cut off", "users.csv.gz", gzipped(t, header+many)[:200],
			"the compressed file ends early, at line "},
		{"a compressed file cut off in its head", "users.csv.gz", "\x1f\x8b\x08", "the compressed file ends early"},
		{"a compressed file with a wrong sum", "users.csv.gz",
			strings.TrimSuffix(gzipped(t, header+"1,Bonn\n"), "\x00") + "\x01", "the compressed file is damaged, at line 3"},
		{"a quote never closed", "users.csv", header + "1,Bonn\n2,\"Bonn\n3,Bonn\n",
			"the quotes of the row at line 3 are not closed"},
		{"a quote in the header", "users.csv", "Cli\"ent,City\n1,Bonn\n", "the header (line 1) cannot be read"},
		{"a very long cell", "users.csv", header + "1," + long + "\n2,Bonn\n", "the row at line 2 is larger than 1 MiB"},
		{"a quote closed far behind", "users.csv", header + "1,\"" + long + long + long + "\"\n",
			"the row at line 2 is larger than 1 MiB"},
		{"a very long header", "users.csv", long + long + header, "the row at line 1 is larger than 1 MiB"},
		{"a very long line of JSON", "users.jsonl", "{}\n{\"City\": \"" + long + "\"}\n",
			"the row at line 2 is larger than 1 MiB"},
		{"a very long object", "users.json", "[{},\n{\"City\": \"" + long + "\"}]", "the row at line 2 is larger than 1 MiB"},
		{"a longer object", "users.json", "[{},\n{\"City\": \"" + long + long + long + "\"}]",
			"the row at line 2 is larger than 1 MiB"},
		{"an array cut off between rows", "users.json", "[{},\n{\"City\": \"Bonn\"}\n",
			"the JSON ends early, in row 3 (line 3)"},
		{"an array cut off in a row", "users.json", "[{},\n{\"City\": \"Bo", "the JSON ends early, in row 2 (line 2)"},
		{"an array that is not JSON", "users.json", "[{},\n{\"City\":\n Bonn}]",
			"it is not JSON in row 2 (line 3): 'B' stands where a value is wanted"},
		{"a comma too many", "users.json", "[{},\n]", "it is not JSON in row 2 (line 2)"},
		{"something after the array", "users.json", "[{}]\n{}", "something follows the JSON array, at line "},
		{"a last line cut off", "users.jsonl", "{}\n{\"City\": \"Bo", "the JSON ends early, in line 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := whole(t, input.Options{Name: file(t, c.file, c.content)})
			if !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), c.file) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestColumnsThatAreNotValid(t *testing.T) {
	for _, c := range []struct {
		name, content, want string
		o                   input.Options
	}{
		{name: "unknown columns are named, and the known ones", content: "ClientId,Shoe size,,Hat\n1,2,3,4\n",
			want: "the known ones are " + strings.Join(field.Names(field.File), ", ") + ", DeviceToken: " +
				"Shoe size: not a field; column 3: not a field; Hat: not a field"},
		{name: "a field that no file may carry", content: "ClientId,CreateAccessToken\n1,on\n",
			want: "CreateAccessToken: not a field"},
		{name: "a header that is missing", content: "c-1,Ada\nc-2,Bob\n", want: "c-1: not a field; Ada: not a field"},
		{name: "unknown members of the first object", content: `{"ClientId": 1, "Shoe": {"Size": 43}}`,
			want: "Shoe: not a field"},
		{name: "two columns for one field", content: "First Name,City,first_name\na,b,c\n",
			want: `first_name: the same field as the column "First Name"`},
		{name: "two DeviceTokens", content: "DeviceToken,City,device token\n,b,\n",
			want: `device token: the same field as the column "DeviceToken"`},
		{name: "two by renaming", content: "Email,Work mail\n,\n",
			o:    input.Options{Map: map[string]string{"Work mail": "email"}},
			want: `Work mail: the same field as the column "Email"`},
		{name: "none that is a field", content: "Shoe,Hat\n1,2\n", o: input.Options{IgnoreUnknown: true},
			want: "no column is a field; the known ones are FirstName,"},
		{name: "a column renamed that is not there", content: "City\nBonn\n",
			o:    input.Options{Map: map[string]string{"Mail": "email"}},
			want: "the mapping names a column that is not there: Mail"},
		{name: "renamed to nothing known", content: "City\nBonn\n",
			o:    input.Options{Map: map[string]string{"City": "Town"}},
			want: `City: "Town" is not a field; the known ones are FirstName,`},
		{name: "a column renamed twice", content: "City\nBonn\n",
			o:    input.Options{Map: map[string]string{"Work mail": "Email", "work_mail": "Phone"}},
			want: "work_mail: the column is renamed twice"},
		{name: "a column without a name renamed", content: "City\nBonn\n",
			o: input.Options{Map: map[string]string{" ": "Email"}}, want: "no column is named"},
		{name: "an unknown format", content: "City\nBonn\n", o: input.Options{Format: "xml"},
			want: `format "xml" is not one of csv, tsv, xlsx, json, jsonl`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Name = file(t, "users", c.content)
			err := whole(t, c.o)
			if !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestUnknownColumnsMayBePassedOver(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", "Shoe,Work mail,ClientId,\n43,a@example.com,c-1,x\n"),
		IgnoreUnknown: true, Map: map[string]string{"work-mail": "Email"}})
	want := `1@2 {"Email":"a@example.com","UserFields":{"ClientId":"c-1"}}` + "\n"
	if got := told(t, f); got != want {
		t.Errorf("got %swant %s", got, want)
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "none.csv")} {
		if err := whole(t, input.Options{Name: name}); !failure.Is(err, failure.Invalid) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	path := file(t, "users.csv", "City\n"+strings.Repeat("Bonn\n", 1000))
	ctx, cancel := context.WithCancel(t.Context())
	f := open(t, input.Options{Name: path})
	n := 0
	err := f.Each(ctx, 1, func(*input.Row) error {
		n++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	if _, err := input.Open(ctx, input.Options{Name: path, Use: field.File}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if _, err := input.Open(ctx, input.Options{Name: "-", SpoolDir: t.TempDir(), Use: field.File},
		strings.NewReader("City\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("Open of standard input: %v", err)
	}
}
