//go:build windows || darwin

package tokenstore

// moreChildOptions has no more: the keyrings of these platforms need a person signed in.
func moreChildOptions(kind, _ string) Options { return Options{Kind: kind} }
