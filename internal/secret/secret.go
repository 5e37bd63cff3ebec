// Package secret has the one type for what must never be printed, and the redactor that cuts
// secrets out of text.
//
// A leaf: it imports nothing of the project, and every room may import it.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// Redacted is what stands where a secret was.
const Redacted = "[redacted]"

// String is a secret: an AccessToken, a RefreshToken, an InstanceKey, a password, a passphrase.
// Whatever prints it (fmt with any verb, JSON, YAML, text, slog) prints Redacted; only Reveal
// gives the value, and each call of it is a place to look at. The zero value is "no secret". Two
// of them are equal (==) where their values are.
//
// The value lies behind a handle: fmt asks no method of a secret in an unexported field of a
// struct, but goes into it, and finds an address there.
type String struct{ handle unique.Handle[string] }

// New makes a secret of a value.
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{unique.Make(value)}
}

// Reveal is the value itself: for a header, a body or a store, and for what the user asked to be
// shown.
func (s String) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.handle.Value()
}

// IsZero reports whether the secret is not set.
func (s String) IsZero() bool { return s == String{} }

// String implements fmt.Stringer. An empty secret prints as nothing.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// Format implements fmt.Formatter, so that no verb reaches the value.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements json.Marshaler.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML implements yaml.Marshaler.
func (s String) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// UnmarshalText implements encoding.TextUnmarshaler: what comes in as text is a secret from then
// on.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// UnmarshalJSON implements json.Unmarshaler: null is an unset secret, anything but a
// string an error.
func (s *String) UnmarshalJSON(data []byte) error {
	var value string
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	*s = New(value)
	return nil
}
