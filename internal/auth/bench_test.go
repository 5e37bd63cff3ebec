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

// What the token source adds to a call when the token is good, by kind of store; the call itself costs nothing here.
func BenchmarkGoodToken(b *testing.B) {
	w := newWorld(b)
	for name, o := range map[string]tokenstore.Options{
		"memory": {Kind: tokenstore.KindMemory},
		"file": {Kind: tokenstore.KindFile, Dir: filepath.Join(w.dir, "sealed"), Passphrase: func(context.Context) (secret.String, error) {
			return secret.New("a passphrase"), nil
		}},
	} {
		b.Run(name, func(b *testing.B) {
			store, err := tokenstore.Open(o)
			if err != nil {
				b.Fatal(err)
			}
			options := w.options()
			options.Store, options.Guard.Ignore = store, true
			s := auth.New(options)
			if _, err := s.LoginAdmin(b.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword)); err != nil {
				b.Fatal(err)
			}
			nothing := func(context.Context, secret.String) error { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Do(b.Context(), auth.Admin, nothing); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
