package field

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Normalize returns the form of a value by which two values of the field are the same: trimmed
// (see Trim), in Unicode's NFC, an email address in lower case, a phone number without separators,
// an enum in the service's spelling and a UUID in canonical form. Keys of users, lookups and
// comparisons use it; it judges nothing, and a value that breaks the field's rule stays as it is
// otherwise.
func (f *Field) Normalize(value string) string {
	value = NormalizeText(value)
	switch f.Kind {
	case Email:
		return strings.ToLower(value)
	case Phone:
		return phoneSeparators.Replace(value)
	case UUID:
		if u, err := ParseUUID(value); err == nil {
			return u
		}
	case Enum:
		if v, err := f.parseEnum(value); err == nil {
			return v
		}
	}
	return value
}

// NormalizeText returns a text trimmed and in NFC.
func NormalizeText(text string) string {
	text = Trim(text)
	if isASCII(text) {
		return text
	}
	return norm.NFC.String(text)
}

// phoneSeparators removes what people write between the digits of a phone number.
var phoneSeparators = strings.NewReplacer(" ", "", "-", "", ".", "", "\u00a0", "", "\u202f", "", "\u2009", "",
	"\u2010", "", "\u2011", "", "\u2012", "", "\u2013", "", "(", "", ")", "", "/", "")

// Trim returns a text without the white space and invisible characters at its ends: what
// unicode.IsSpace reports (a no-break space included), and what IsInvisible reports.
func Trim(text string) string {
	if n := len(text); n == 0 || isPlainByte(text[0]) && isPlainByte(text[n-1]) {
		return text
	}
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || IsInvisible(r) })
}

func isPlainByte(c byte) bool { return c > ' ' && c < 0x7f }

// IsInvisible reports whether a character shows nothing and is not white space: zero-width spaces
// and joiners, the byte-order mark, the soft hyphen, marks of the writing direction.
func IsInvisible(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	}
	return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f
}

// HasInvisible reports whether a text has an invisible character in it.
func HasInvisible(text string) bool { return !isASCII(text) && strings.ContainsFunc(text, IsInvisible) }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
