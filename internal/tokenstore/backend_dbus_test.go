//go:build !windows && !darwin

package tokenstore

func moreChildOptions(kind, _ string) Options { return Options{Kind: kind} }
