package field

import (
	"encoding/json"
	"math"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// A RuleError is a value that breaks its field's rule. Two values that break a rule in the same way
// have the same Why.
type RuleError struct {
	Value string // the value, quoted
	Why   string // what it is: "not a UUID"
}

func (e *RuleError) Error() string { return e.Value + " is " + e.Why }

func invalid(value, why string) error { return &RuleError{Quote(value), why} }

// ParseText reads a value from a flag or a cell of a file by the field's rule and returns
// what is sent: a string, a bool or an int64. White space and invisible characters around
// it are ignored. now is the moment that "not in the future" is measured by. The error is
// a RuleError.
func (f *Field) ParseText(text string, now time.Time) (any, error) {
	text = NormalizeText(text)
	switch f.Kind {
	case Text:
		if f.Name == "ClientId" && HasInvisible(text) {
			return nil, invalid(text, hasInvisible)
		}
		return text, nil
	case Flag, Bool:
		if b, ok := parseBool(text); ok {
			return b, nil
		}
		if f.Kind == Flag {
			return nil, invalid(text, "neither on nor off")
		}
		return nil, invalid(text, "neither true nor false")
	case Count:
		return parseCount(text)
	}
	if text == "" {
		return nil, invalid(text, "empty")
	}
	switch f.Kind {
	case Enum:
		return f.parseEnum(text)
	case Email:
		return parseEmail(text)
	case Phone:
		return parsePhone(text)
	case Time:
		return parseTime(text, now)
	case URL:
		return parseURL(text)
	case UUID:
		return ParseUUID(text)
	}
	return text, nil
}

const hasInvisible = "not valid: it has an invisible character in it"

// CheckJSON reads a value of a JSON body (as encoding/json decodes it with UseNumber) by
// the field's rule and returns what is sent. A null stays a null.
func (f *Field) CheckJSON(value any, now time.Time) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return f.ParseText(v, now)
	case bool:
		if f.Kind == Flag || f.Kind == Bool {
			return v, nil
		}
	case json.Number:
		if f.Kind == Count || f.Kind == Text {
			return f.ParseText(v.String(), now)
		}
	}
	why := "not a string"
	switch f.Kind {
	case Flag, Bool:
		why = "neither true nor false"
	case Count:
		why = notWhole
	}
	return nil, &RuleError{quoteJSON(value), why}
}

func (f *Field) parseEnum(s string) (string, error) {
	for _, v := range f.Values {
		if strings.EqualFold(v, s) {
			return v, nil
		}
	}
	for alias, v := range f.aliases {
		if strings.EqualFold(alias, s) {
			return v, nil
		}
	}
	return "", invalid(s, "not one of "+strings.Join(f.Values, ", ")+DidYouMean(s, f.Values))
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "on", "true", "yes", "y", "1":
		return true, true
	case "off", "false", "no", "n", "0":
		return false, true
	}
	return false, false
}

const notWhole = "not a whole number"

func parseCount(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, invalid(text, notWhole)
	case n < 0:
		return nil, invalid(text, "negative")
	case n > math.MaxInt32:
		return nil, invalid(text, "too large")
	}
	return n, nil
}

// maxEmail is the largest length of an address in bytes (RFC 5321, a path without its brackets).
const maxEmail = 254

func parseEmail(s string) (any, error) {
	switch {
	case HasInvisible(s):
		return nil, invalid(s, hasInvisible)
	case !isEmail(s):
		return nil, invalid(s, "not an email address")
	}
	return s, nil
}

func isEmail(s string) bool {
	if len(s) > maxEmail {
		return false
	}
	if isPlainEmail(s) {
		return true
	}
	local, domain, _ := cutLast(s, "@")
	if len(local) > 64 || len(domain) > 253 || !isDomain(domain) {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// isPlainEmail reports whether a text is surely an email address: words of ASCII letters, digits
// and the usual signs between single dots, and a domain of such labels. It is for speed: a job
// checks a million of them.
func isPlainEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	if at < 1 || at > 64 || len(s)-at-1 > 253 {
		return false
	}
	dots, last := 0, byte('.')
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case i == at:
			if last == '.' {
				return false
			}
			c = '.'
		case c == '.':
			if last == '.' || last == '-' && i > at {
				return false
			}
			if i > at {
				dots++
			}
		case letter, c >= '0' && c <= '9':
		case i < at && (c == '_' || c == '+' || c == '-'):
		case c == '-' && last != '.':
		default:
			return false
		}
		last = c
	}
	return dots > 0 && last|0x20 >= 'a' && last|0x20 <= 'z'
}

