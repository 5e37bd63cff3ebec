package store_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

var update = flag.Bool("update", false, "write the golden file")

const golden = "testdata/sandbox.db"

const token = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"

// everything is one change of each kind.
func everything() []store.Change {
	id := func(n byte) string { return uuid.UUID{15: n}.String() }
	when := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	user := &store.User{
		Token: token, Instance: id(3), Created: when, Status: "Deactivated", Activity: "Active",
		Fields:     store.ValuesOf(map[string]string{"FirstName": "Ada", "City": "München", "EnableLogging": "true"}),
		Device:     store.Values{{Name: "OsType", Text: "iOS"}},
		Heartbeat:  store.Values{{Name: "LowPowerMode", Text: "true"}},
		Trips:      store.Values{{Name: "LatestTripDate", Text: "2026-11-20T08:00:00"}},
		Generation: 2,
	}
	return []store.Change{
		{Secret: []byte("secret")},
		{PrivateKey: []byte("private key")},
		{Layout: &store.Layout{
			Companies: []store.Company{{ID: id(1), Name: "One", Applications: []store.Application{{
				Described:   store.Described{ID: id(2), Name: "App", Status: "Active"},
				Environment: "test",
				Instances: []store.Instance{{
					Described: store.Described{ID: id(3), Name: "Common", Status: "Active"}, Key: id(4), InviteCode: "C",
				}},
			}}}},
			Admins: []store.Admin{{Email: "a@example.com", Password: "p", Companies: []string{id(1)}}},
		}},
		{User: user},
		{User: &store.User{Token: id(9), Instance: id(3), Created: when}},
		{DeleteUser: id(9)},
		{Pair: &store.Pair{Subject: token, Hash: "00ff", Expires: when}},
		{SignIns: &store.SignIns{Address: "127.0.0.1", Times: []time.Time{when}, Blocked: when}},
		{Generation: 7},
	}
}

// open opens a store on a folder with a data file.
func open(t *testing.T, data []byte) (*store.Store, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "sandbox.db")
	if data != nil {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := store.Open(store.Options{Dir: dir, Init: func() []store.Change { return nil }})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, path
}

func put(t *testing.T, s *store.Store, changes ...store.Change) {
	t.Helper()
	if err := s.Update(context.Background(), func(*store.State) []store.Change { return changes }); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The golden file pins the format: what an earlier version has written is read as it was
// meant, and what is written now is the same but for the first line, which has an id of
// its own.
func TestTheFormatIsTheGoldenFiles(t *testing.T) {
	s, path := open(t, nil)
	put(t, s, everything()...)
	got := read(t, path)
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := read(t, golden)
	_, gotChanges, _ := bytes.Cut(got, []byte("\n"))
	_, wantChanges, _ := bytes.Cut(want, []byte("\n"))
	if !bytes.Equal(gotChanges, wantChanges) {
		t.Errorf("the format has changed: raise formatVersion, and run `go test ./internal/sandbox/store -update`:\n%s\n%s",
			gotChanges, wantChanges)
	}
	again, _ := open(t, want)
	check(t, again)
}

// check holds a store to what everything puts into it.
func check(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.View(t.Context(), func(st *store.State) {
		u := st.User(token)
		if u == nil || st.Total() != 1 {
			t.Errorf("%d users", st.Total())
			return
		}
		if u.Fields.Get("City") != "München" || u.Device.Get("OsType") != "iOS" || u.Status != "Deactivated" ||
			u.Generation != 2 {
			t.Errorf("the user is %+v", u)
		}
		in := st.InstanceByCode("c")
		if in == nil || in.Name != "Common" || st.Count(in.ID) != 1 || st.Admin("A@example.com") == nil {
			t.Errorf("the instance is %+v", in)
		}
		if st.Expires(token, "00ff").IsZero() || st.Generation != 7 || string(st.Secret) != "secret" {
			t.Error("a pair, the generation or the secret is gone")
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	whole := read(t, golden)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a flipped bit":      {bytes.Replace(whole, []byte("Ada"), []byte("Adb"), 1), "damaged"},
		"a line that is cut": {bytes.Replace(whole, []byte(`"OsType":"iOS"`), nil, 1), "damaged"},
		"a newer version":    {bytes.Replace(whole, []byte(`"Version":4`), []byte(`"Version":5`), 1), "damaged"},
		"another format":     {[]byte(strings.Repeat("not a log\n", 100)), "another version"},
		"an empty file":      {[]byte{}, "another version"},
	} {
		t.Run(name, func(t *testing.T) {
			s, path := open(t, c.data)
			err := s.View(t.Context(), func(*store.State) {})
			if !failure.HasReason(err, store.ReasonDamaged) || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if !bytes.Equal(read(t, path), c.data) {
				t.Error("the file was changed")
			}
			if err := s.Reset(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := s.View(t.Context(), func(*store.State) {}); err != nil {
				t.Errorf("after a reset: %v", err)
			}
		})
	}
}

func TestALineThatAKilledProcessLeftIsCutOff(t *testing.T) {
	whole := read(t, golden)
	torn := append(bytes.Clone(whole), `0123abcd [{"User":{"Devi`...)
	s, path := open(t, torn)
	check(t, s)
	put(t, s, store.Change{Generation: 8})
	if data := read(t, path); !bytes.HasPrefix(data, whole) || bytes.Contains(data, []byte(`"Devi0`)) {
		t.Errorf("got %s", data)
	}
}

// Another process appends, resets or replaces the file: it is read before the next answer.
func TestWhatAnotherProcessWritesIsSeen(t *testing.T) {
	a, path := open(t, nil)
	put(t, a, everything()...)
	b := store.Open(store.Options{Dir: filepath.Dir(path), Init: func() []store.Change { return nil }})
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	check(t, b)
	put(t, b, store.Change{Generation: 9})
	generation := func(s *store.Store) (n int) {
		if err := s.View(t.Context(), func(st *store.State) { n = st.Generation }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if generation(a) != 9 {
		t.Errorf("an appended change: %d", generation(a))
	}
	if err := b.Reset(t.Context(), []store.Change{{Generation: 1}}); err != nil {
		t.Fatal(err)
	}
	if generation(a) != 1 {
		t.Errorf("a reset: %d", generation(a))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if generation(a) != 0 || generation(b) != 0 {
		t.Errorf("a file that was removed: %d and %d", generation(a), generation(b))
	}
}

// A file most of whose changes are superseded is rewritten when it is read.
func TestSupersededChangesAreCompacted(t *testing.T) {
	s, path := open(t, nil)
	put(t, s, everything()...)
	var changes []store.Change
	for i := range 30000 {
		changes = append(changes, store.Change{Generation: i + 1})
	}
	put(t, s, append(changes, store.Change{Generation: 7})...)
	before := len(read(t, path))
	again := store.Open(store.Options{Dir: filepath.Dir(path), Init: func() []store.Change { return nil }})
	defer func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}()
	check(t, again)
	if after := len(read(t, path)); after > before/10 {
		t.Errorf("%d bytes, then %d", before, after)
	}
	check(t, s)
}

func TestAChangeThatCannotBeWrittenIsNotMade(t *testing.T) {
	s, path := open(t, nil)
	put(t, s, everything()...)
	held := read(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(*store.State) []store.Change { return []store.Change{{Generation: 10}} })
	if err == nil || !bytes.Equal(read(t, path), held) {
		t.Errorf("got %v", err)
	}
}
