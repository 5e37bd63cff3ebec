package input_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// file writes a file for a test.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a file of users that must be good as a whole.
func open(t testing.TB, o input.Options) *input.File {
	t.Helper()
	o.Now, o.Use = now, o.Use|field.File
	f, err := input.Open(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// told is all that the rows of a file say: a line a row, "row@line body", then " !column:
// why" for each mistake.
func told(t testing.TB, f *input.File) string {
	t.Helper()
	var b strings.Builder
	err := f.Each(context.Background(), 1, func(r *input.Row) error {
		body, err := r.Set.Body(field.Create)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%d@%d %s", r.N, r.Line, body)
		if r.DeviceToken != "" {
			fmt.Fprintf(&b, " %s", r.DeviceToken)
		}
		for _, m := range r.Mistakes {
			fmt.Fprintf(&b, " !%s: %s", m.Column, m.Why)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRowsOfACSVFile(t *testing.T) {
	path := file(t, "users.csv", "ClientId,First Name,email\nc-1,Ada,ada@example.com\n\nc-2,,nobody\n")
	f := open(t, input.Options{Name: path})
	want := `1@2 {"FirstName":"Ada","Email":"ada@example.com","UserFields":{"ClientId":"c-1"}}
2@4 {"UserFields":{"ClientId":"c-2"}} !email: "nobody" is not an email address
`
	for range 2 {
		if got := told(t, f); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// A long file is read in portions, and characters, line breaks and rows lie across their ends.
func TestLongFilesAreReadInPortions(t *testing.T) {
	const users = 9_000
	var csv, lines, pretty strings.Builder
	csv.WriteString("ClientId,City\n")
	pretty.WriteString("[\n")
	for n := 1; n <= users; n++ {
		city := strings.Repeat("Köln日本😀", n%3+1)
		fmt.Fprintf(&csv, "%d,\"%s\n\"\n", n, city)
		fmt.Fprintf(&lines, "{\"ClientId\": %d, \"City\": \"%s\"}\n\n", n, city)
		fmt.Fprintf(&pretty, "  {\n    \"ClientId\": %d,\n    \"City\": \"%s\"\n  },\n", n, city)
	}
	array := strings.TrimSuffix(pretty.String(), ",\n") + "\n]\n"
	for _, c := range []struct {
		name, content string
		last          int // the line of the last row
	}{
		{"users.csv", csv.String(), 2 * users},
		{"users.csv", utf16Of("\ufeff"+csv.String(), false), 2 * users},
		{"users.csv", gzipped(t, utf16Of(csv.String(), true)), 2 * users},
		{"users.jsonl", lines.String(), 2*users - 1},
		{"users.json", array, 4*users - 2},
	} {
		f := open(t, input.Options{Name: file(t, c.name, c.content)})
		n, line := 0, 0
		err := f.Each(t.Context(), 1, func(r *input.Row) error {
			n, line = r.N, r.Line
			if id, city := r.Set.Text("ClientId"), strings.TrimSuffix(r.Set.Text("City"), "\n"); id != fmt.Sprint(n) ||
				city != strings.Repeat("Köln日本😀", n%3+1) {
				return fmt.Errorf("row %d is %s in %s", n, id, city)
			}
			return nil
		})
		if err != nil || n != users || line != c.last {
			t.Errorf("%s: %d rows, the last at line %d, %v; want %d at line %d", c.name, n, line, err, users, c.last)
		}
	}
}
