package auth_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// What the token source adds to a call when the token is good, by kind of store; the call itself
// costs nothing here.
func BenchmarkGoodToken(b *testing.B) {
	w := newWorld(b)
	keyring := &counted{items: map[string]string{}}
	for name, o := range map[string]tokenstore.Options{
		"memory":  {Kind: tokenstore.KindMemory},
		"keyring": {Kind: tokenstore.KindKeyring, Dir: filepath.Join(w.dir, "keyring"), Backend: keyring},
		"file": {Kind: tokenstore.KindFile, Dir: filepath.Join(w.dir, "sealed"),
			Passphrase: func(context.Context) (secret.String, error) {
				return secret.New("a passphrase"), nil
			}},
	} {
		b.Run(name, func(b *testing.B) {
			store, err := tokenstore.Open(o)
			if err != nil {
				b.Fatal(err)
			}
			s := w.signedIn(b, store)
			if o.Kind != tokenstore.KindMemory { // a process that finds the pair, and has not stored it
				if s.Store, err = tokenstore.Open(o); err != nil {
					b.Fatal(err)
				}
			}
			keyring.reads = 0
			_, err = s.Token(b.Context(), auth.Admin) // the first one opens and reads
			mustDo(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Token(b.Context(), auth.Admin); err != nil {
					b.Fatal(err)
				}
			}
			if o.Backend != nil && keyring.reads != 1 {
				b.Errorf("%d calls have read the keyring %d times", b.N, keyring.reads)
			}
		})
	}
}

// However many calls a process makes, the keyring is read for the first alone.
func TestAGoodTokenIsReadFromTheKeyringOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keyring := &counted{items: map[string]string{}}
	o := tokenstore.Options{Kind: tokenstore.KindKeyring, Dir: filepath.Join(w.dir, "keyring"), Backend: keyring}
	store, err := tokenstore.Open(o)
	mustDo(t, err)
	s := w.signedIn(t, store)
	s.Store, err = tokenstore.Open(o)
	mustDo(t, err)
	keyring.reads = 0
	for range 100 {
		_, err := s.Token(t.Context(), auth.Admin)
		mustDo(t, err)
	}
	if keyring.reads != 1 {
		t.Errorf("100 calls have read the keyring %d times", keyring.reads)
	}
}

// signedIn is a source over a store, in which the admin is.
func (w *world) signedIn(t testing.TB, store tokenstore.Store) *auth.Source {
	t.Helper()
	options := w.options()
	options.Store, options.Guard.Ignore = store, true
	s := auth.New(options)
	if _, err := s.LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword)); err != nil {
		t.Fatal(err)
	}
	return s
}

// counted is a keyring in memory, for one goroutine, that counts how often it is read.
type counted struct {
	tokenstore.Backend // of which nothing is asked
	items              map[string]string
	reads              int
}

func (c *counted) Get(_, user string) (string, error) {
	c.reads++
	if text, there := c.items[user]; there {
		return text, nil
	}
	return "", tokenstore.ErrNotFound
}

func (c *counted) Set(_, user, text string) error {
	c.items[user] = text
	return nil
}

func (c *counted) Delete(_, user string) error {
	delete(c.items, user)
	return nil
}

func (*counted) Limit(string, string) int { return 0 }

func (*counted) Items(context.Context, string) ([]string, error) { return nil, tokenstore.ErrNoList }

func (*counted) State(context.Context) error { return nil }
