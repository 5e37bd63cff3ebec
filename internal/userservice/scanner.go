package userservice

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON in one pass, without a copy of anything. Once something is not JSON, or not
// what was asked for, ok stays false. It has no errors: what it does not read is decoded by
// encoding/json, which decides.
type scanner struct {
	data []byte
	at   int
	ok   bool
}

// deepest is how deep values may be nested, as with encoding/json.
const deepest = 10_000

// members reads an object; value reads the value of the member of that name.
func (s *scanner) members(value func(name []byte)) {
	for first := byte('{'); s.ok; first = ',' {
		if s.take(first); first == '{' && s.peek() == '}' {
			break
		}
		name := s.name()
		if s.take(':'); s.ok {
			value(name)
		}
		if s.peek() != ',' {
			break
		}
	}
	s.take('}')
}

// items reads a list; value reads each of its values.
func (s *scanner) items(value func()) {
	for first := byte('['); s.ok; first = ',' {
		if s.take(first); first == '[' && s.peek() == ']' {
			break
		}
		if s.ok {
			value()
		}
		if s.peek() != ',' {
			break
		}
	}
	s.take(']')
}

// peek returns the next byte that is not white space; 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.data); s.at++ {
		if c := s.data[s.at]; c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// atEnd reports whether all was read, and was as it should be.
func (s *scanner) atEnd() bool {
	s.peek()
	return s.ok && s.at == len(s.data)
}

// take reads one byte of punctuation.
func (s *scanner) take(c byte) {
	if s.peek() != c || s.at == len(s.data) {
		s.ok = false
		return
	}
	s.at++
}

// word reads exactly this.
func (s *scanner) word(w string) {
	s.peek()
	if end := s.at + len(w); s.ok && end <= len(s.data) && string(s.data[s.at:end]) == w {
		s.at = end
		return
	}
	s.ok = false
}

// text reads a string of printable ASCII without escapes, and returns the bytes between its quotes.
func (s *scanner) text() []byte {
	if s.take('"'); !s.ok {
		return nil
	}
	for i, c := range s.data[s.at:] {
		switch {
		case c == '"':
			text := s.data[s.at : s.at+i]
			s.at += i + 1
			return text
		case c < ' ' || c > '~' || c == '\\':
			s.ok = false
			return nil
		}
	}
	s.ok = false
	return nil
}

// name reads the name of a member.
func (s *scanner) name() []byte {
	if s.peek(); !s.ok {
		return nil
	}
	start := s.at
	if text := s.text(); s.ok { // as nearly all are written
		return text
	}
	s.at, s.ok = start, true
	if s.skipText(); !s.ok {
		return nil
	}
	raw := s.data[start:s.at]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw[1 : len(raw)-1]
	}
	var name string
	s.ok = json.Unmarshal(raw, &name) == nil
	return []byte(name)
}

// value reads any value, and returns it as it is written.
func (s *scanner) value() []byte {
	s.peek()
	start := s.at
	if s.skip(deepest); !s.ok {
		return nil
	}
	return s.data[start:s.at]
}

// skip reads any value, nested at most so deep.
func (s *scanner) skip(depth int) {
	if depth == 0 {
		s.ok = false
		return
	}
	switch s.peek() {
	case '"':
		s.skipText()
	case '{':
		s.skipObject(depth)
	case '[':
		s.items(func() { s.skip(depth - 1) })
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.skipNumber()
	}
}

func (s *scanner) skipObject(depth int) {
	for first := byte('{'); s.ok; first = ',' {
		if s.take(first); first == '{' && s.peek() == '}' {
			break
		}
		s.peek()
		s.skipText()
		if s.take(':'); s.ok {
			s.skip(depth - 1)
		}
		if s.peek() != ',' {
			break
		}
	}
	s.take('}')
}

// skipText reads any string.
func (s *scanner) skipText() {
	if s.at == len(s.data) || s.data[s.at] != '"' {
		s.ok = false
		return
	}
	for i := s.at + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			return
		case c == '\\':
			n := escapeLength(s.data[i:])
			if n == 0 {
				s.ok = false
				return
			}
			i += n - 1
		case c < ' ':
			s.ok = false
			return
		}
	}
	s.ok = false
}

// escapeLength returns how long the escape is that a text begins with; 0 where it is none.
func escapeLength(text []byte) int {
	switch {
	case len(text) < 2:
	case strings.IndexByte(`"\/bfnrt`, text[1]) >= 0:
		return 2
	case text[1] == 'u' && len(text) >= 6:
		for _, c := range text[2:6] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// skipNumber reads a number.
func (s *scanner) skipNumber() {
	if s.at < len(s.data) && s.data[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.data) && s.data[s.at] == '0' {
		s.at++
	} else {
		s.skipDigits()
	}
	if s.at < len(s.data) && s.data[s.at] == '.' {
		s.at++
		s.skipDigits()
	}
	if s.at < len(s.data) && s.data[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.data) && (s.data[s.at] == '+' || s.data[s.at] == '-') {
			s.at++
		}
		s.skipDigits()
	}
}

// skipDigits reads one digit or more.
func (s *scanner) skipDigits() {
	start := s.at
	for s.at < len(s.data) && isDigit(s.data[s.at]) {
		s.at++
	}
	s.ok = s.ok && s.at > start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
