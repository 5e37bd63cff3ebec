package render

import (
	"bytes"
	"strconv"
)

// replaceLoneSurrogates writes the escape of U+FFFD in place of each escape of half a surrogate
// pair, which is not a character: decoders of JSON read it as U+FFFD, and other programs refuse it.
// It changes the JSON text in place; the length stays.
func replaceLoneSurrogates(text []byte) {
	if !bytes.Contains(text, []byte(`\ud`)) && !bytes.Contains(text, []byte(`\uD`)) {
		return
	}
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		switch high := escaped(text[i:]); {
		case high < 0xD800 || high > 0xDFFF:
			i++ // what is escaped may be a backslash
		case high < 0xDC00 && isLowSurrogate(escaped(text[i+6:])):
			i += 11
		default:
			copy(text[i:], `\ufffd`)
			i += 5
		}
	}
}

func isLowSurrogate(code int) bool { return code >= 0xDC00 && code <= 0xDFFF }

// escaped returns the code unit of an escape \uXXXX that text begins with; -1 for none.
func escaped(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(code)
}
