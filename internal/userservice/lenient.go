package userservice

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// What the service writes is read as .NET writes it, and not held to the rules for what people
// type: UUIDs in any form, "True" for true, numbers as strings and the reverse, "" for nothing.

// text is a string that may have been written as a number or a bool. null is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) (err error) {
	*t, err = readText(data)
	return err
}

// readText reads a JSON value as text; plain strings, of which a page has thousands,
// without a detour.
func readText(data []byte) (text, error) {
	switch {
	case len(data) == 0, data[0] == '{', data[0] == '[', isNull(data):
		return "", nil
	case data[0] != '"':
		return text(data), nil
	case len(data) > 1 && bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data):
		return text(data[1 : len(data)-1]), nil
	}
	var s string
	err := json.Unmarshal(data, &s)
	return text(s), err
}

// number is an integer that may have been written as a string; what is not a number is 0.
type number int

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
	v, _ := strconv.ParseFloat(strings.Trim(string(data), `" `), 64)
	*n = number(v)
	return nil
}

// float is a number that may be absent, or written as a string.
type float struct{ value *float64 }

// UnmarshalJSON implements json.Unmarshaler.
func (f *float) UnmarshalJSON(data []byte) error {
	if v, err := strconv.ParseFloat(strings.Trim(string(data), `" `), 64); err == nil {
		f.value = &v
	}
	return nil
}

// truth is a bool that may be absent, or written as "True" or 1.
type truth struct{ value *bool }

// UnmarshalJSON implements json.Unmarshaler.
func (b *truth) UnmarshalJSON(data []byte) error {
	b.value = parseTruth(strings.Trim(string(data), `" `))
	return nil
}

func parseTruth(s string) *bool {
	yes, no := true, false
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return &yes
	case "false", "0", "no", "off":
		return &no
	}
	return nil
}

// canonical returns a UUID in canonical form, "" for the zero UUID, and what is not a UUID as it
// is.
func canonical(s string) string {
	u, err := field.ParseServiceUUID(s)
	switch {
	case err != nil:
		return strings.TrimSpace(s)
	case u == uuid.Nil:
		return ""
	}
	return u.String()
}

// moment reads a time as the service writes it; one without a zone is UTC (assumed). Zero for
// what is not a time.
func moment(s string) time.Time {
	s = strings.TrimSpace(s)
	// What the service writes most comes first: no zone (live).
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			if t = t.UTC(); t.Year() > 1 { // 0001-01-01 is .NET's way to say none
				return t
			}
			return time.Time{}
		}
	}
	return time.Time{}
}
