package input_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// A file of many blocks, in each format; mark stands in each of its rows, in the same number of bytes.
const changingRows = 12_000

var changing = map[string]func(mark string) []byte{
	"users.csv": func(mark string) []byte {
		return []byte("ClientId,City\n" + ofRows(func(n int) string { return fmt.Sprintf("%s-%05d,Bonn\n", mark, n) }))
	},
	"users.tsv": func(mark string) []byte {
		return []byte("ClientId\tCity\n" + ofRows(func(n int) string { return fmt.Sprintf("%s-%05d\tBonn\n", mark, n) }))
	},
	"users.json": func(mark string) []byte {
		return []byte("[" + strings.TrimSuffix(ofRows(func(n int) string { return fmt.Sprintf("{%q: \"%s-%05d\"},\n", "ClientId", mark, n) }), ",\n") + "]")
	},
	"users.jsonl": func(mark string) []byte {
		return []byte(ofRows(func(n int) string { return fmt.Sprintf("{%q: \"%s-%05d\"}\n", "ClientId", mark, n) }))
	},
	"users.csv.gz": func(mark string) []byte {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.NoCompression) // the level is a known one
		_, _ = w.Write([]byte("ClientId,City\n" + ofRows(func(n int) string { return fmt.Sprintf("%s-%05d,Bonn\n", mark, n) })))
		_ = w.Close()
		return out.Bytes()
	},
}

func ofRows(row func(n int) string) string {
	var b strings.Builder
	for n := 1; n <= changingRows; n++ {
		b.WriteString(row(n))
	}
	return b.String()
}

// What may become of a file while it is read, and whether it can be read to its end all the same.
var changes = []struct {
	name  string
	whole bool
	names bool // it takes an open file its name, which Windows does not allow
	do    func(path string, before, other []byte) error
}{
	{name: "overwritten in place", do: func(path string, _, other []byte) error { return os.WriteFile(path, other, 0o600) }},
	{name: "overwritten and put back to its time", do: func(path string, _, other []byte) error {
		info, err := os.Stat(path)
		return errors.Join(err, os.WriteFile(path, other, 0o600), os.Chtimes(path, time.Time{}, info.ModTime()))
	}},
	{name: "one byte near its end", do: func(path string, before, other []byte) error {
		at := len(before) - 1
		for before[at] == other[at] {
			at--
		}
		return os.WriteFile(path, append(append(append([]byte{}, before[:at]...), other[at]), before[at+1:]...), 0o600)
	}},
	{name: "truncated", do: func(path string, before, _ []byte) error { return os.Truncate(path, int64(len(before)/2)) }},
	{name: "emptied", do: func(path string, _, _ []byte) error { return os.Truncate(path, 0) }},
	{name: "grown", do: func(path string, before, other []byte) error {
		return os.WriteFile(path, append(append([]byte{}, before...), other...), 0o600)
	}},
	{name: "replaced by another of its name", whole: true, names: true, do: func(path string, _, other []byte) error {
		return errors.Join(os.WriteFile(path+".new", other, 0o600), os.Rename(path+".new", path))
	}},
	{name: "removed", whole: true, names: true, do: func(path string, _, _ []byte) error { return os.Remove(path) }},
	{name: "touched", whole: true, do: func(path string, _, _ []byte) error { return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)) }},
	{name: "written again as it was", whole: true, do: func(path string, before, _ []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(before)
		return errors.Join(err, f.Close())
	}},
}

