package secret

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"sync"
)

// Knife cuts secrets out of text: each value that it was told of, as it is, Base64- and URL-escaped, and whatever
// has a JWT's shape. It is safe for use by many goroutines.
type Knife struct {
	mu    sync.RWMutex
	known map[string]bool
	list  []string // known, longest first, so that a part never hides the whole
}

// shortest is the least length, in bytes, of a value that is cut by itself: shorter ones would cut words.
const shortest = 6

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
		v := s.value
		if len(v) < shortest {
			continue
		}
		for _, form := range []string{
			v, url.QueryEscape(v), url.PathEscape(v), strings.ToUpper(v), strings.ToLower(v),
			base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)),
		} {
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
