package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

var update = flag.Bool("update", false, "rewrite the golden files of the formats")

// golden compares what was written with a file of testdata; -update rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the format of %s has changed (go test ./internal/tokenstore -update):\n%s\nwant\n%s (%v)", name,
			got, want, err)
	}
}

// sample is a record of which every member is set.
func sample() Record {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	return Record{
		Access: secret.New("an access token"), Refresh: secret.New("a refresh token"), Value: secret.New("a value"),
		IssuedAt: at, ExpiresAt: at.Add(time.Hour), Host: "https://user.example.com",
		InstanceID: "1f0e3dad-9990-4a6b-8d3c-7b2a1c0e9f55",
	}
}

// What is on the disk is pinned: whoever changes it changes its version too. What was written with
// these files is read.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true}), Item{key(alice), sample()})
	golden(t, plainName, content(t, dir, plainName))
	backend := windowsFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), sample()})
	golden(t, "keyring.index", content(t, dir, "keyring.index"))
	golden(t, "keyring.item", []byte(backend.items["telematicsctl:prod/"+alice]))
	if err := (Usage{Dir: dir}).Note(t.Context(), "prod", KindKeyring); err != nil {
		t.Fatal(err)
	}
	golden(t, "stores.state", content(t, dir, "stores.state"))

	// Encryption is never twice the same: the file was made once, and is opened.
	encrypted, err := os.ReadFile(filepath.Join("testdata", encryptedName))
	if *update {
		mustPut(t, openEncrypted(t, dir, "a passphrase"), Item{key(alice), sample()})
		encrypted = content(t, dir, encryptedName)
		err = os.WriteFile(filepath.Join("testdata", encryptedName), encrypted, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, encryptedName), encrypted, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantRecord(t, openEncrypted(t, dir, "a passphrase"), key(alice), sample())
}

// Whatever byte of a file or an item is changed or lost: the record comes back as it was, or an
// error says that it is damaged.
func TestAFlippedByteIsNeverActedUpon(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true}), Item{key(alice), sample()})
	mustPut(t, openEncrypted(t, dir, "a passphrase"), Item{key(alice), sample()})
	backend := windowsFake()
	mustPut(t, keyringOver(t, dir, backend), Item{key(alice), sample()})
	const item = "telematicsctl:prod/" + alice
	whole := backend.items[item]

	inKeyring := func(text []byte) (Record, error) {
		backend.items[item] = string(text)
		return keyringOver(t, dir, backend).Get(t.Context(), key(alice))
	}
	inFile := func(name string, s func() Store) func([]byte) (Record, error) {
		return func(text []byte) (Record, error) {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
			return s().Get(t.Context(), key(alice))
		}
	}
	for name, c := range map[string]struct {
		good []byte
		read func([]byte) (Record, error)
	}{
		"keyring item": {[]byte(whole), inKeyring},
		plainName: {content(t, dir, plainName), inFile(plainName, func() Store {
			return mustOpen(t, Options{Kind: KindFile, Dir: dir, Plain: true})
		})},
		encryptedName: {content(t, dir, encryptedName), inFile(encryptedName, func() Store {
			return openEncrypted(t, dir, "a passphrase")
		})},
	} {
		// Every byte of what is short; of the file that costs a passphrase, whose frame
		// holds all of it to one checksum, every ninth.
		step := 1
		if name == encryptedName {
			step = 9
		}
		for i := 0; i < len(c.good); i += step {
			for _, bad := range [][]byte{
				slices.Concat(c.good[:i], []byte{c.good[i] ^ 1}, c.good[i+1:]),
				slices.Concat(c.good[:i], []byte{c.good[i] ^ 0x20}, c.good[i+1:]),
				slices.Concat(c.good[:i], c.good[i+1:]), c.good[:i],
			} {
				r, err := c.read(bad)
				refused := errors.Is(err, ErrDamaged) || failure.HasReason(err, ReasonNewer)
				if !refused && (err != nil || r != sample()) {
					t.Fatalf("%s: byte %d: %v", name, i, err)
				}
			}
		}
	}
}

func TestANewerVersionIsSaidToBeOne(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		plainName:     atomicfile.Frame("tokens", recordsVersion+1, []byte("{}")),
		encryptedName: atomicfile.Frame(encryptedKind, recordsVersion+1, []byte("x\ny")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backend := newFake()
	backend.items["telematicsctl:prod/"+alice] = `{"v":2,"record":"in another form"}`
	stores := files(t, dir)
	stores["keyring"] = keyringOver(t, dir, backend)
	for name, s := range stores {
		_, err := s.Get(t.Context(), key(alice))
		if !failure.HasReason(err, ReasonNewer) || !strings.Contains(err.Error(), "written by a newer version") ||
			errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The stores of a profile are remembered as long as it may have something in them; a damaged file
// means all of them.
func TestUsage(t *testing.T) {
	ctx, u := context.Background(), Usage{Dir: t.TempDir()}
	want := func(profile string, kinds ...string) {
		t.Helper()
		if got, err := u.Kinds(profile); err != nil || !slices.Equal(got, kinds) {
			t.Errorf("%s: %v, %v, want %v", profile, got, err, kinds)
		}
	}
	want("prod")
	s := Noted(mustOpen(t, Options{Kind: KindFile, Dir: u.Dir, Plain: true}), u)
	mustPut(t, s, Item{key(alice), pair("x", short)}, Item{Key{Profile: "test", Subject: SubjectAdmin}, pair("x", short)})
	for range 2 {
		if err := u.Note(ctx, "prod", KindKeyring); err != nil {
			t.Fatal(err)
		}
	}
	want("prod", KindFile, KindKeyring)
	want("test", KindFile)
	if err := u.Clear(ctx, "prod", KindKeyring); err != nil {
		t.Fatal(err)
	}
	want("prod", KindKeyring)
	if err := u.Clear(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	want("prod")
	good := content(t, u.Dir, "stores.state")
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(u.path(), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		want("prod", KindFile, KindKeyring)
	}
	if err := u.Note(ctx, "prod", KindFile); err != nil || u.Clear(ctx, "prod") != nil {
		t.Error(err)
	}
}

// What a store holds for a profile can be had whole, and removed whole; other profiles keep theirs.
func TestContentsAndEmpty(t *testing.T) {
	ctx := context.Background()
	eachStore(t, func(t *testing.T, open opener) {
		s := open()
		items := []Item{
			{key(SubjectAdmin), pair("a", short)}, {key(SubjectInstanceKey), Record{Value: secret.New("k")}},
			{key(SubjectIdentityKey), Record{Value: secret.New("i")}},
			{key(SubjectAdminPassword), Record{Value: secret.New("p")}}, {key(alice), pair("b", long)},
		}
		other := Key{Profile: "test", Subject: SubjectAdmin}
		mustPut(t, s, append(items, Item{other, pair("c", short)})...)
		if got, err := Contents(ctx, s, "prod"); err != nil || len(got) != len(items) {
			t.Errorf("%d, %v", len(got), err)
		}
		if err := Empty(ctx, s, "prod"); err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			wantNothing(t, s, item.Key)
		}
		if _, err := s.Get(ctx, other); err != nil {
			t.Error(err)
		}
	})
}
