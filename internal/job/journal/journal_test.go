package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

const id = "0123456789ab"

// tempDir is a folder in memory, where there is such a place: these tests sync often.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "telematicsctl-test-*") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func create(t *testing.T, rows int) string {
	t.Helper()
	dir := tempDir(t)
	if err := journal.Create(dir, id, rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, dir string, rows int) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.OS{}, dir, id, rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func entries() *rapid.Generator[journal.Entry] {
	return rapid.Custom(func(t *rapid.T) journal.Entry {
		e := journal.Entry{
			State:     journal.State(rapid.IntRange(1, int(journal.Stale)).Draw(t, "state")),
			Retryable: rapid.Bool().Draw(t, "retryable"),
			Lost:      rapid.Bool().Draw(t, "lost"),
			ClientID:  rapid.StringN(0, 40, 60).Draw(t, "client"),
			Code:      rapid.SampledFrom([]string{"", "failed"}).Draw(t, "code"),
			Text:      rapid.OneOf(rapid.Just("the same again"), rapid.StringN(0, 50, 90)).Draw(t, "text"),
			Detail:    rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "detail"),
		}
		copy(e.DeviceToken[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "token"))
		if e.Text == "" {
			e.Code = ""
		}
		if rapid.Bool().Draw(t, "sent") {
			e.FirstSent = time.Unix(rapid.Int64Range(1, 1<<32).Draw(t, "second"), 7).UTC()
		}
		return e
	})
}

func same(a, b journal.Entry) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

// What was put is read, by this process and the next, whatever was put before.
func TestWhatWasPutIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const rows = 20
		dir := tempDir(t)
		if err := journal.Create(dir, id, rows); err != nil {
			rt.Fatal(err)
		}
		want := map[int]journal.Entry{}
		for range rapid.IntRange(1, 3).Draw(rt, "runs") {
			j, err := journal.Open(journal.OS{}, dir, id, rows)
			if err != nil {
				rt.Fatal(err)
			}
			for range rapid.IntRange(0, 8).Draw(rt, "puts") {
				row := rapid.IntRange(1, rows).Draw(rt, "row")
				put := rapid.SliceOfN(entries(), 1, rows-row+1).Draw(rt, "entries")
				if err := j.Put(row, put...); err != nil {
					rt.Fatal(err)
				}
				for i, e := range put {
					want[row+i] = e
				}
			}
			r := j.Read()
			for row := 1; row <= rows; row++ {
				if got, err := r.Entry(row); err != nil || !same(got, want[row]) {
					rt.Fatalf("row %d is\n%+v (%v), not\n%+v", row, got, err, want[row])
				}
			}
			if err := j.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// Many goroutines put at once: what one was told is written is there.
func TestPutsSideBySide(t *testing.T) {
	t.Parallel()
	const rows = 2000
	dir := create(t, rows)
	j := open(t, dir, rows)
	var group sync.WaitGroup
	for first := 1; first <= 20; first++ {
		group.Go(func() {
			r := j.Read()
			for row := first; row <= rows; row += 20 {
				e := journal.Entry{State: journal.Created, DeviceToken: uuid.New(), ClientID: fmt.Sprint(row),
					Text: "x"}
				if err := j.Put(row, e); err != nil {
					t.Error(err)
				}
				if got, err := j.Read().Entry(row); row%100 == 0 && (err != nil || !same(got, e)) {
					t.Errorf("row %d is %+v (%v)", row, got, err)
				}
			}
			_ = r
		})
	}
	group.Wait()
	if c, err := j.Count(); err != nil || c.States[journal.Created] != rows {
		t.Errorf("%v, %v", c, err)
	}
}

// A damaged file is refused, or its rows count as sent: never as anything else.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	const rows = 3
	for _, name := range []string{"rows", "texts", "highwater", "customtoken"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := create(t, rows)
			j := open(t, dir, rows)
			want := journal.Entry{State: journal.Failed, ClientID: "an ID that does not fit into a slot",
				Text: "why", Code: "rejected"}
			if err := errors.Join(j.Put(2, want), j.Close()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range whole {
				damaged := append([]byte{}, whole...)
				damaged[i] ^= 4
				if err := os.WriteFile(path, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				checkDamaged(t, dir, rows, i, want)
			}
		})
	}
}

func checkDamaged(t *testing.T, dir string, rows, at int, want journal.Entry) {
	t.Helper()
	j, err := journal.Open(journal.OS{}, dir, id, rows)
	if err != nil {
		if !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrNewer) {
			t.Errorf("byte %d: %v", at, err)
		}
		return
	}
	defer func() { _ = j.Close() }()
	for row := 1; row <= rows; row++ {
		e, err := j.Read().Entry(row)
		switch {
		case err != nil:
			t.Errorf("byte %d: %v", at, err)
		case e.State == journal.Sent && e.Lost: // a torn slot
		case row == 2 && e.State == want.State && (e.Text == want.Text || strings.Contains(e.Text, "lost")):
		case row != 2 && e.State == journal.Untouched:
		default:
			t.Errorf("byte %d: row %d is %+v", at, row, e)
		}
	}
}

func TestAJournalOfAnotherJobOrVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := create(t, 3)
	if _, err := journal.Open(journal.OS{}, dir, "ba9876543210", 3); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("of another job: %v", err)
	}
	if _, err := journal.Open(journal.OS{}, dir, id, 4); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("of more rows: %v", err)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record")
	type content struct{ A, B string }
	for _, write := range []func(string, string, any) error{journal.CreateRecord, journal.WriteRecord} {
		if err := write(path, "kind", content{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		var got content
		if err := journal.ReadRecord(path, "kind", &got); err != nil || got != (content{"a", "b"}) {
			t.Errorf("%v, %v", got, err)
		}
		if err := journal.ReadRecord(path, "other", &got); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("of another kind: %v", err)
		}
	}
}
