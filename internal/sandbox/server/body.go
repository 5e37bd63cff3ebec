package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// reading takes values out of a JSON object and lists what is wrong with them. Names go without
// regard to case (client). It converts where the service does: numbers and booleans in strings,
// and the reverse (live). A strict one does not, and refuses names that were not looked for.
type reading struct {
	values   map[string]json.RawMessage // by names in lower case; of two in one case the last counts
	given    []string                   // the names as they were written
	strict   bool
	mistakes []entry
	wanted   map[string]bool   // what was looked for
	asked    func(name string) // gets each name that is looked for
}

// newReading reads a body; ok is false for anything but an object.
func newReading(data []byte, strict bool, asked func(name string)) (r *reading, ok bool) {
	r = &reading{values: map[string]json.RawMessage{}, strict: strict, wanted: map[string]bool{}, asked: asked}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		var value json.RawMessage
		t, err := d.Token()
		name, isText := t.(string)
		if err != nil || !isText || d.Decode(&value) != nil {
			return nil, false
		}
		r.values[strings.ToLower(name)], r.given = value, append(r.given, name)
	}
	_, end := d.Token()
	_, err := d.Token()
	return r, end == nil && errors.Is(err, io.EOF)
}

func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// member returns what a name, in any case, stands for, and whether it was sent.
func (r *reading) member(name string) (raw json.RawMessage, sent bool) {
	r.asked(name)
	r.wanted[name] = true
	raw, sent = r.values[strings.ToLower(name)]
	return raw, sent
}

// wrongs returns the mistakes, when all was looked for.
func (r *reading) wrongs() []entry {
	for _, name := range r.given {
		if r.strict && !r.wanted[name] {
			r.mistakes = append(r.mistakes, entry{name, "The " + name + " field is unknown."})
		}
	}
	return r.mistakes
}

func (r *reading) wrong(name, kind string) { r.mistakes = append(r.mistakes, wrong(name, kind)) }

func (r *reading) between(name string, least, most int) {
	r.wrong(name, fmt.Sprintf("between %d and %d", least, most))
}

// require makes it a mistake that a value is not there, unless it has one already.
func (r *reading) require(name string, there bool) {
	if !there && !slices.ContainsFunc(r.mistakes, func(e entry) bool { return e.Key == name }) {
		r.mistakes = append(r.mistakes, missing(name))
	}
}

// scalar returns the text of a string, a number or a boolean.
func scalar(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case '{', '[':
		return "", false
	default:
		return string(raw), true
	}
}

// text returns a value as a string; ok is false where it is missing, null, or not a
// scalar, which is a mistake.
func (r *reading) text(name string) (value string, ok bool) { return r.kind(name, "a string", '"') }

// kind returns a value that a strict reading takes only in its own kind, by the first
// character of its JSON.
func (r *reading) kind(name, kind string, own ...byte) (value string, ok bool) {
	raw, _ := r.member(name)
	if isNull(raw) {
		return "", false
	}
	value, ok = scalar(raw)
	if !ok || r.strict && !slices.Contains(own, raw[0]) {
		r.wrong(name, kind)
		return "", false
	}
	// An empty string is null for every type but a string.
	return value, value != "" || slices.Contains(own, '"')
}

// boolean returns a boolean: of a string "true" or "false" in any case, of a number whether it
// is not 0.
func (r *reading) boolean(name string) (value, ok bool) {
	text, ok := r.kind(name, "a boolean", 't', 'f')
	if !ok {
		return false, false
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	if raw, _ := r.member(name); raw[0] != '"' {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n != 0, true
		}
	}
	r.wrong(name, "a boolean")
	return false, false
}

// count returns a 32-bit integer.
func (r *reading) count(name string) (value int, ok bool) {
	text, ok := r.kind(name, "a 32-bit integer", []byte("-0123456789")...)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		r.wrong(name, "a 32-bit integer")
		return 0, false
	}
	return int(n), true
}

