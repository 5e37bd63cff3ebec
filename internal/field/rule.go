package field

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
)

// ParseText reads a value from a flag or from a cell of a file, and holds it to the field's rule. now is the
// moment that "not in the future" is measured by. What it returns is what is sent: a string, a bool or an int64.
// The error says what is wrong with the value, quoting it, and does not repeat the field's name.
func (f *Field) ParseText(text string, now time.Time) (any, error) {
	switch f.Kind {
	case Text:
		return text, nil
	case Flag, Bool:
		if b, ok := parseBool(text); ok {
			return b, nil
		}
		if f.Kind == Flag {
			return nil, fmt.Errorf("%s is neither on nor off", quote(text))
		}
		return nil, fmt.Errorf("%s is neither true nor false", quote(text))
	case Count:
		return parseCount(text)
	default:
		return f.check(strings.TrimSpace(text), now)
	}
}

// CheckJSON holds a value of a JSON body (as encoding/json decodes it with UseNumber) to the field's rule and
// returns what is sent. A null stays a null.
func (f *Field) CheckJSON(value any, now time.Time) (any, error) {
	if value == nil {
		return nil, nil
	}
	switch f.Kind {
	case Flag, Bool:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if s, ok := value.(string); ok {
			return f.ParseText(s, now)
		}
		return nil, fmt.Errorf("%s is neither true nor false", quoteJSON(value))
	case Count:
		switch n := value.(type) {
		case json.Number:
			return parseCount(n.String())
		case string:
			return parseCount(n)
		}
		return nil, fmt.Errorf("%s is not a whole number", quoteJSON(value))
	}
	s, ok := value.(string)
	if n, isNumber := value.(json.Number); isNumber && f.Kind == Text {
		s, ok = n.String(), true
	}
	if !ok {
		return nil, fmt.Errorf("%s is not a string", quoteJSON(value))
	}
	return f.ParseText(s, now)
}

func (f *Field) check(s string, now time.Time) (any, error) {
	if s == "" {
		return nil, errors.New("it is empty")
	}
	switch f.Kind {
	case Enum:
		for _, v := range f.Values {
			if strings.EqualFold(v, s) {
				return v, nil
			}
		}
		return nil, fmt.Errorf("%s is none of %s", quote(s), strings.Join(f.Values, ", "))
	case Email:
		return s, checkEmail(s)
	case Phone:
		return s, checkPhone(s)
	case Time:
		return parseTime(s, now)
	case URL:
		return s, checkURL(s)
	case UUID:
		return ParseUUID(s)
	default:
		return s, nil
	}
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "on", "true", "yes", "1":
		return true, true
	case "off", "false", "no", "0":
		return false, true
	}
	return false, false
}

func parseCount(text string) (any, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s is not a whole number", quote(text))
	case n < 0:
		return nil, fmt.Errorf("%d is negative", n)
	case n > math.MaxInt32:
		return nil, fmt.Errorf("%d is too large", n)
	}
	return n, nil
}

// longestEmail is the largest length of an address in bytes (RFC 5321, a path less its brackets).
const longestEmail = 254

func checkEmail(s string) error {
	if !isEmail(s) {
		return fmt.Errorf("%s is not an e-mail address", quote(s))
	}
	return nil
}

func isEmail(s string) bool {
	if len(s) > longestEmail {
		return false
	}
	local, domain, _ := cutLast(s, "@")
	if len(local) > 64 || len(domain) > 253 || !isDomain(domain) {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// isDomain holds a domain to two labels or more of letters, digits and inner dashes, the last of which is no number.
func isDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, "-") != label || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return len(labels) > 1 && strings.ContainsFunc(labels[len(labels)-1], unicode.IsLetter)
}

func notInLabel(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsNumber(r) }

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

var (
	phoneNoise = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "")
	e164       = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	localPhone = regexp.MustCompile(`^[0-9]{3,15}$`)

	// What spreadsheets and data frames make of phone numbers that they take for numbers.
	shortenedPhone = regexp.MustCompile(`^\+?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)
	decimalPhone   = regexp.MustCompile(`^\+?[0-9]{6,}[.,]0+$`)
)

// checkPhone holds a number that begins with + to E.164 (its usual separators aside), any other to 3 to 15 digits.
func checkPhone(s string) error {
	switch {
	case shortenedPhone.MatchString(s):
		return fmt.Errorf("%s is a phone number that was taken for a number, and its last digits are lost: make the column text where it is from", quote(s))
	case decimalPhone.MatchString(s):
		return fmt.Errorf("%s is a phone number that was taken for a number: make the column text where it is from", quote(s))
	}
	digits := phoneNoise.Replace(s)
	if strings.HasPrefix(digits, "+") {
		if !e164.MatchString(digits) {
			return fmt.Errorf("%s is not a phone number in E.164 (+ and up to 15 digits, the first not 0)", quote(s))
		}
		return nil
	}
	if !localPhone.MatchString(digits) {
		return fmt.Errorf("%s is not a phone number", quote(s))
	}
	return nil
}

var timeShapes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"}

// parseTime takes a moment as it is and gives a bare date its midnight in UTC, as the service wants a moment.
func parseTime(s string, now time.Time) (any, error) {
	t, err := time.Parse(time.DateOnly, s)
	out := s
	if err == nil {
		out = s + "T00:00:00Z"
	}
	for _, shape := range timeShapes {
		if err == nil {
			break
		}
		t, err = time.Parse(shape, s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a date in ISO 8601 (1990-05-31)", quote(s))
	}
	if t.After(now) {
		return nil, fmt.Errorf("%s is in the future", quote(s))
	}
	return out, nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s is not an absolute http or https URL", quote(s))
	}
	return nil
}

// ParseUUID reads a UUID (an InstanceId, an InstanceKey, a DeviceToken, a CustomToken) as people and
// the service write it, and returns its canonical form: lower case, with dashes. See ParseServiceUUID.
func ParseUUID(text string) (string, error) {
	u, err := ParseServiceUUID(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// ParseServiceUUID reads a UUID in any of the forms that .NET writes: with dashes or without, in
// braces or parentheses or not, in any case; white space and invisible characters around it are
// ignored.
func ParseServiceUUID(text string) (uuid.UUID, error) {
	s := Trim(text)
	if n := len(s); n > 2 && (s[0] == '{' && s[n-1] == '}' || s[0] == '(' && s[n-1] == ')') {
		s = s[1 : n-1]
	}
	if len(s) == 36 || len(s) == 32 {
		if u, err := uuid.Parse(s); err == nil {
			return u, nil
		}
	}
	return uuid.UUID{}, fmt.Errorf("%s is not a UUID", quote(text))
}

// longestQuote is how many characters of a wrong value an error shows.
const longestQuote = 80

func quote(s string) string {
	if r := []rune(s); len(r) > longestQuote {
		s = string(r[:longestQuote]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}

func quoteJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "it"
	}
	if len(b) > longestQuote {
		return "this JSON value"
	}
	return string(b)
}
