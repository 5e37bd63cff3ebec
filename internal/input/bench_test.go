package input_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/input"
)

// fleet writes a file of so many users and says how many bytes it has.
func fleet(t testing.TB, name string, users int) (path string, size int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	json := filepath.Ext(name) == ".jsonl"
	if !json {
		_, _ = w.WriteString("ClientId,FirstName,LastName,Email,Phone\n")
	}
	for n := 1; n <= users; n++ {
		format := "c-%[1]d,Ada,Lovelace,ada.%[1]d@example.com,+4917%08[1]d\n"
		if json {
			format = `{"ClientId":"c-%[1]d","FirstName":"Ada","LastName":"Lovelace","Email":"ada.%[1]d@example.com",` +
				`"Phone":"+4917%08[1]d"}` + "\n"
		}
		_, _ = fmt.Fprintf(w, format, n)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	info, err := out.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path, info.Size()
}

// One operation is a whole file of 100,000 users of five columns.
const benchUsers = 100_000

func BenchmarkEach(b *testing.B) {
	for _, name := range []string{"users.csv", "users.jsonl"} {
		b.Run(name, func(b *testing.B) {
			path, size := fleet(b, name, benchUsers)
			f := open(b, input.Options{Name: path})
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Each(context.Background(), 1, func(*input.Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	path, size := fleet(b, "users.csv", benchUsers)
	f := open(b, input.Options{Name: path})
	b.SetBytes(size)
	for b.Loop() {
		if n, bad, err := f.Check(context.Background(), nil); n != benchUsers || bad != 0 || err != nil {
			b.Fatal(n, bad, err)
		}
	}
}

// Opening reads the file once through, for its digest and its encoding.
func BenchmarkOpen(b *testing.B) {
	path, size := fleet(b, "users.csv", benchUsers)
	b.SetBytes(size)
	for b.Loop() {
		open(b, input.Options{Name: path})
	}
}
