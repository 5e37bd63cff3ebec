//go:build windows || darwin

package tokenstore

import "testing"

// hasReal is false: the keyrings of these platforms need a person signed in.
func hasReal() bool { return false }

func realKeyring(t testing.TB) Backend {
	t.Helper()
	t.Fatal("no keyring to test with")
	return nil
}

// moreChildOptions has no more, as above.
func moreChildOptions(kind, _ string) Options { return Options{Kind: kind} }