// enum is one of the spellings, in any case, or its number.
func (r *reading) enum(name string, spellings []string) (value string, ok bool) {
	text, ok := r.text(name)
	if !ok || text == "" {
		return "", false
	}
	for i, s := range spellings {
		if strings.EqualFold(s, text) || !r.strict && strconv.Itoa(i) == text {
			return s, true
		}
	}
	r.wrong(name, "one of "+strings.Join(spellings, ", "))
	return "", false
}

// uuid returns a UUID in lower case, from any of the forms that .NET writes; a strict reading
// takes the one with dashes.
func (r *reading) uuid(name string) (value string, ok bool) {
	text, ok := r.text(name)
	if !ok || text == "" {
		return "", false
	}
	value, err := field.ParseUUID(text)
	if err != nil || r.strict && len(text) != len(value) {
		r.wrong(name, "a UUID")
		return "", false
	}
	return value, true
}

func (r *reading) requiredUUID(name string) string {
	value, ok := r.uuid(name)
	r.require(name, ok)
	return value
}

func (r *reading) uuids(name string) []string {
	texts := r.texts(name)
	for i, text := range texts {
		id, err := field.ParseUUID(text)
		if err != nil {
			r.wrong(name, "a list of UUIDs")
			return nil
		}
		texts[i] = id
	}
	return texts
}

// texts returns a list of strings; nil where it is missing or null.
func (r *reading) texts(name string) []string {
	raw, _ := r.member(name)
	if isNull(raw) {
		return nil
	}
	var out []string
	if json.Unmarshal(raw, &out) != nil {
		r.wrong(name, "a list of strings")
	}
	return out
}

// farFuture lets any moment pass: the service does not mind one to come.
var farFuture = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// moment returns a date or a moment of ISO 8601; one without a zone is in UTC.
func (r *reading) moment(name string) (value time.Time, ok bool) {
	text, ok := r.text(name)
	if !ok || text == "" {
		return time.Time{}, false
	}
	normal, err := field.MustGet("Birthday").ParseText(text, farFuture)
	if err == nil {
		for _, shape := range []string{time.RFC3339Nano, birthdayShape, "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
			if value, err = time.Parse(shape, fmt.Sprint(normal)); err == nil {
				return value.UTC(), true
			}
		}
	}
	r.wrong(name, "a date and time in ISO 8601")
	return time.Time{}, false
}

// inner returns an object inside; a list of one stands for its content, as the service
// gives it back so (assumed: conversion). It is nil where it is missing or null.
func (r *reading) inner(name string) *reading {
	raw, _ := r.member(name)
	if isNull(raw) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		raw = list[0]
	}
	in, ok := newReading(raw, r.strict, func(inside string) { r.asked(name + "/" + inside) })
	if !ok {
		r.wrong(name, "an object")
		return nil
	}
	return in
}

// isJSON reports whether a content type is one that the service takes for JSON:
// application/json and its relatives, such as the application/json-patch+json of the
// published samples (live; that others get 415 is assumed: content-type).
func isJSON(contentType string) bool {
	kind, parameters, _ := mime.ParseMediaType(contentType)
	charset := parameters["charset"]
	return (charset == "" || strings.EqualFold(charset, "utf-8")) && (kind == "application/json" || kind == "text/json" ||
		strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"))
}

// read has fn read the call's body; the error says what is wrong with it.
func (c *call) read(fn func(*reading)) error {
	if len(bytes.TrimSpace(c.body)) > 0 && !isJSON(c.r.Header.Get("Content-Type")) {
		return refuse(http.StatusUnsupportedMediaType)
	}
	r, ok := newReading(c.body, c.Strict, func(name string) { c.ask("body", name) })
	if !ok {
		return invalid(entry{"", "A non-empty request body that is a JSON object is required."})
	}
	fn(r)
	if mistakes := r.wrongs(); mistakes != nil {
		return invalid(mistakes...)
	}
	return nil
}
