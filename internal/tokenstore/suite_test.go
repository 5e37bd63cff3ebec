package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

const (
	alice = "0f0e0d0c-0000-4000-8000-00000000000a"
	bob   = "0f0e0d0c-0000-4000-8000-00000000000b"
)

var issued = time.Date(2026, 6, 1, 12, 0, 0, 123456789, time.UTC)

// pair is a record whose JWT is some bytes long; which tells two records of one length apart.
func pair(which string, length int) Record {
	return Record{
		Access:   secret.New(strings.Repeat(which+".access.", length/len(which+".access.")+1)[:length]),
		Refresh:  secret.New(which + ".refresh"),
		IssuedAt: issued, ExpiresAt: issued.Add(24 * time.Hour), Host: "https://user.telematicssdk.com",
		InstanceID: "11111111-0000-4000-8000-000000000001",
	}
}

func key(subject string) Key { return Key{Profile: "prod", Subject: subject} }

// open makes a store over the same data each time.
type opener func() Store

// eachStore runs a test on every kind of store.
func eachStore(t *testing.T, test func(t *testing.T, open opener)) {
	eachKeyring(t, platforms, func(t *testing.T, backend Backend) {
		dir := t.TempDir()
		test(t, func() Store { return keyringOver(t, dir, backend) })
	})
	t.Run("plain file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		test(t, func() Store { return mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true}) })
	})
	t.Run("encrypted file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		test(t, func() Store { return openEncrypted(t, dir, "a passphrase") })
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		only := mustOpen(t, Options{Kind: KindMemory})
		test(t, func() Store { return only })
	})
}

func mustOpen(t testing.TB, o Options) Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openEncrypted opens a encrypted file; one that it makes is sealed with little work, for
// the sake of the tests' time.
func openEncrypted(t testing.TB, dir, passphrase string) Store {
	t.Helper()
	s := mustOpen(t, Options{Kind: KindFile, Dir: dir, Passphrase: answer(passphrase)})
	s.(*fileStore).codec.(*encryptedCodec).work = 8
	return s
}

// answer is a person, or an environment, that gives this passphrase.
func answer(passphrase string) func(context.Context) (secret.String, error) {
	return func(context.Context) (secret.String, error) { return secret.New(passphrase), nil }
}

func mustPut(t testing.TB, s Store, items ...Item) {
	t.Helper()
	if err := s.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
}

// wantRecord reads a record again and compares.
func wantRecord(t testing.TB, s Store, k Key, want Record) {
	t.Helper()
	got, err := s.Fresh(t.Context(), k)
	if err != nil {
		t.Fatalf("%v: %v", k, err)
	}
	if got != want {
		t.Fatalf("%v: got another record than was put: %d and %d bytes", k, len(got.Access.Reveal()),
			len(want.Access.Reveal()))
	}
}

// wantNothing reads what must not be there.
func wantNothing(t testing.TB, s Store, k Key) {
	t.Helper()
	_, err := s.Fresh(t.Context(), k)
	if !errors.Is(err, ErrNotFound) || !failure.Is(err, failure.NotFound) {
		t.Fatalf("%v: %v, want not found", k, err)
	}
}

func TestAnEmptyStoreHasNothing(t *testing.T) {
	eachStore(t, testEmpty)
}

func testEmpty(t *testing.T, open opener) {
	s := open()
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	wantNothing(t, s, key(SubjectAdmin))
	if _, err := s.Get(t.Context(), key(SubjectAdmin)); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if err := s.Delete(t.Context(), key(SubjectAdmin), key(alice)); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	if got, err := s.List(t.Context(), "prod"); err != nil || len(got) != 0 {
		t.Errorf("List: %v, %v", got, err)
	}
	if err := s.Put(t.Context()); err != nil {
		t.Errorf("putting nothing: %v", err)
	}
}

func TestWhatIsPutComesBackWhole(t *testing.T) {
	eachStore(t, testRoundTrip)
}

func testRoundTrip(t *testing.T, open opener) {
	s := open()
	r := pair("one", 1500)
	given := r
	given.IssuedAt = r.IssuedAt.In(time.FixedZone("CEST", 7200))
	password := Record{Value: secret.New("pä$$ \"wort\"\n\t<&>\u2028 ")}
	mustPut(t, s, Item{key(alice), given}, Item{key(SubjectAdminPassword), password})
	for _, s := range []Store{s, open()} {
		wantRecord(t, s, key(alice), r)
		wantRecord(t, s, key(SubjectAdminPassword), password)
		if got, err := s.Get(t.Context(), key(alice)); err != nil || got != r {
			t.Errorf("Get: another record, %v", err)
		}
	}
}

func TestARecordIsReplacedByLongerAndShorterOnes(t *testing.T) {
	eachStore(t, testReplace)
}

func testReplace(t *testing.T, open opener) {
	s, other := open(), open()
	for i, length := range []int{100, 2600, 20_000, 6_000, 2_300, 9_000, 30} {
		r := pair(fmt.Sprint("round", i), length)
		mustPut(t, s, Item{key(alice), r})
		wantRecord(t, s, key(alice), r)
		wantRecord(t, other, key(alice), r)
	}
	if err := s.Delete(t.Context(), key(alice)); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, s, key(alice))
	wantNothing(t, other, key(alice))
}

func TestRecordsDoNotTouchEachOther(t *testing.T) {
	eachStore(t, testSeparate)
}

