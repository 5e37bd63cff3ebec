package input

import (
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// longestValue is how many characters of a wrong value a Mistake shows.
const longestValue = 80

// What the columns are called that hold secrets. None is a field, but an export of
// another program may have them.
const secretNames = `passw(or)?d|passphrase|secret|(instance|api)[ _-]?key|` +
	`(access|refresh)[ _-]?token|jwt|authorization`

var (
	secretName   = lazyregexp.New(`(?i)` + secretNames)
	secretMember = lazyregexp.New(`(?i)("[^"]*(?:` + secretNames + `)[^"]*"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^",}\s]+)`)
)

// redact returns a value as a Mistake may show it: without secrets, and cut to a length
// that can be read.
func redact(column, value string) string {
	if secretName.MatchString(column) {
		return secret.Redacted
	}
	value = redactJWT(value)
	n := 0
	for at := range value {
		if n++; n > longestValue {
			return value[:at] + "…"
		}
	}
	return value
}

// redactJWT takes out what has the shape of one.
func redactJWT(text string) string {
	var nothingKnown *secret.Redactor
	return nothingKnown.Redact(text)
}

// redactObject is the text of a JSON row without the members that hold secrets.
func redactObject(text string) string {
	return secretMember.Get().ReplaceAllString(text, `${1}"`+secret.Redacted+`"`)
}