// isDomain reports whether a domain is two labels or more of letters, digits and inner
// dashes, the last of which has a letter.
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
	e164       = lazyregexp.New(`^\+[1-9][0-9]{6,14}$`)
	localPhone = lazyregexp.New(`^[0-9]{3,15}$`)

	// What spreadsheets and data frames make of phone numbers that they take for numbers.
	scientific   = lazyregexp.New(`^\+?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)
	decimalPhone = lazyregexp.New(`^\+?[0-9]{6,}[.,]0+$`)
)

// parsePhone reads a phone number and returns it without separators: E.164 where it
// begins with +, 3 to 15 digits otherwise.
func parsePhone(s string) (any, error) {
	if isPlainE164(s) {
		return s, nil
	}
	switch {
	case scientific.MatchString(s):
		return nil, invalid(s, "a phone number that a spreadsheet shortened: its last digits are lost, "+asText)
	case decimalPhone.MatchString(s):
		return nil, invalid(s, "a phone number that was taken for a decimal number: "+asText)
	case strings.HasPrefix(s, "+") && strings.Contains(s, "(0)"):
		return nil, invalid(s, "not a phone number in E.164: leave out the (0)")
	}
	digits := phoneSeparators.Replace(s)
	switch {
	case strings.HasPrefix(digits, "+"):
		if !e164.MatchString(digits) {
			return nil, invalid(s, "not a phone number in E.164 (+ and 7 to 15 digits, the first not 0)")
		}
	case !localPhone.MatchString(digits):
		return nil, invalid(s, "not a phone number")
	}
	return digits, nil
}

// isPlainE164 reports whether a number is in E.164 as it stands.
func isPlainE164(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// asText says how a column is exported that a spreadsheet must not take for numbers.
const asText = "format the column as text and export it again"

// Corruption says what a spreadsheet or database did to the key of a row, such as a
// ClientId: "" for nothing. Such a key would identify another user, or many at once.
func Corruption(key string) string {
	if key == "" || key[0] > 'n' {
		return ""
	}
	const longest = len("#DIV/0!")
	switch strings.ToUpper(key[:min(len(key), longest+1)]) {
	case "#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!":
		return "an error value of a spreadsheet, not a key"
	case "NULL", "(NULL)", "<NULL>", "NAN":
		return "what a database or data frame writes for no value, not a key"
	}
	switch {
	case strings.ContainsAny(key, "+") && shortenedKey.MatchString(key):
		return "a key that a spreadsheet shortened: its last digits are lost, " + asText
	case strings.HasSuffix(key, ".0") && decimalKey.MatchString(key):
		return "a key that was taken for a decimal number: " + asText
	}
	return ""
}

var (
	shortenedKey = lazyregexp.New(`^-?[0-9]([.,][0-9]+)?[eE]\+[0-9]{1,3}$`)
	decimalKey   = lazyregexp.New(`^-?[0-9]+\.0$`)
)

func parseURL(s string) (any, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, invalid(s, "not an absolute http or https URL")
	}
	return s, nil
}

// ParseUUID reads a UUID (an InstanceId, an InstanceKey, a DeviceToken, a CustomToken) as
// people and the service write it, and returns its canonical form: lower case, with
// dashes. See ParseServiceUUID.
func ParseUUID(text string) (string, error) {
	u, err := ParseServiceUUID(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// ParseServiceUUID reads a UUID in any of the forms that .NET writes: with dashes or without, in
// braces or parentheses or not, as numbers ({0x5a4db0c5,0x0000,…}), in any case; white space and
// invisible characters around it are ignored.
func ParseServiceUUID(text string) (uuid.UUID, error) {
	s := Trim(text)
	if numbers := strings.Split(s, ","); len(numbers) == 11 && strings.HasPrefix(s, "{0") {
		s = ""
		for i, n := range numbers {
			n = strings.TrimLeft(strings.ToLower(strings.Trim(n, "{} ")), "0x")
			s += strings.Repeat("0", max(0, []int{8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2}[i]-len(n))) + n
		}
	}
	if n := len(s); n > 2 && (s[0] == '{' && s[n-1] == '}' || s[0] == '(' && s[n-1] == ')') {
		s = s[1 : n-1]
	}
	if len(s) == 36 || len(s) == 32 {
		if u, err := uuid.Parse(s); err == nil {
			return u, nil
		}
	}
	return uuid.UUID{}, invalid(text, "not a UUID")
}

// maxQuoted is how many characters of a value a message shows.
const maxQuoted = 80

// Quote returns a value as messages show it: in double quotes, at most 80 characters, invisible and
// control characters and unusual spaces escaped.
func Quote(s string) string {
	n := 0
	for at := range s {
		if n++; n > maxQuoted {
			s = s[:at] + "…"
			break
		}
	}
	return strconv.Quote(s)
}

func quoteJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil || len(b) > maxQuoted {
		return "this JSON value"
	}
	return string(b)
}
