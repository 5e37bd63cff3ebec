package tokenstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

func TestAWrongPassphraseIsReportedAndDestroysNothing(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, openEncrypted(t, dir, "right"), Item{key(alice), pair("x", short)})
	before := content(t, dir, "tokens.age")
	for name, err := range every(t, openEncrypted(t, dir, "wrong")) {
		t.Log(name)
		wantBroken(t, err, ErrPassphrase, "the passphrase does not open the token file "+filepath.Join(dir, "tokens.age"),
			ReasonPassphrase)
	}
	if !bytes.Equal(before, content(t, dir, "tokens.age")) {
		t.Error("the file was changed")
	}
	wantRecord(t, openEncrypted(t, dir, "right"), key(alice), pair("x", short))
}

func TestThePassphraseIsAskedForOnceAndOnlyWhenNeeded(t *testing.T) {
	dir := t.TempDir()
	asked := 0
	o := Options{Kind: KindFile, Dir: dir, Passphrase: func(context.Context) (secret.String, error) {
		asked++
		return secret.New("a passphrase"), nil
	}}
	s := mustOpen(t, o)
	wantNothing(t, s, key(alice))
	if _, err := s.List(t.Context(), "prod"); err != nil || s.Delete(t.Context(), key(alice)) != nil {
		t.Fatal(err)
	}
	if asked != 0 {
		t.Error("asked where there is not a file yet")
	}
	mustPut(t, s, Item{key(alice), pair("x", short)})
	mustPut(t, s, Item{key(bob), pair("x", short)})
	if err := s.Check(t.Context()); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// The passphrase that seals a file is another question than the one that opens it: only a mistyped
// answer to the first does harm.
func TestANewFilesPassphraseIsAskedForAsSuch(t *testing.T) {
	var asked []string
	ask := func(which string) func(context.Context) (secret.String, error) {
		return func(context.Context) (secret.String, error) {
			asked = append(asked, which)
			return secret.New("a passphrase"), nil
		}
	}
	o := Options{Kind: KindFile, Dir: t.TempDir(), Passphrase: ask("old"), NewPassphrase: ask("new")}
	first := mustOpen(t, o)
	mustPut(t, first, Item{key(alice), pair("x", short)})
	mustPut(t, first, Item{key(bob), pair("x", short)})
	if _, err := mustOpen(t, o).Get(t.Context(), key(alice)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"new", "old"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestWithoutAPassphraseTheEnvironmentVariableIsNamed(t *testing.T) {
	noInput := errors.New("a passphrase is needed, and nobody can be asked")
	for name, c := range map[string]struct {
		ask     func(context.Context) (secret.String, error)
		message string
	}{
		"none": {nil, "needs a passphrase, and none was given"},
		"empty": {func(context.Context) (secret.String, error) {
			return secret.String{}, nil
		}, "needs a passphrase, and none was given"},
		"refused": {func(context.Context) (secret.String, error) { return secret.String{}, noInput }, noInput.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			asked := 0
			o := Options{Kind: KindFile, Dir: dir}
			if c.ask != nil {
				o.Passphrase = func(ctx context.Context) (secret.String, error) {
					asked++
					return c.ask(ctx)
				}
			}
			s := mustOpen(t, o)
			wantBroken(t, s.Check(t.Context()), ErrPassphrase, c.message, ReasonNoPassphrase)
			wantBroken(t, s.Put(t.Context(), Item{key(alice), pair("x", short)}), ErrPassphrase, c.message, ReasonNoPassphrase)
			if c.ask != nil && asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("made: %v", left)
			}
		})
	}
}

func TestACanceledPassphraseIsAskedForAgain(t *testing.T) {
	interrupted := true
	s := mustOpen(t, Options{Kind: KindFile, Dir: t.TempDir(), Passphrase: func(context.Context) (secret.String, error) {
		if interrupted {
			return secret.String{}, context.Canceled
		}
		return secret.New("a passphrase"), nil
	}})
	if err := s.Check(t.Context()); !failure.Is(err, failure.Interrupted) {
		t.Errorf("got %v", err)
	}
	interrupted = false
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

// Another process may have replaced the file, under another passphrase.
func TestAFileReplacedByAnotherProcessIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	mine := openEncrypted(t, dir, "mine")
	mustPut(t, mine, Item{key(alice), pair("x", short)})
	if err := os.Remove(filepath.Join(dir, "tokens.age")); err != nil {
		t.Fatal(err)
	}
	mustPut(t, openEncrypted(t, dir, "theirs"), Item{key(bob), pair("x", short)})
	before := content(t, dir, "tokens.age")
	_, err := mine.Fresh(t.Context(), key(alice))
	wantBroken(t, err, ErrPassphrase, "the passphrase does not open", "")
	wantBroken(t, mine.Put(t.Context(), Item{key(alice), pair("x", short)}), ErrPassphrase,
		"the passphrase does not open", "")
	if !bytes.Equal(before, content(t, dir, "tokens.age")) {
		t.Error("the other's file was changed")
	}
}

func TestAPassphraseCostsWorkToGuess(t *testing.T) {
	dir := t.TempDir()
	mustPut(t, mustOpen(t, Options{Kind: KindFile, Dir: dir, Passphrase: answer("a passphrase")}),
		Item{key(alice), pair("x", short)})
	line := bytes.Split(content(t, dir, "tokens.age"), []byte("\n"))[1]
	wrapped, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		t.Fatal(err)
	}
	stanza := strings.Fields(strings.Split(string(wrapped), "\n")[1])
	if len(stanza) != 4 || stanza[1] != "scrypt" || stanza[3] != "14" {
		t.Errorf("the key is sealed by %q", stanza)
	}
}

// The factor stands in the file: one that was made with another is opened, and stays as it is when
// it is written.
func TestAFileOfAnotherWorkFactorIsOpened(t *testing.T) {
	for _, work := range []int{10, 15} {
		dir := t.TempDir()
		s := openEncrypted(t, dir, "a passphrase")
		s.(*fileStore).codec.(*encryptedCodec).work = work
		mustPut(t, s, Item{key(alice), pair("x", short)})
		s = openEncrypted(t, dir, "a passphrase")
		wantRecord(t, s, key(alice), pair("x", short))
		mustPut(t, s, Item{key(bob), pair("y", short)})
		wantRecord(t, openEncrypted(t, dir, "a passphrase"), key(alice), pair("x", short))
	}
}
