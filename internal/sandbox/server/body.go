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

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// object is a JSON object with its names in lower case: the service reads names without
// regard to case (client).
type object map[string]json.RawMessage

// parseObject reads a body, and the names in it as they were written. Of names that differ in
// case alone the last counts. ok is false for anything but an object.
func parseObject(data []byte) (o object, names []string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, false
	}
	o = object{}
	for d.More() {
		var value json.RawMessage
		t, err := d.Token()
		name, isText := t.(string)
		if err != nil || !isText || d.Decode(&value) != nil {
			return nil, nil, false
		}
		o[strings.ToLower(name)], names = value, append(names, name)
	}
	_, end := d.Token()
	_, err := d.Token()
	return o, names, end == nil && errors.Is(err, io.EOF)
}

func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// reading takes values out of an object and lists what is wrong with them. It converts
// where the service does: numbers and booleans in strings, and the reverse (live). A
// strict one does not, and knows what was not looked for.
type reading struct {
	object
	given    []string // the names as they were written
	strict   bool
	mistakes []failure.Field
	wanted   map[string]bool   // what was looked for, where it is strict
	asked    func(name string) // gets each name that is looked for; nil in the service itself
}

// member returns what a name, in any case, stands for, and whether it was sent.
func (r *reading) member(name string) (raw json.RawMessage, sent bool) {
	if r.asked != nil {
		r.asked(name)
	}
	if r.strict {
		if r.wanted == nil {
			r.wanted = map[string]bool{}
		}
		r.wanted[name] = true
	}
	raw, sent = r.object[strings.ToLower(name)]
	return raw, sent
}

// wrongs returns the mistakes; a strict reading adds the names that are unknown, or of
// another case.
func (r *reading) wrongs() []failure.Field {
	if r.strict {
		for _, name := range r.given {
			if !r.wanted[name] {
				r.mistakes = append(r.mistakes, mistake(name, "The "+name+" field is unknown."))
			}
		}
		r.given = nil
	}
	return r.mistakes
}

func (r *reading) wrong(name, kind string) {
	r.mistakes = append(r.mistakes, mistake(name, fmt.Sprintf("The value of %s is not %s.", name, kind)))
}

func (r *reading) between(name string, least, most int) {
	r.wrong(name, fmt.Sprintf("between %d and %d", least, most))
}

func (r *reading) required(name string) {
	r.mistakes = append(r.mistakes, mistake(name, "The "+name+" field is required."))
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

// uuid returns a UUID in any of the forms that .NET writes; a strict reading takes the
// one with dashes.
func (r *reading) uuid(name string) (value uuid.UUID, ok bool) {
	text, ok := r.text(name)
	if !ok || text == "" {
		return uuid.Nil, false
	}
	value, err := field.ParseServiceUUID(text)
	if err != nil || r.strict && len(text) != 36 {
		r.wrong(name, "a UUID")
		return uuid.Nil, false
	}
	return value, true
}

func (r *reading) uuids(name string) []uuid.UUID {
	var out []uuid.UUID
	for _, text := range r.texts(name) {
		id, err := field.ParseServiceUUID(text)
		if err != nil {
			r.wrong(name, "a list of UUIDs")
			return nil
		}
		out = append(out, id)
	}
	return out
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
	o, names, ok := parseObject(raw)
	if !ok {
		r.wrong(name, "an object")
		return nil
	}
	in := &reading{object: o, strict: r.strict, given: names}
	if r.asked != nil {
		in.asked = func(inside string) { r.asked(name + "/" + inside) }
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

// read reads the call's body, and returns what is wrong with it: that counts after the JWT.
func (c *call) read(fn func(*reading)) refused {
	if len(bytes.TrimSpace(c.body)) > 0 && !isJSON(c.r.Header.Get("Content-Type")) {
		return no(refuse(http.StatusUnsupportedMediaType))
	}
	o, names, ok := parseObject(c.body)
	if !ok {
		return no(invalid(mistake("", "A non-empty request body that is a JSON object is required.")))
	}
	r := &reading{object: o, strict: c.Strict, given: names, asked: c.askedIn("body")}
	fn(r)
	if mistakes := r.wrongs(); mistakes != nil {
		return no(invalid(mistakes...))
	}
	return nil
}
