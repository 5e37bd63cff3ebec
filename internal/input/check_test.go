package input_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// eachMistake is a report of Check that is given mistake by mistake.
func eachMistake(do func(input.Mistake) error) func(*input.Row) error {
	return func(r *input.Row) error {
		for _, m := range r.Mistakes {
			if err := do(m); err != nil {
				return err
			}
		}
		return nil
	}
}

// checked gives every mistake of a file, one a line, and the counts.
func checked(t testing.TB, f *input.File) string {
	t.Helper()
	var b strings.Builder
	n, bad, err := f.Check(t.Context(), eachMistake(func(m input.Mistake) error {
		fmt.Fprintf(&b, "%d@%d %s %q: %s\n", m.Row, m.Line, m.Column, m.Value, m.Why)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%d of %d bad", bad, n)
	return b.String()
}

const someTwice = `Client Id,CustomToken,Email
c-1,8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70,a@example.com
c-2,,b@example.com

c-1,{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70},x
C-1,,
,8f14e45f-ceea-467f-8b3e-2c1d6e5b9a71,c@example.com
c-2,,
c-1,,
`

// All mistakes are reported at once, in the order of the file, the row that repeats a
// value among them.
func TestCheckReportsInTheOrderOfTheFile(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", someTwice)})
	want := `3@5 Email "x": "x" is not an email address
3@5 Client Id "c-1": the same ClientId as row 1
3@5 CustomToken "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70": the same CustomToken as row 1
6@8 Client Id "c-2": the same ClientId as row 2
7@9 Client Id "c-1": the same ClientId as row 1
3 of 7 bad`
	for range 2 {
		if got := checked(t, f); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// What Check has found out, Each says of the rows: a row that repeats a value is never
// sent, from wherever reading begins.
func TestAfterCheckEachKnowsWhatComesTwice(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", someTwice)})
	checked(t, f)
	for _, c := range []struct {
		from int
		want string
	}{{0, "1:0 2:0 3:3 4:0 5:0 6:1 7:1"}, {6, "6:1 7:1"}, {8, ""}} {
		var got []string
		err := f.Each(t.Context(), c.from, func(r *input.Row) error {
			got = append(got, fmt.Sprintf("%d:%d", r.N, len(r.Mistakes)))
			return nil
		})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("from %d: %v, %v", c.from, got, err)
		}
	}
}

func TestWhatComesTwiceInJSONIsNamedByItsColumn(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.jsonl", `{"ClientId": 7}`+"\n"+`{"UserFields": {"client_id": "7"}}`)})
	if got, want := checked(t, f), "2@2 ClientId \"7\": the same ClientId as row 1\n1 of 2 bad"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestADeviceTokenThatComesTwiceIsAMistake(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "results.csv",
		"City,Device token\nBonn,"+tokenA+"\nBonn,"+tokenB+"\nBonn,{"+tokenA+"}\n")})
	if got, want := checked(t, f), "3@4 Device token \""+tokenA+
		"\": the same DeviceToken as row 1\n1 of 3 bad"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What --map names must be there; of JSON that is known when every object was read.
func TestAMemberRenamedThatIsNowhere(t *testing.T) {
	path := file(t, "users.jsonl", `{"City": "Bonn"}`+"\n"+`{"Work mail": "a@example.com"}`)
	if got := checked(t, open(t, input.Options{Name: path,
		Map: map[string]string{"Work mail": "Email"}})); got != "0 of 2 bad" {
		t.Error(got)
	}
	err := whole(t, input.Options{Name: path, Map: map[string]string{"Home mail": "Email"}, IgnoreUnknown: true})
	if err == nil || !strings.Contains(err.Error(), "the mapping names a column that is not there: Home mail") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheCallerEndReading(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", someTwice)})
	stop := errors.New("stop")
	if _, _, err := f.Check(t.Context(), func(*input.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Check: %v", err)
	}
	if err := f.Each(t.Context(), 1, func(*input.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Each: %v", err)
	}
}

// A file is known by its content: neither its name nor its compression counts.
func TestDigestAndSize(t *testing.T) {
	const content = "\ufeffCity\nBonn\n"
	const want = "50f1082b77c82ab9ecc0d7b18543200c94a3a7b5b6a9ca7224e6f0674f166f66"
	plain := open(t, input.Options{Name: file(t, "users.csv", content)})
	zipped := open(t, input.Options{Name: file(t, "users.gz", gzipped(t, content))})
	other := open(t, input.Options{Name: file(t, "users.csv", content+"\n")})
	if plain.Digest() != want || zipped.Digest() != want || other.Digest() == want {
		t.Errorf("got %s, %s and %s", plain.Digest(), zipped.Digest(), other.Digest())
	}
	if plain.Size() != int64(len(content)) || zipped.Size() != int64(len(gzipped(t, content))) {
		t.Errorf("sizes %d and %d", plain.Size(), zipped.Size())
	}
}

func TestTheExtensionBehindGzSaysTheFormat(t *testing.T) {
	// A line of TSV whose commas would make it CSV by looking.
	content := "City\tFirst,,,Name\nBonn\tAda\n"
	for _, name := range []string{"users.tsv.gz", "USERS.TSV.GZ", "users.tab", "users.tsv"} {
		o := input.Options{Name: file(t, name, gzipped(t, content)), Map: map[string]string{"First,,,Name": "FirstName"}}
		if got, want := told(t, open(t, o)), `1@2 {"FirstName":"Ada","City":"Bonn"}`+"\n"; got != want {
			t.Errorf("%s: got %swant %s", name, got, want)
		}
	}
}

func TestFormatGoesBeforeTheExtension(t *testing.T) {
	f := open(t, input.Options{Name: file(t, "users.csv", `{"City": "Bonn"}`), Format: "JSONL"})
	if got, want := told(t, f), `1@1 {"City":"Bonn"}`+"\n"; got != want {
		t.Errorf("got %swant %s", got, want)
	}
}

// Standard input can be read once; it is kept where only its owner can read it, and
// nothing of it is left.
func TestStandardInputIsKeptUntilClose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "spool")
	f, err := input.Open(t.Context(), input.Options{Name: "-", Use: field.File, Now: now, SpoolDir: dir},
		strings.NewReader(gzipped(t, "City\nBonn\n")))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, want := told(t, f), `1@2 {"City":"Bonn"}`+"\n"; got != want {
			t.Errorf("got %swant %s", got, want)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if info, err := os.Stat(dir); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o700) {
		t.Errorf("the folder: %v, %v", info, err)
	}
}

func TestNothingIsLeftOfStandardInputThatIsRefused(t *testing.T) {
	dir := t.TempDir()
	for _, in := range []string{"", "Shoe\n43\n", "\x1f\x8b\x08"} {
		if _, err := input.Open(t.Context(), input.Options{Name: "-", Use: field.File, SpoolDir: dir},
			strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), "standard input") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Reading a long file holds no more than reading its first row, and checking it leaves
// nothing behind.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const users = 20_000
	for _, name := range []string{"users.csv", "users.jsonl"} {
		path, _ := fleet(t, name, users)
		f := open(t, input.Options{Name: path})
		if live := liveAt(t, f, users); live > 1<<20 {
			t.Errorf("%s: %d bytes more are live after %d rows", name, live, users)
		}
		before := live()
		if got := checked(t, f); got != fmt.Sprintf("0 of %d bad", users) {
			t.Errorf("%s: %s", name, got)
		}
		if more := int64(live()) - int64(before); more > 1<<20 {
			t.Errorf("%s: Check leaves %d bytes", name, more)
		}
	}
}

// liveAt is how many bytes more are in use at the last row than at the first.
func liveAt(t *testing.T, f *input.File, last int) int64 {
	t.Helper()
	var first, then uint64
	err := f.Each(t.Context(), 1, func(r *input.Row) error {
		switch r.N {
		case 1:
			first = live()
		case last:
			then = live()
		}
		return nil
	})
	if err != nil || then == 0 {
		t.Fatal("the last row was not met", err)
	}
	return int64(then) - int64(first)
}

// live is the bytes in use after a collection.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A file may be wrong in every row, and have every ClientId twice: what is remembered of
// it is numbers.
func TestMemoryDoesNotGrowWithTheMistakes(t *testing.T) {
	const users = 40_000
	var b strings.Builder
	b.WriteString("ClientId,Email\n")
	for n := range users {
		fmt.Fprintf(&b, "a-rather-long-client-id-%d,nobody\n", n/2)
	}
	f := open(t, input.Options{Name: file(t, "users.csv", b.String())})
	before, most, told := live(), uint64(0), 0
	_, bad, err := f.Check(t.Context(), eachMistake(func(input.Mistake) error {
		if told++; told%users == 0 {
			most = max(most, live())
		}
		return nil
	}))
	if err != nil || bad != users || told != users+users/2 {
		t.Fatalf("%d bad rows, %d mistakes, %v", bad, told, err)
	}
	if each := (int64(most) - int64(before)) / users; each > 32 {
		t.Errorf("%d bytes for each row", each)
	}
}