func testSeparate(t *testing.T, open opener) {
	s := open()
	otherProfile := Key{Profile: "test", Subject: alice}
	mustPut(t, s, Item{key(alice), pair("alice", 4000)}, Item{key(bob), pair("bob", 4000)},
		Item{otherProfile, pair("else", 4000)})
	if err := s.Delete(t.Context(), key(alice)); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, s, key(alice))
	wantRecord(t, s, key(bob), pair("bob", 4000))
	wantRecord(t, s, otherProfile, pair("else", 4000))
}

func TestListShowsPairsInOrderAndNoSecrets(t *testing.T) {
	eachStore(t, testList)
}

func testList(t *testing.T, open opener) {
	s, r := open(), pair("x", 50)
	mustPut(t, s, Item{key(bob), r}, Item{key(alice), r}, Item{key(SubjectInstanceKey), r},
		Item{key(SubjectAdminPassword), r},
		Item{Key{"other", SubjectAdmin}, r}, Item{key(SubjectAdmin), r})
	want := func(keys ...Key) []Entry {
		entries := []Entry{}
		for _, k := range keys {
			entries = append(entries, Entry{Key: k, IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt, Host: r.Host,
				InstanceID: r.InstanceID})
		}
		return entries
	}
	other := open()
	for profile, want := range map[string][]Entry{
		"prod":    want(key(SubjectAdmin), key(alice), key(bob)),
		"other":   want(Key{"other", SubjectAdmin}),
		"nothing": want(),
		"":        want(Key{"other", SubjectAdmin}, key(SubjectAdmin), key(alice), key(bob)),
	} {
		for _, s := range []Store{s, other} {
			if got, err := s.List(t.Context(), profile); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("List(%q): %v\n got %v\nwant %v", profile, err, got, want)
			}
		}
	}
}

func TestFreshSeesWhatOthersWrote(t *testing.T) {
	eachStore(t, testFresh)
}

func testFresh(t *testing.T, open opener) {
	mine, theirs := open(), open()
	mustPut(t, mine, Item{key(alice), pair("old", 3000)})
	mustPut(t, theirs, Item{key(alice), pair("new", 3000)})
	wantRecord(t, mine, key(alice), pair("new", 3000))
	if got, err := mine.Get(t.Context(), key(alice)); err != nil || got != pair("new", 3000) {
		t.Errorf("Get fell back behind Fresh: %v", err)
	}
	if err := theirs.Delete(t.Context(), key(alice)); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, mine, key(alice))
}

func TestManyGoroutinesLoseNothing(t *testing.T) {
	eachStore(t, testGoroutines)
}

func testGoroutines(t *testing.T, open opener) {
	stores := []Store{open(), open()}
	subject := func(n int) Key { return key(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)) }
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			s := stores[n%2]
			for round := range 3 {
				if err := s.Put(t.Context(), Item{subject(n), pair(fmt.Sprint(n, "-", round), 3000)}); err != nil {
					t.Error(err)
				}
				if got, err := s.Get(t.Context(), subject(n)); err != nil || got != pair(fmt.Sprint(n, "-", round), 3000) {
					t.Errorf("subject %d, round %d: another record, %v", n, round, err)
				}
			}
		})
	}
	all.Wait()
	for n := range 16 {
		wantRecord(t, stores[0], subject(n), pair(fmt.Sprint(n, "-", 2), 3000))
	}
	if got, err := open().List(t.Context(), "prod"); err != nil || len(got) != 16 {
		t.Errorf("%d of 16 are listed, %v", len(got), err)
	}
}

func TestAnEndedContextChangesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, open opener) {
		s := open()
		if s.Kind() == KindMemory {
			return // it never waits, and so has no use for a context
		}
		ended, end := context.WithCancel(t.Context())
		end()
		_, getErr := s.Get(ended, key(alice))
		_, listErr := s.List(ended, "prod")
		for name, err := range map[string]error{
			"Get": getErr, "List": listErr, "Check": s.Check(ended), "Put": s.Put(ended, Item{key(alice), pair("x", 10)}),
		} {
			if !failure.Is(err, failure.Interrupted) {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantNothing(t, s, key(alice))
	})
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, o := range map[string]Options{
		"no kind": {Dir: t.TempDir()}, "a strange kind": {Kind: "vault", Dir: t.TempDir()},
		"a file without a folder": {Kind: KindFile}, "a keyring without a folder": {Kind: KindKeyring},
	} {
		if _, err := Open(o); !failure.Is(err, failure.Invalid) || failure.From(err).Reason == "" ||
			o.Dir == "" && err.Error() != "the token store has no folder" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Opening is free of effects, so that a command that needs no token touches nothing.
func TestOpenTouchesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	backend := newFake()
	for _, o := range []Options{{Kind: KindKeyring, Backend: backend}, {Kind: KindFile}, {Kind: KindFile, Plain: true}} {
		o.Dir = dir
		o.Passphrase = func(context.Context) (secret.String, error) {
			t.Error("asked for the passphrase")
			return secret.String{}, nil
		}
		if s := mustOpen(t, o); s.Kind() != o.Kind {
			t.Errorf("kind %q, want %q", s.Kind(), o.Kind)
		}
	}
	if backend.calls != 0 {
		t.Error("the keyring was called")
	}
	if found, _ := filepath.Glob(dir); len(found) != 0 {
		t.Error("the state folder was made")
	}
}
