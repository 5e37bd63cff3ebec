package tokenstore

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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
	mustPut(t, keyringOver(t, dir, newFake()), Item{key(alice), pair("hidden", short)}, Item{key(SubjectInstanceKey), pair("hidden", short)})
	path := filepath.Join(dir, "keyring.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); strings.Contains(text, "hidden") || !strings.Contains(text, alice) || strings.Contains(text, SubjectInstanceKey) {
		t.Errorf("the index is %s", text)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAMissingEntryIsMendedByReading(t *testing.T) {
	dir, backend := t.TempDir(), newFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)}, Item{key(bob), pair("x", short)})
	spoil(t, dir, `{"prod":{"`+bob+`":{}}}`)
	if got := subjects(t, dir, backend); got != bob {
		t.Fatalf("the spoiled index lists %q", got)
	}
	for _, k := range []Key{key(alice), key(bob)} {
		if _, err := keyringOver(t, dir, backend).Get(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := keyringOver(t, dir, backend).List(t.Context(), "prod")
	if err != nil || len(entries) != 2 || entries[0] != entry(key(alice), pair("x", short)) || entries[1] != entry(key(bob), pair("x", short)) {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestAStaleEntryIsDroppedByReading(t *testing.T) {
	dir, backend := t.TempDir(), newFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", short)}, Item{key(bob), pair("x", short)})
	delete(backend.items, "telematicsctl:prod/"+alice) // as a person does, by the desktop's own program
	wantNothing(t, keyringOver(t, dir, backend), key(alice))
	if got := subjects(t, dir, backend); got != bob {
		t.Errorf("listed: %q", got)
	}
}

func TestALostIndexIsRebuilt(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"missing":  func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, "keyring.json")) },
		"damaged":  func(t *testing.T, dir string) { spoil(t, dir, `{"prod":{"adm`) },
		"empty":    func(t *testing.T, dir string) { spoil(t, dir, "") },
		"no index": func(t *testing.T, dir string) { spoil(t, dir, `["admin"]`) },
	} {
		for platform, c := range map[string]struct {
			backend          *fake
			byList, byAPut   string
			byReadingTheRest string
		}{
			"a keyring with a list": {windowsFake(), "admin " + alice, "admin " + alice + " " + bob, "admin " + alice + " " + bob},
			"a keyring without one": {macFake(), "admin", "admin " + bob, "admin " + alice + " " + bob},
		} {
			t.Run(name+", "+platform, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				mustPut(t, keyringOver(t, dir, c.backend), Item{key(SubjectAdmin), pair("x", long)}, Item{key(alice), pair("x", short)},
					Item{key(SubjectInstanceKey), pair("x", short)})
				harm(t, dir)
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
	if err := os.Mkdir(filepath.Join(dir, "keyring.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := keyringOver(t, dir, newFake())
	mustPut(t, s, Item{key(alice), pair("x", short)})
	wantRecord(t, s, key(alice), pair("x", short))
	_, err := s.List(t.Context(), "prod")
	wantBroken(t, err, ErrUnavailable, "the index of the keyring cannot be read", "make it readable")
}

func spoil(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "keyring.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
