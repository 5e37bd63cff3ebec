package terminal

import (
	"strings"
	"unicode"
)

// continued stands before the further lines of a text that is wrapped.
const continued = "    "

// wrap breaks a text for Err, which begins at a column, into lines as wide as the terminal, where
// there are spaces. A command in backticks stays in one piece, so that it can be pasted; one that
// is too long for a line gets one of its own.
func (s *Streams) wrap(text string, at int) string {
	width := s.ErrWidth
	if width == 0 {
		width = s.Width
	}
	if !s.ErrTTY || width <= 2*len(continued) || at+columns(text) <= width {
		return text
	}
	var b strings.Builder
	for i, word := range unbroken(text) {
		n := columns(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + continued)
			at = len(continued)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// unbroken splits a text at its spaces, except within backticks.
func unbroken(text string) []string {
	words := strings.Split(text, " ")
	var out []string
	for i := 0; i < len(words); i++ {
		end := i
		if odd(words[i]) {
			for end++; end < len(words) && !odd(words[end]); end++ {
			}
			if end == len(words) { // nothing closes it
				end = i
			}
		}
		out = append(out, strings.Join(words[i:end+1], " "))
		i = end
	}
	return out
}

func odd(word string) bool { return strings.Count(word, "`")%2 == 1 }

// columns returns how many columns a text takes, near enough to break lines.
func columns(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			n += 2
		default:
			n++
		}
	}
	return n
}
