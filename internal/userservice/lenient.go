package userservice

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// What the service writes is read as .NET writes it, and not held to the rules for what people
// type: UUIDs in any form, "True" for true, numbers as strings and the reverse, "" for nothing.

// text is a string that may have been written as a number or a bool. null is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	*t = ""
	if data[0] != '{' && data[0] != '[' && !isNull(data) {
		*t = text(data)
	}
	return nil
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
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00",
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
