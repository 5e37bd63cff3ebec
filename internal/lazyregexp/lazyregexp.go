// Package lazyregexp compiles a package's regular expressions when they are first used,
// so that commands that do not need them do not wait for them at start-up. It imports
// nothing of the project, and every room may import it.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression that is compiled on first use. It is safe for use by
// many goroutines.
type Regexp struct{ compiled func() *regexp.Regexp }

// New returns the expression; an invalid one panics when it is first used, so a test must use it.
func New(text string) *Regexp {
	return &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// Get returns the compiled expression.
func (r *Regexp) Get() *regexp.Regexp { return r.compiled() }

// MatchString reports whether a text matches.
func (r *Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }
