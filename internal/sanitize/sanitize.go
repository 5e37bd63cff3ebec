// Package sanitize shows control characters instead of obeying them: nothing that the service or a
// file says can move the cursor, ring the bell, recolor the screen or turn the direction of the
// text.
//
// A leaf: it imports nothing of the project, and every room may import it.
package sanitize

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsControl reports whether a terminal would obey the character rather than show it: the control
// characters (C0, DEL and C1), the bidirectional marks, embeddings, overrides and isolates, and the
// line and paragraph separators.
func IsControl(r rune) bool {
	return r < ' ' || (r >= 0x7f && r <= 0x9f) || r == '\u2028' || r == '\u2029' ||
		(r > 0x9f && unicode.Is(unicode.Bidi_Control, r))
}

// Clean is the text with every control character (IsControl) and every byte that is not UTF-8
// written as a Go programmer would: \n, \t, \x1b, \u009b, \u202e, \xff. What is clean stays as it
// is, a backslash too; so Clean(Clean(s)) is Clean(s), and the text cannot be had back. For cells
// of tables and for messages of one line.
func Clean(s string) string { return clean(s, "") }

// CleanLines is Clean for text of many lines: line feeds and tabs stay.
func CleanLines(s string) string { return clean(s, "\n\t") }

func clean(s, keep string) string {
	for i, r := range s {
		if hostile(s[i:], r, keep) {
			return cleanFrom(s, i, keep)
		}
	}
	return s
}

func hostile(rest string, r rune, keep string) bool {
	if r == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(rest)
		return size == 1
	}
	return IsControl(r) && !strings.ContainsRune(keep, r)
}

// cleanFrom is clean for a text whose first hostile byte is at i.
func cleanFrom(s string, i int, keep string) string {
	var b strings.Builder
	b.WriteString(s[:i])
	for rest := s[i:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case !hostile(rest, r, keep):
			b.WriteString(rest[:size])
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		default:
			b.WriteString(spell(r))
		}
		rest = rest[size:]
	}
	return b.String()
}

func spell(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r <= 0x7f:
		return fmt.Sprintf(`\x%02x`, r)
	default:
		return fmt.Sprintf(`\u%04x`, r)
	}
}

// CleanJSON is a writer for JSON: what goes through it to w has every control character escaped as
// \u00XX or \u202e, those too that encoding/json leaves as they are (DEL, C1, bidirectional
// characters), and means the same. A byte that is not UTF-8 becomes \ufffd, as which every reader
// in Go takes it. Line feeds and tabs between the values stay, and a carriage return there becomes
// a space. A character may be split over two calls of Write; the part of one that never becomes
// whole is not written.
//
// The writer is for one goroutine. Where w fails, its error is returned, and the count is of bytes
// taken, not of bytes that arrived.
func CleanJSON(w io.Writer) io.Writer { return &jsonWriter{w: w} }

type jsonWriter struct {
	w    io.Writer
	part []byte // the beginning of a character whose rest has not come yet
	out  []byte // the last output's memory, used again
}

func (j *jsonWriter) Write(p []byte) (int, error) {
	in := p
	if len(j.part) > 0 {
		in = slices.Concat(j.part, p)
	}
	j.out = j.out[:0]
	for len(in) > 0 && utf8.FullRune(in) {
		if n := plain(in); n > 0 {
			j.out = append(j.out, in[:n]...)
			in = in[n:]
			continue
		}
		r, size := utf8.DecodeRune(in)
		j.out = appendJSON(j.out, in[:size], r)
		in = in[size:]
	}
	j.part = slices.Clone(in)
	if len(j.out) == 0 {
		return len(p), nil
	}
	n, err := j.w.Write(j.out)
	if err == nil && n < len(j.out) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// plain is how many bytes at the start are printable ASCII, which most of JSON is.
func plain(p []byte) int {
	for i, b := range p {
		if b < ' ' || b > '~' {
			return i
		}
	}
	return len(p)
}

func appendJSON(out, char []byte, r rune) []byte {
	switch {
	case r == '\n' || r == '\t':
		return append(out, char...)
	case r == '\r':
		return append(out, ' ')
	case r == utf8.RuneError && len(char) == 1, IsControl(r):
		return fmt.Appendf(out, `\u%04x`, r)
	default:
		return append(out, char...)
	}
}
