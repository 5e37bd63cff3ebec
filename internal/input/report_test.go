package input_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// report returns the report on a file.
func report(t *testing.T, o input.Options, name string, raw bool) string {
	t.Helper()
	f := open(t, o)
	var b bytes.Buffer
	w := input.NewReportWriter(&b, f, name, raw)
	if _, _, err := f.Check(t.Context(), w.Write); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// openAny opens a file of users that may be anything.
func openAny(t *testing.T, o input.Options) (*input.File, error) {
	t.Helper()
	o.Now, o.Use = now, field.File
	f, err := input.Open(t.Context(), o, nil)
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

// A report is the invalid rows of the input, in its own shape, to be corrected and given back.
func TestReportHasTheShapeOfTheInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, content, report, want string
	}{
		"a spreadsheet's export": {"users.csv", "\ufeffName;Client Id;Email\r\n=1+1;c-1;nobody\r\n" +
			"Ada;c-2;a@example.com\r\n", "r.csv",
			"\ufeffName;Client Id;Email;Row;Line;Error\r\n'=1+1;c-1;nobody;1;2;\"Email: \"\"nobody\"\" is not an email " +
				"address\"\r\n"},
		"several mistakes": {"users.csv", "ClientId,Email,Gender\nc-1,x,y\n", "r.csv",
			"ClientId,Email,Gender,Row,Line,Error\nc-1,x,y,1,2,\"Email: \"\"x\"\" is not an email address; " +
				"Gender: \"\"y\"\" is not one of None, Male, Female, Other\"\n"},
		"a report that is given back": {"users.csv", "ClientId,Email,Row,Line,Error\nc-1,x,7,8,bad\n", "r.csv",
			"ClientId,Email,Row,Line,Error\nc-1,x,1,2,\"Email: \"\"x\"\" is not an email address\"\n"},
		"JSON Lines": {"users.jsonl", "{\"ClientId\":\"c-1\"}\n{\"Email\":\"x\"}\n", "r.jsonl",
			`{"ClientId":"","Email":"x","Row":"2","Line":"2","Error":"Email: \"x\" is not an email address"}` + "\n"},
		"nothing to report": {"users.csv", "ClientId\nc-1\n", "r.csv", "ClientId,Row,Line,Error\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := input.Options{Name: file(t, c.file, c.content), Map: map[string]string{"Name": "FirstName"}}
			if !strings.Contains(c.content, "Name") {
				o.Map = nil
			}
			if got := report(t, o, c.report, false); got != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

// A row whose cells are not those of the columns would be another user if it were given back as
// it is: its cells are blank in the report, and what stands in it follows the error.
func TestABrokenRowIsNotRepeated(t *testing.T) {
	t.Parallel()
	const content = "FirstName,Address,ClientId\nAda,Ring 1, Ulm,c-1\nBar\nFirstName,Address,ClientId\n"
	got := report(t, input.Options{Name: file(t, "users.csv", content)}, "r.csv", false)
	for _, want := range []string{"\n,,,1,2,", "(the row is: Ada, Ring 1,  Ulm, c-1)", "\n,,,2,3,", "(the row is: Bar)",
		"\n,,,3,4,"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
	again := report(t, input.Options{Name: file(t, "again.csv", got)}, "r.csv", false)
	if n := strings.Count(again, "\n,,,"); n != 3 {
		t.Errorf("given back, %d of 3 rows are mistakes:\n%s", n, again)
	}
}

// Every file of operators can be reported on, and every report can be read.
func TestReportsOnFieldFiles(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(fieldFile("*.csv"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	reported := 0
	for _, path := range paths {
		o := input.Options{Name: path, IgnoreUnknown: true, ColumnsLater: true}
		f, err := openAny(t, o)
		if err != nil {
			continue // it is something else altogether
		}
		var b bytes.Buffer
		w := input.NewReportWriter(&b, f, "r.csv", false)
		_, bad, err := f.Check(t.Context(), w.Write)
		if err != nil || bad == 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		reported++
		back, err := openAny(t, input.Options{Name: file(t, "r.csv", b.String()), IgnoreUnknown: true})
		if err != nil {
			t.Errorf("%s: the report cannot be read: %v\n%s", path, err, &b)
			continue
		}
		rows, _, err := back.Check(t.Context(), func(*input.Row) error { return nil })
		if err != nil || rows != bad {
			t.Errorf("%s: %d of %d rows are read again, %v\n%s", path, rows, bad, err, &b)
		}
	}
	if reported < 8 {
		t.Errorf("only %d files have mistakes", reported)
	}
}
