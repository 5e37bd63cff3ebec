package userservice

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// TokenTaken reports whether the service itself has refused a registration because its
// CustomToken belongs to a user already. How it says that is unpublished (assumed: 409, or 422
// with an entry or a title that says so of the token); a refusal for any other reason must not be
// taken for it. A 409 in the envelope that names nothing else is taken for it, as a registration
// can be in conflict with nothing else that is known.
func TokenTaken(err error) bool {
	var f *failure.Error
	if !errors.As(err,
		&f) || !f.Enveloped || (f.Status != http.StatusConflict && f.Status != http.StatusUnprocessableEntity) {
		return false
	}
	conflict := f.Status == http.StatusConflict
	for _, entry := range f.Fields {
		if namesToken(entry.Key[strings.LastIndex(entry.Key, ".")+1:]) { // "$.CustomToken" too
			return saysTaken(entry.Message) || (conflict && !saysOther(entry.Message))
		}
	}
	for _, entry := range f.Fields {
		if !namesOther(entry.Key) && tokenIsTaken(entry.Message, conflict) { // an entry for the user, or for nothing
			return true
		}
	}
	return len(f.Fields) == 0 && (tokenIsTaken(f.Title, conflict) || (conflict && isBare(f.Title)))
}

// tokenIsTaken reads a text that stands for no field: it must name the token, or at least, beside
// a 409, no other field.
func tokenIsTaken(text string, conflict bool) bool {
	return saysTaken(text) && !namesOther(text) && (conflict || namesToken(text))
}

func namesToken(text string) bool {
	t := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	return strings.Contains(t, "customtoken") || strings.Contains(t, "devicetoken")
}

// isBare reports whether a title says nothing but the status.
func isBare(title string) bool { return title == "" || strings.EqualFold(title, "Conflict") }

// namesOther reports whether a text is about a field besides the token, which may be the one that
// is taken.
func namesOther(text string) bool {
	return containsAny(text, "mail", "phone", "clientid", "client id", "name")
}

// takenWords are the ways to say that something belongs to somebody. "already" alone says
// nothing: a thing may be disabled already.
var takenWords = lazyregexp.New(`(?i)\b(taken|in use|exists?|duplicated?|(not|must be) unique|belongs to|` +
	`already (been )?(used|registered|assigned))\b`)

func saysTaken(text string) bool { return !saysOther(text) && takenWords.MatchString(text) }

// saysOther reports whether a text is about the token's form, about something that is not there,
// or about what may not be done at all.
func saysOther(text string) bool {
	return containsAny(text, "not valid", "not a valid", "invalid", "not exist", "n't exist", "not found",
		"not belong", "malformed",
		"format", "quota", "limit", "disabled", "not allowed", "not permitted")
}

func containsAny(text string, words ...string) bool {
	t := strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) })
}