// Whatever is written into a file after it was opened, no row of that is ever given: reading goes on with what was there, or ends.
func TestNoRowComesFromAFileThatWasOverwritten(t *testing.T) {
	for format, content := range changing {
		before, other := content("old"), content("new")
		for _, c := range changes {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, in a later pass: %v", format, c.name, late), func(t *testing.T) {
					t.Parallel()
					if c.names && runtime.GOOS == "windows" {
						t.Skip("an open file keeps its name")
					}
					path := file(t, format, string(before))
					f := open(t, input.Options{Name: path})
					if late {
						if n, bad, err := f.Check(t.Context(), nil); n != changingRows || bad != 0 || err != nil {
							t.Fatal(n, bad, err)
						}
					}
					n := 0
					err := f.EachOf(t.Context(), func(n int) bool { return n%2 == 0 }, func(row *input.Row) error {
						if n++; row.Set.Text("ClientId") != fmt.Sprintf("old-%05d", n) || len(row.Mistakes) > 0 {
							return fmt.Errorf("row %d is %q, %v", n, row.Cells, row.Mistakes)
						}
						if n == 10 {
							return c.do(path, before, other)
						}
						return nil
					})
					holdToChange(t, c.whole, n, err)
					if _, _, err := f.Check(t.Context(), nil); c.whole != (err == nil) || !c.whole && !errors.Is(err, input.ErrChanged) {
						t.Errorf("a further pass: %v", err)
					}
				})
			}
		}
	}
}

// holdToChange holds the reading of a file of changingRows rows to what became of the file at the tenth.
func holdToChange(t *testing.T, whole bool, n int, err error) {
	t.Helper()
	switch {
	case whole && (err != nil || n != changingRows):
		t.Errorf("%d rows, %v", n, err)
	case !whole && (!failure.Is(err, failure.Invalid) || !errors.Is(err, input.ErrChanged) || n < 10 || n == changingRows):
		t.Errorf("%d rows, and then %v", n, err)
	case !whole && (strings.Count(err.Error(), ": ") != 1 || failure.From(err).Hint == ""):
		t.Errorf("what is said: %v (%s)", err, failure.From(err).Hint)
	}
}

// The same of DeviceTokens, in a list and in rows: nobody is deleted whom the file did not name when it was checked.
func TestNoTokenComesFromAFileThatWasOverwritten(t *testing.T) {
	token := func(mark string, n int) string {
		return fmt.Sprintf("%s00000-0000-4000-8000-%012d", map[string]string{"old": "01d", "new": "4e3"}[mark], n)
	}
	for format, content := range map[string]func(mark string) []byte{
		"tokens": func(mark string) []byte {
			return []byte(ofRows(func(n int) string { return token(mark, n) + "\n" }))
		},
		"results.csv": func(mark string) []byte {
			return []byte("City,DeviceToken\n" + ofRows(func(n int) string { return "Bonn," + token(mark, n) + "\n" }))
		},
	} {
		before, other := content("old"), content("new")
		for _, c := range changes {
			t.Run(format+" "+c.name, func(t *testing.T) {
				t.Parallel()
				if c.names && runtime.GOOS == "windows" {
					t.Skip("an open file keeps its name")
				}
				path := file(t, format, string(before))
				f, err := input.OpenTokens(t.Context(), input.Options{Name: path}, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = f.Close() }()
				n := 0
				err = f.Each(t.Context(), func(got string) error {
					if n++; got != token("old", n) {
						return fmt.Errorf("token %d is %s", n, got)
					}
					if n == 10 {
						return c.do(path, before, other)
					}
					return nil
				})
				holdToChange(t, c.whole, n, err)
			})
		}
	}
}

// A file that is overwritten between Open and Check is not checked as if it were the one that was opened.
func TestAFileThatIsOverwrittenBeforeTheCheck(t *testing.T) {
	path := file(t, "users.csv", "ClientId\nold-1\nold-2\n")
	f := open(t, input.Options{Name: path, Use: field.File})
	if err := os.WriteFile(path, []byte("ClientId\nnew-1\nnew-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := f.Check(t.Context(), func(m input.Mistake) error { return fmt.Errorf("row %d: %s", m.Row, m.Why) })
	if !errors.Is(err, input.ErrChanged) {
		t.Errorf("got %v", err)
	}
}
