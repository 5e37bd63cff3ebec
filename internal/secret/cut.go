package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"sync"
)

// Knife cuts secrets out of text: each value that it was told of, as it is, JSON- and URL-escaped, in Base64 (also as a part of
// something longer that was encoded), and whatever has a JWT's shape. It is safe for use by many goroutines.
type Knife struct {
	mu    sync.RWMutex
	known map[string]bool
	list  []string // known, longest first, so that a part never hides the whole
}

// shortest is the least length, in bytes, of a value that is cut by itself. Short ones cut words too: a text that says too little is better than one
// that says a short password.
const shortest = 1

var jwtShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}`)

// Know tells the knife of a secret. Empty and very short values are passed over.
func (k *Knife) Know(secrets ...String) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]bool{}
	}
	before := len(k.known)
	for _, s := range secrets {
		v := s.Reveal()
		if len(v) < shortest {
			continue
		}
		for _, form := range forms(v) {
			k.known[form] = true
		}
	}
	if len(k.known) == before {
		return
	}
	k.list = k.list[:0:0]
	for form := range k.known {
		k.list = append(k.list, form)
	}
	sort.Slice(k.list, func(i, j int) bool { return len(k.list[i]) > len(k.list[j]) })
}

// forms are the ways in which a value may be written.
func forms(v string) []string {
	all := []string{
		v, url.QueryEscape(v), url.PathEscape(v), strings.ToUpper(v), strings.ToLower(v),
		base64.StdEncoding.EncodeToString([]byte(v)), base64.URLEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)),
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

// encodedWithin is what a value looks like in the Base64 of something longer, with so many bytes before it, modulo three. The characters at
// the edges, which are made of the neighbours too, are left out.
func encodedWithin(e *base64.Encoding, v string, before int) string {
	text := e.EncodeToString([]byte("\x00\x00"[:before] + v))
	if (before+len(v))%3 != 0 {
		text = text[:len(text)-1]
	}
	return text[(before*8+5)/6:]
}

// Cut returns the text with every secret replaced by Redacted.
func (k *Knife) Cut(text string) string {
	if k != nil {
		k.mu.RLock()
		for _, form := range k.list {
			text = strings.ReplaceAll(text, form, Redacted)
		}
		k.mu.RUnlock()
	}
	return jwtShape.ReplaceAllString(text, Redacted)
}
