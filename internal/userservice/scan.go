package userservice

import (
	"github.com/google/uuid"
)

// scanRegistration reads the answer to a registration without tokens as the service writes it:
//
//	{"Result":{"DeviceToken":"…","AccessToken":null,"RefreshToken":null},"Status":200,"Title":"","Errors":[]}
//
// with its members in any order. It returns false for anything else, which is then decoded: what
// costs a job the most of its own time for each row is here one pass without allocations.
func scanRegistration(answer []byte) (deviceToken string, ok bool) {
	var token []byte
	s := scanner{rest: answer, ok: true}
	var result, status bool
	s.members(func(name []byte) {
		switch string(name) {
		case "Result":
			s.ok = s.ok && !result
			result = true
			s.members(func(name []byte) {
				switch string(name) {
				case "DeviceToken":
					s.ok = s.ok && token == nil
					token = s.text()
				case "AccessToken", "RefreshToken":
					s.word("null")
				default:
					s.ok = false
				}
			})
		case "Status":
			s.ok = s.ok && !status
			status = true
			s.word("200")
		case "Title":
			_ = s.text()
		case "Errors":
			s.word("[]")
		default:
			s.ok = false
		}
	})
	if !s.ok || s.peek() != 0 || len(s.rest) > 0 || !result || !status || len(token) != 36 {
		return "", false
	}
	id, err := uuid.ParseBytes(token)
	if err != nil || id == uuid.Nil {
		return "", false
	}
	return id.String(), true
}

// scanner reads JSON of a form that is known beforehand. Once something is otherwise, ok stays
// false.
type scanner struct {
	rest []byte
	ok   bool
}

// members reads an object; value reads the value of the member of that name.
func (s *scanner) members(value func(name []byte)) {
	s.word("{")
	for first := true; s.ok; first = false {
		if !first {
			if s.peek() == '}' {
				break
			}
			s.word(",")
		}
		name := s.text()
		if s.word(":"); s.ok {
			value(name)
		}
	}
	s.word("}")
}

func (s *scanner) peek() byte {
	for i, c := range s.rest {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			s.rest = s.rest[i:]
			return c
		}
	}
	s.rest = nil
	return 0
}

func (s *scanner) word(w string) {
	s.peek()
	if !s.ok || len(s.rest) < len(w) || string(s.rest[:len(w)]) != w {
		s.ok = false
		return
	}
	s.rest = s.rest[len(w):]
}

// text reads a string of printable ASCII without escapes, and returns the bytes between its quotes.
func (s *scanner) text() []byte {
	if s.word(`"`); !s.ok {
		return nil
	}
	for i, c := range s.rest {
		switch {
		case c == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text
		case c < ' ' || c > '~' || c == '\\':
			s.ok = false
			return nil
		}
	}
	s.ok = false
	return nil
}
