package field

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// places are what encoding/json calls the places where a character stood that may not
// stand there, and what is wanted there.
var places = []struct{ called, wanted string }{
	{"looking for beginning of value",
		"where a value is wanted: a string in double quotes, a number, true, false or null"},
	{"looking for beginning of object key string", "where a name in double quotes is wanted"},
	{"after object key:value pair", "where a comma or } is wanted"},
	{"after object key", "where a colon is wanted"},
	{"after array element", "where a comma or ] is wanted"},
	{"after top-level value", "behind the end of the value"},
	{"in string literal", `inside a string, where a line break is written \n, a tab \t`},
	{"in string escape code", `behind a backslash, where one of " \ / b f n r t u is wanted`},
	{`in \u hexadecimal character escape`, `behind \u, where four hexadecimal digits are wanted`},
	{"in literal ", "in a word that is none of true, false and null: a string stands in double quotes"},
	{"in numeric literal", "in a number: a string stands in double quotes"},
	{"after decimal point in numeric literal", "behind a decimal point, where a digit is wanted"},
	{"exceeded max depth", "deeper than 10,000 levels inside one another"},
	{"in exponent of numeric literal", "in an exponent, where a digit is wanted"},
}

// ExplainJSONError says why encoding/json could not read a text, in words that speak of the
// text and not of Go. What it does not know it leaves as it is.
func ExplainJSONError(err error) string {
	var shape *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends early"
	case errors.As(err, &shape):
		return "it is a JSON " + shape.Value
	}
	text := err.Error()
	if text == "unexpected end of JSON input" {
		return "it ends early"
	}
	character, ok := strings.CutPrefix(text, "invalid character ")
	if !ok {
		return text
	}
	for _, p := range places {
		if at := strings.Index(character, "' "+p.called); at >= 0 {
			return character[:at+1] + " stands " + p.wanted
		}
	}
	return text
}
