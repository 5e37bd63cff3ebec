package secret

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// Redactor redacts secrets in text: each value that was added, as it is and in either case,
// JSON-escaped, URL-escaped in whatever way, in Base64 (also as a part of something longer that
// was encoded), and whatever has a JWT's shape. It is safe for use by many goroutines.
type Redactor struct {
	mu    sync.RWMutex
	known map[String]bool
	forms []string // the ways in which the values may be written, besides those that spell finds
}

// shortestForm is the least length of an encoded form that is redacted: a shorter one is part of
// many a word. The value itself is redacted however short it is: a text that says too little is
// better than one that says a short password.
const shortestForm = 4

var jwtShape = lazyregexp.New(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}`)

// Add adds secrets to redact. An empty one is ignored.
func (k *Redactor) Add(secrets ...String) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[String]bool{}
	}
	for _, s := range secrets {
		if s.IsZero() || k.known[s] {
			continue
		}
		k.known[s] = true
		for _, form := range encoded(s.Reveal()) {
			if len(form) >= shortestForm {
				k.forms = append(k.forms, form)
			}
		}
	}
}

// encoded are the ways in which JSON and Base64 may write a value.
func encoded(v string) []string {
	all := []string{
		base64.StdEncoding.EncodeToString([]byte(v)), base64.URLEncoding.EncodeToString([]byte(v)),
		base64.RawURLEncoding.EncodeToString([]byte(v)),
	}
	for _, html := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if e.Encode(v) == nil {
			all = append(all, strings.Trim(b.String(), "\"\n"))
		}
	}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			all = append(all, encodedWithin(e, v, before))
		}
	}
	return all
}

// encodedWithin returns what a value looks like in the Base64 of something longer, with so many
// bytes before it, modulo three. The characters at the edges, which are made of the neighbors
// too, are left out.
func encodedWithin(e *base64.Encoding, v string, before int) string {
	text := e.EncodeToString([]byte("\x00\x00"[:before] + v))
	if (before+len(v))%3 != 0 {
		text = text[:len(text)-1]
	}
	return text[(before*8+5)/6:]
}

// Redact returns the text with every secret replaced by Redacted. What was redacted before stays
// as it is.
func (k *Redactor) Redact(text string) string {
	return replace(text, k.find(text))
}

// span is a part of a text, from its first byte to the one behind its last.
type span struct{ from, to int }

// find gives the secrets in a text, in any order; they may overlap.
func (k *Redactor) find(text string) []span {
	var found []span
	for _, at := range jwtShape.Get().FindAllStringIndex(text, -1) {
		found = append(found, span{at[0], at[1]})
	}
	if k == nil {
		return found
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for s := range k.known {
		value := s.Reveal()
		for at := range len(text) {
			if n := spells(text[at:], value); n > 0 {
				found = append(found, span{at, at + n})
			}
		}
	}
	for _, form := range k.forms {
		for at := strings.Index(text, form); at >= 0; {
			found = append(found, span{at, at + len(form)})
			next := strings.Index(text[at+1:], form)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return found
}

// spells returns how many bytes at the beginning of a text spell a value, in capitals or not, as
// it is or URL-escaped, as some encoders escape more than others; 0 where they spell something
// else.
func spells(text, value string) int {
	if len(value) <= len(text) && strings.EqualFold(text[:len(value)], value) {
		return max(len(value), escapes(text, value))
	}
	return escapes(text, value)
}

// escapes is spells for a text in which any byte may be URL-escaped.
func escapes(text, value string) int {
	at := 0
	for i := range len(value) {
		switch want := value[i]; {
		case at+2 < len(text) && text[at] == '%' && escaped(text[at+1:at+3]) == int(want):
			at += 3
		case at < len(text) && (lower(text[at]) == lower(want) || want == ' ' && text[at] == '+'):
			at++
		default:
			return 0
		}
	}
	return at
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// escaped is the byte of two hexadecimal digits, or -1.
func escaped(digits string) int {
	n, err := strconv.ParseUint(digits, 16, 8)
	if err != nil {
		return -1
	}
	return int(n)
}

// replace puts Redacted in place of each run of spans. A Redacted that stands in the text already
// is none of them, whatever it spells.
func replace(text string, found []span) string {
	found = slices.DeleteFunc(found, func(s span) bool { return isRedacted(text, s) })
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	done := 0
	for i := 0; i < len(found); {
		whole := found[i]
		for i++; i < len(found) && found[i].from <= whole.to; i++ {
			whole.to = max(whole.to, found[i].to)
		}
		out.WriteString(text[done:whole.from])
		out.WriteString(Redacted)
		done = whole.to
	}
	out.WriteString(text[done:])
	return out.String()
}

// isRedacted reports whether a span is a part of a Redacted that stands in the text.
func isRedacted(text string, s span) bool {
	from, to := max(0, s.to-len(Redacted)), min(len(text), s.from+len(Redacted))
	return from <= s.from && to >= s.to && strings.Contains(text[from:to], Redacted)
}
