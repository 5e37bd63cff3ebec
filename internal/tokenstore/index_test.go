package tokenstore

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// subjects are the subjects that a new process lists.
func subjects(t testing.TB, dir string, backend Backend) string {
	t.Helper()
	entries, err := keyringOver(t, dir, backend).List(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Subject)
	}
	return strings.Join(names, " ")
}

func TestTheIndexHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, keyringOver(t, dir, newFake()), Item{key(alice), pair("hidden", short)},
		Item{key(SubjectInstanceKey), pair("hidden", short)})
	path := filepath.Join(dir, "keyring.index")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); strings.Contains(text, "hidden") || !strings.Contains(text, alice) ||
		strings.Contains(text, SubjectInstanceKey) {
		t.Errorf("the index is %s", text)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Where the keyring can tell what it holds, the list is the truth, whatever the index says; where
// it cannot, a record that is read repairs its entry.
func TestListIsTheTruth(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string, backend Backend){
		"an entry is missing": func(t *testing.T, dir string, _ Backend) {
			spoil(t, dir, framedIndex(`{"prod":{"`+bob+`":{}}}`))
		},
		"an entry is stale": func(t *testing.T, _ string, backend Backend) {
			// As a person removes it, by the desktop's own program.
			alter(t, backend, func(m map[string]string) { delete(m, "prod/"+alice) })
		},
		"as many are stale as are missing": func(t *testing.T, _ string, backend Backend) {
			alter(t, backend, func(m map[string]string) {
				m["prod/"+SubjectAdmin] = itemText(key(SubjectAdmin), pair("x", short))
				delete(m, "prod/"+alice)
			})
		},
		"it is gone": func(_ *testing.T, dir string, _ Backend) {
			_ = os.Remove(filepath.Join(dir, "keyring.index"))
		},
		"it is damaged":      func(t *testing.T, dir string, _ Backend) { spoil(t, dir, `{"prod":{"adm`) },
		"it is empty":        func(t *testing.T, dir string, _ Backend) { spoil(t, dir, "") },
		"it is not an index": func(t *testing.T, dir string, _ Backend) { spoil(t, dir, framedIndex(`["admin"]`)) },
		"a newer version wrote it": func(t *testing.T, dir string, _ Backend) {
			spoil(t, dir, string(atomicfile.Frame(indexKind, indexVersion+1, []byte(`{"prod":{"x":{}}}`))))
		},
		"it is of another keyring": func(t *testing.T, dir string, _ Backend) {
			spoil(t, dir, framedIndex(`{"other":{"admin":{}},"prod":{"00000000-0000-4000-8000-000000000001":{},`+
				`"00000000-0000-4000-8000-000000000002":{}}}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachKeyring(t, platforms, func(t *testing.T, backend Backend) {
				dir := t.TempDir()
				mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)}, Item{key(bob), pair("x", short)},
					Item{key(SubjectInstanceKey), pair("x", short)})
				subjects(t, dir, backend) // which notes that all is well
				harm(t, dir, backend)
				if _, err := backend.Items(t.Context(), service); errors.Is(err, ErrNoList) {
					for _, k := range []Key{key(SubjectAdmin), key(alice), key(bob), numbered(0), numbered(1)} {
						_, _ = keyringOver(t, dir, backend).Get(t.Context(), k)
					}
				}
				var want []string
				for _, name := range names(t, backend) {
					if k, isManifest := keyOf(name); isManifest && k.isPair() {
						want = append(want, k.Subject)
					}
				}
				slices.Sort(want)
				wanted := strings.Join(want, " ")
				if before, found := strings.CutSuffix(wanted, " admin"); found {
					wanted = "admin " + before
				}
				for range 2 {
					if got := subjects(t, dir, backend); got != wanted {
						t.Errorf("listed: %q, want %q", got, wanted)
					}
				}
			})
		})
	}
}

// A process may be killed between the write to the keyring and the write of the index: what was
// begun is looked up, on every platform.
func TestAWriteWhoseIndexWasCutShortIsLookedUp(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, s Store)
		want   []Entry
	}{
		"a new pair": {
			func(t *testing.T, s Store) { mustPut(t, s, Item{key(bob), pair("new", long)}) },
			[]Entry{entry(key(alice), pair("x", short)), entry(key(bob), pair("new", long))},
		},
		"a renewed pair": {
			func(t *testing.T, s Store) { mustPut(t, s, Item{key(alice), later(pair("new", long))}) },
			[]Entry{entry(key(alice), later(pair("new", long)))},
		},
		"a removed pair": {
			func(t *testing.T, s Store) {
				if err := s.Delete(t.Context(), key(alice)); err != nil {
					t.Fatal(err)
				}
			},
			[]Entry{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachKeyring(t, platforms, func(t *testing.T, backend Backend) {
				dir := t.TempDir()
				mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)})
				subjects(t, dir, backend)
				watched := &watching{Backend: backend, path: filepath.Join(dir, "keyring.index")}
				c.change(t, keyringOver(t, dir, watched))
				spoil(t, dir, watched.seen) // as the index was while the keyring was written
				got, err := keyringOver(t, dir, backend).List(t.Context(), "prod")
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%v\n got %v\nwant %v", err, got, c.want)
				}
				if text, err := os.ReadFile(filepath.Join(dir, "keyring.index")); err != nil ||
					strings.Contains(string(text), "unsure") {
					t.Errorf("the index was not repaired: %s, %v", text, err)
				}
			})
		})
	}
}

// later is a record that was issued a day later.
func later(r Record) Record {
	r.IssuedAt, r.ExpiresAt = r.IssuedAt.AddDate(0, 0, 1), r.ExpiresAt.AddDate(0, 0, 1)
	return r
}

// watching is a keyring that looks, at each change, at what a file has in it.
type watching struct {
	Backend
	path, seen string
}

func (w *watching) look() {
	data, _ := os.ReadFile(w.path)
	w.seen = string(data)
}

func (w *watching) Set(service, user, secret string) error {
	w.look()
	return w.Backend.Set(service, user, secret)
}

func (w *watching) Delete(service, user string) error {
	w.look()
	return w.Backend.Delete(service, user)
}

// As long as nothing has come or gone, a list takes one call of the keyring and no secret, however
// many are in it; after that, each that has come behind the index's back is read once.
func TestAListReadsNoSecretThatItKnows(t *testing.T) {
	eachKeyring(t, windows, func(t *testing.T, backend Backend) {
		many := 1000
		if _, isReal := backend.(within); isReal {
			many = 50 // for the sake of time; BenchmarkRealKeyringList1000 has the thousand
		}
		dir, seen := t.TempDir(), &counting{Backend: backend}
		chunks := (many + 2 + itemsAtOnce - 1) / itemsAtOnce
		mustPut(t, keyringOver(t, dir, backend), users(many)...)
		list := func(want, items, users, gets int) {
			t.Helper()
			*seen = counting{Backend: backend}
			if got, err := keyringOver(t, dir, seen).List(t.Context(), "prod"); err != nil || len(got) != want {
				t.Fatal(len(got), err)
			}
			if seen.items != items || seen.users != users || seen.gets != gets {
				t.Errorf("%d searches, %d questions for whom items are, %d secrets; want %d, %d, %d", seen.items, seen.users,
					seen.gets, items, users, gets)
			}
		}
		list(many, 2, (many+itemsAtOnce-1)/itemsAtOnce, 0) // the first survey
		list(many, 1, 0, 0)
		mustPut(t, keyringOver(t, dir, backend), Item{key(bob), pair("x", short)})
		list(many+1, 2, chunks, 0)
		list(many+1, 1, 0, 0)
		alter(t, backend, func(m map[string]string) { m["prod/"+alice] = itemText(key(alice), pair("x", short)) })
		list(many+2, 2, chunks, 1)
		list(many+2, 1, 0, 0)
	})
}

// counting is a keyring, for one goroutine, that counts what it is asked for.
type counting struct {
	Backend
	items, users, gets int
}

func (c *counting) Items(ctx context.Context, service string) ([]string, error) {
	c.items++
	return c.Backend.Items(ctx, service)
}

func (c *counting) Users(ctx context.Context, service string, items []string) ([]string, error) {
	c.users++
	return c.Backend.Users(ctx, service, items)
}

func (c *counting) Get(service, user string) (string, error) {
	c.gets++
	return c.Backend.Get(service, user)
}

// A pair that is damaged is there: it is listed, so that `auth logout --all` and `profile remove`
// get at it.
func TestADamagedPairThatTheIndexHasLostIsListed(t *testing.T) {
	eachKeyring(t, map[string]func() *fake{"no limit": newFake, "Windows": windowsFake},
		func(t *testing.T, backend Backend) {
			dir := t.TempDir()
			mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)}, Item{key(bob), pair("x", short)})
			alter(t, backend, func(m map[string]string) { m["prod/"+alice] = "{" })
			spoil(t, dir, "")
			got, err := keyringOver(t, dir, backend).List(t.Context(), "prod")
			if want := []Entry{{Key: key(alice)}, entry(key(bob), pair("x", short))}; err != nil || !slices.Equal(got, want) {
				t.Errorf("%v\n got %v\nwant %v", err, got, want)
			}
			if err := keyringOver(t, dir, backend).Delete(t.Context(), got[0].Key); err != nil {
				t.Fatal(err)
			}
			if got := subjects(t, dir, backend); got != bob {
				t.Errorf("listed: %q", got)
			}
		})
}

// What cannot be written down is listed anyway.
func TestAnIndexThatCannotBeRepairedDoesNotStopTheList(t *testing.T) {
	dir, backend := t.TempDir(), newFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)})
	spoil(t, dir, "")
	if err := errors.Join(os.Remove(filepath.Join(dir, keyringLock)),
		os.Mkdir(filepath.Join(dir, keyringLock), 0o700)); err != nil {
		t.Fatal(err)
	}
	if got := subjects(t, dir, backend); got != alice {
		t.Errorf("listed: %q", got)
	}
}

// A list that meets what others write just then is of before or after, and what it leaves behind is
// of after.
func TestListsBesideWritersEndInTheTruth(t *testing.T) {
	eachKeyring(t, windows, func(t *testing.T, backend Backend) {
		dir := t.TempDir()
		var all sync.WaitGroup
		for n := range 3 {
			all.Go(func() {
				for round := range 4 {
					mustPutItem(t, keyringOver(t, dir, backend), Item{numbered(10*n + round), pair("x", short)})
					if _, err := keyringOver(t, dir, backend).List(t.Context(), "prod"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got, err := keyringOver(t, dir, backend).List(t.Context(), "prod"); err != nil || len(got) != 12 {
			t.Errorf("%d of 12 are listed, %v", len(got), err)
		}
	})
}

func TestALostIndexIsRebuiltAsFarAsThePlatformCan(t *testing.T) {
	for platform, c := range map[string]struct {
		backend          *fake
		byList, byAPut   string
		byReadingTheRest string
	}{
		"a keyring with a list": {windowsFake(), "admin " + alice, "admin " + alice + " " + bob,
			"admin " + alice + " " + bob},
		"a keyring without one": {macFake(), "admin", "admin " + bob, "admin " + alice + " " + bob},
	} {
		t.Run(platform, func(t *testing.T) {
			dir := t.TempDir()
			mustPut(t, keyringOver(t, dir, c.backend), Item{key(SubjectAdmin), pair("x", long)},
				Item{key(alice), pair("x", short)},
				Item{key(SubjectInstanceKey), pair("x", short)})
			spoil(t, dir, "")
			if got := subjects(t, dir, c.backend); got != c.byList {
				t.Errorf("List: %q, want %q", got, c.byList)
			}
			mustPut(t, keyringOver(t, dir, c.backend), Item{key(bob), pair("x", short)})
			if got := subjects(t, dir, c.backend); got != c.byAPut {
				t.Errorf("after a Put: %q, want %q", got, c.byAPut)
			}
			wantRecord(t, keyringOver(t, dir, c.backend), key(alice), pair("x", short))
			if got := subjects(t, dir, c.backend); got != c.byReadingTheRest {
				t.Errorf("after a Get: %q, want %q", got, c.byReadingTheRest)
			}
		})
	}
}

// A Put that finds the index damaged must not make a new one that knows only what was put.
func TestAPutRebuildsALostIndexToo(t *testing.T) {
	dir, backend := t.TempDir(), newFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)})
	spoil(t, dir, "x")
	mustPut(t, keyringOver(t, dir, backend), Item{key(bob), pair("x", short)})
	if got := subjects(t, dir, backend); got != alice+" "+bob {
		t.Errorf("listed: %q", got)
	}
}

// The records themselves are all right, so only the list fails.
func TestAnIndexThatCannotBeReadStopsTheListAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "keyring.index"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := keyringOver(t, dir, newFake())
	mustPut(t, s, Item{key(alice), pair("x", short)})
	wantRecord(t, s, key(alice), pair("x", short))
	_, err := s.List(t.Context(), "prod")
	wantBroken(t, err, ErrUnavailable, "the index of the keyring cannot be read", ReasonUnreadable)
}

// framedIndex is the file of an index with some entries.
func framedIndex(entries string) string {
	return string(atomicfile.Frame(indexKind, indexVersion, []byte(entries)))
}

// itemText is a record as it is written to one item of a keyring.
func itemText(k Key, r Record) string {
	whole, _ := json.Marshal(toJSON(r))
	text, _ := json.Marshal(manifest{Version: itemVersion, Sum: recordSum(k, string(whole)), Record: whole})
	return string(text)
}

func spoil(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "keyring.index"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
