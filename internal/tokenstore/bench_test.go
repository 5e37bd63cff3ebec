package tokenstore

import (
	"testing"
)

// openCostly opens a encrypted file with the work that users pay.
func openCostly(b testing.TB, dir string) Store {
	b.Helper()
	return mustOpen(b, Options{Kind: KindFile, Dir: dir, Passphrase: answer("a passphrase")})
}

// BenchmarkList1000 lists 1,000 stored users as `token list` does: a new process's store, opened,
// read and listed.
func BenchmarkList1000(b *testing.B) {
	dir, backend := b.TempDir(), newFake()
	for name, open := range map[string]opener{
		"sealed":  func() Store { return openCostly(b, dir) },
		"plain":   func() Store { return mustOpen(b, Options{Kind: KindFile, Dir: dir, Plain: true}) },
		"keyring": func() Store { return keyringOver(b, dir, backend) },
	} {
		mustPut(b, open(), users(1000)...)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, err := open().List(b.Context(), "prod"); err != nil || len(got) != 1000 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// BenchmarkPutAmong1000 is one rotation in a store that holds 1,000 users and is open.
func BenchmarkPutAmong1000(b *testing.B) {
	dir, backend := b.TempDir(), newFake()
	for name, s := range map[string]Store{
		"sealed": openCostly(b, dir), "keyring": keyringOver(b, dir, backend),
	} {
		mustPut(b, s, users(1000)...)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mustPut(b, s, Item{key(alice), pair("x", 1500)})
			}
		})
	}
}

// BenchmarkOpen is what the encrypted file costs a process before its first token.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	mustPut(b, openCostly(b, dir), users(1)...)
	for b.Loop() {
		if _, err := openCostly(b, dir).Get(b.Context(), numbered(0)); err != nil {
			b.Fatal(err)
		}
	}
}
