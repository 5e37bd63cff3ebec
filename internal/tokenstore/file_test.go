package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// content reads a file of the store.
func content(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// files opens a store of each kind of file.
func files(t *testing.T, dir string) map[string]Store {
	return map[string]Store{
		"tokens.plain": mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true}),
		"tokens.age":   openEncrypted(t, dir, "a passphrase"),
	}
}

func TestTheFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	for name, s := range files(t, dir) {
		mustPut(t, s, Item{key(alice), pair("x", short)})
		mustPut(t, s, Item{key(bob), pair("x", short)})
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestTheEncryptedFileShowsNothing(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, openEncrypted(t, dir, "a passphrase"), Item{key(alice), pair("hidden", short)})
	for _, word := range []string{"hidden", alice, "prod", "telematicssdk", "a passphrase", "AGE-SECRET-KEY"} {
		if bytes.Contains(content(t, dir, "tokens.age"), []byte(word)) {
			t.Errorf("the file shows %q", word)
		}
	}
}

// Of what `token list` takes among 1,000 users, the passphrase is most: reading and opening their
// records adds a quarter, and never as much again. (BenchmarkList1000 has the times; this holds on
// a slow machine too.)
func TestListing1000UsersCostsLittleMoreThanThePassphrase(t *testing.T) {
	many, one := t.TempDir(), t.TempDir()
	mustPut(t, openCostly(t, many), users(1000)...)
	mustPut(t, openCostly(t, one), users(1)...)
	list := func(dir string, want int) time.Duration {
		begun := time.Now()
		if got, err := openCostly(t, dir).List(t.Context(), "prod"); err != nil || len(got) != want {
			t.Fatal(len(got), err)
		}
		return time.Since(begun)
	}
	most := time.Duration(2)
	if withRaceDetector {
		most = 6
	}
	// Others use the machine too: the quickest of some, and of more where that says too much.
	ofMany, ofOne := time.Hour, time.Hour
	for round := 0; round < 3 || round < 50 && ofMany > most*ofOne; round++ {
		ofMany, ofOne = min(ofMany, list(many, 1000)), min(ofOne, list(one, 1))
	}
	if ofMany > most*ofOne {
		t.Errorf("a list of 1,000 users took %v, and %v of that for the passphrase", ofMany, ofOne)
	}
}

func TestDamageIsNotTakenForAWrongPassphrase(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, openEncrypted(t, dir, "right"), Item{key(alice), pair("x", short)})
	good := content(t, dir, "tokens.age")
	lines := bytes.SplitN(good, []byte("\n"), 3)
	second, third := len(lines[0])+1, len(lines[0])+len(lines[1])+2
	flipped := func(at int) []byte {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		return bad
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "one line": good[:second-1], "no records": good[:third], "half of the key": good[:second+40],
		"half of the records": good[:third+400],
		"another beginning":   flipped(0), "another checksum": flipped(second - 3), "another key": flipped(second + 200),
		"no Base64":      flipped(second + 2),
		"another header": flipped(third + 60), "another record": flipped(len(good) - 20),
		"more at the end": append(bytes.Clone(good), 'x'),
		"a plain file":    []byte(`{"prod":{}}`), "another program's": []byte("age-encryption.org/v1\n-> X25519\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "tokens.age")
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, err := range every(t, openEncrypted(t, dir, "right")) {
				wantBroken(t, err, ErrDamaged, "the token file "+path+" is damaged", ReasonFileDamaged)
			}
			if !bytes.Equal(bad, content(t, dir, "tokens.age")) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestADamagedPlainFileIsLeftAsItIs(t *testing.T) {
	for _, bad := range []string{"", "null", "{", `{"prod":[]}`, `{"prod":{"admin":{"a":7}}}`,
		`{"prod":{"admin":{"exp":"soon"}}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokens.plain"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range every(t, mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true})) {
			wantBroken(t, err, ErrDamaged, "tokens.plain is damaged", ReasonFileDamaged)
		}
		if got := content(t, dir, "tokens.plain"); string(got) != bad {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestAnUnreadableFileIsNotAnEmptyFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tokens.plain", "tokens.age"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range files(t, dir) {
		for _, err := range every(t, s) {
			wantBroken(t, err, ErrUnavailable, "cannot be read: is a folder", ReasonUnreadable)
		}
	}
}

// counted counts how often a file is opened and sealed.
type counted struct {
	codec
	opened, sealed int
}

func (c *counted) open(ctx context.Context, data []byte) (records, error) {
	c.opened++
	return c.codec.open(ctx, data)
}

func (c *counted) seal(ctx context.Context, t records) ([]byte, error) {
	c.sealed++
	return c.codec.seal(ctx, t)
}

func TestAHundredRecordsAreOneWriteAndTheFileIsOpenedOnce(t *testing.T) {
	dir := t.TempDir()
	s := openEncrypted(t, dir, "a passphrase").(*fileStore)
	c := &counted{codec: s.codec}
	s.codec = c
	mustPut(t, s, users(100)...)
	if c.sealed != 1 {
		t.Errorf("sealed %d times", c.sealed)
	}
	mustPut(t, s, Item{key(alice), pair("x", short)})
	wantRecord(t, s, key(alice), pair("x", short))
	if err := s.Delete(t.Context(), key(bob)); err != nil {
		t.Fatal(err)
	}
	if c.opened != 0 || c.sealed != 2 {
		t.Errorf("a file that no one else changed was opened %d times and sealed %d times", c.opened, c.sealed)
	}
	again := openEncrypted(t, dir, "a passphrase").(*fileStore)
	c = &counted{codec: again.codec}
	again.codec = c
	for range 3 {
		if _, err := again.Get(t.Context(), key(alice)); err != nil {
			t.Fatal(err)
		}
		wantRecord(t, again, key(alice), pair("x", short))
	}
	if c.opened != 1 {
		t.Errorf("opened %d times", c.opened)
	}
}

func TestAHeldLockEndsInAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		held := flock.New(filepath.Join(dir, "tokens.plain.lock"))
		if err := held.Lock(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = held.Unlock() }()
		s := mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true})
		wantBroken(t, s.Put(t.Context(), Item{key(alice), pair("x", short)}), ErrUnavailable,
			"the token store cannot be locked", atomicfile.ReasonLockHeld)
		wantNothing(t, s, key(alice)) // reading waits for nobody
	})
}

func TestErrorsHoldNoSecret(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, openEncrypted(t, dir, "the-passphrase"), Item{key(alice), pair("hidden", short)})
	if err := os.WriteFile(filepath.Join(dir, "tokens.plain"),
		[]byte(`{"prod":{"admin":{"a":"hidden","exp":"hidden"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	backend := windowsFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("hidden", short)})
	for name, text := range backend.items {
		backend.items[name] = strings.Replace(text, `"iat":"`, `"iat":"hidden`, 1)
	}
	stores := files(t, dir)
	stores["keyring"] = keyringOver(t, dir, backend)
	stores["tokens.age"] = openEncrypted(t, dir, "not-the-passphrase")
	for name, s := range stores {
		_, err := s.Get(t.Context(), key(alice))
		if err == nil {
			t.Fatalf("%s: no error to look at", name)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "hidden") || strings.Contains(e.Error(), "the-passphrase") {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
}
