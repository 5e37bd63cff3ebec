package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// object is a JSON object with its names in lower case: the service reads names without regard to case (client).
type object map[string]json.RawMessage

// parseObject reads a body; anything but an object is a mistake.
func parseObject(data []byte) (object, []failure.Field) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		return nil, []failure.Field{mistake("", "A non-empty request body that is a JSON object is required.")}
	}
	o := make(object, len(raw))
	for name, value := range raw {
		o[strings.ToLower(name)] = value
	}
	if len(o) < len(raw) {
		o.readAgain(data)
	}
	return o, nil
}

// readAgain takes the members in the order of the text, so that of names that differ in case alone the last counts.
func (o object) readAgain(data []byte) {
	d := json.NewDecoder(bytes.NewReader(data))
	_, err := d.Token() // {
	for err == nil && d.More() {
		var name json.Token
		var value json.RawMessage
		if name, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		if err == nil {
			o[strings.ToLower(fmt.Sprint(name))] = value
		}
	}
}

func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// reading takes values out of an object and keeps account of what is wrong with them. It converts where the real
// service does: numbers and booleans in strings, and the other way round (assumed: conversion).
type reading struct {
	object
	mistakes []failure.Field
	asked    func(name string) // is told of each name that is looked for; nil is nobody
}

// member is what a name, in any case, stands for; nil where it is missing.
func (r *reading) member(name string) json.RawMessage {
	raw, _ := r.said(name)
	return raw
}

// said is member for whom a null says something too.
func (r *reading) said(name string) (raw json.RawMessage, sent bool) {
	if r.asked != nil {
		r.asked(name)
	}
	raw, sent = r.object[strings.ToLower(name)]
	return raw, sent
}

func (r *reading) wrong(name, kind string) {
	r.mistakes = append(r.mistakes, mistake(name, fmt.Sprintf("The value of %s is not %s.", name, kind)))
}

func (r *reading) required(name string) {
	r.mistakes = append(r.mistakes, mistake(name, "The "+name+" field is required."))
}

// scalar is the text of a string, a number or a boolean.
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

// text is a value as a string; ok is false where it is missing, null, or no scalar, which is a mistake.
func (r *reading) text(name string) (value string, ok bool) {
	raw := r.member(name)
	if isNull(raw) {
		return "", false
	}
	if value, ok = scalar(raw); !ok {
		r.wrong(name, "a string")
	}
	return value, ok
}

func (r *reading) boolean(name string) (value, ok bool) {
	text, ok := r.text(name)
	if !ok {
		return false, false
	}
	value, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		r.wrong(name, "a boolean")
	}
	return value, err == nil
}

func (r *reading) count(name string) (value int, ok bool) {
	text, ok := r.text(name)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		r.wrong(name, "a 32-bit integer")
		return 0, false
	}
	return int(f), true
}

// enum is one of the spellings, in any case, or its number.
func (r *reading) enum(name string, spellings []string) (value string, ok bool) {
	text, ok := r.text(name)
	if !ok {
		return "", false
	}
	for i, s := range spellings {
		if strings.EqualFold(s, text) || strconv.Itoa(i) == text {
			return s, true
		}
	}
	r.wrong(name, "one of "+strings.Join(spellings, ", "))
	return "", false
}

func (r *reading) uuid(name string) (value string, ok bool) {
	text, ok := r.text(name)
	if !ok {
		return "", false
	}
	value, err := field.ParseUUID(text)
	if err != nil {
		r.wrong(name, "a UUID")
	}
	return value, err == nil
}

func (r *reading) uuids(name string) []string {
	var out []string
	for _, text := range r.texts(name) {
		id, err := field.ParseUUID(text)
		if err != nil {
			r.wrong(name, "a list of UUIDs")
			return nil
		}
		out = append(out, id)
	}
	return out
}

// texts is a list of strings; nil where it is missing or null.
func (r *reading) texts(name string) []string {
	raw := r.member(name)
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

// moment is a date or a moment of ISO 8601; one without a zone is in UTC.
func (r *reading) moment(name string) (value time.Time, ok bool) {
	text, ok := r.text(name)
	if !ok {
		return time.Time{}, false
	}
	normal, err := field.Get("Birthday").ParseText(text, farFuture)
	if err == nil {
		for _, shape := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
			if value, err = time.Parse(shape, fmt.Sprint(normal)); err == nil {
				return value.UTC(), true
			}
		}
	}
	r.wrong(name, "a date and time in ISO 8601")
	return time.Time{}, false
}

// inner is an object inside; a list of one is taken for its content, as the service gives it back so (assumed: conversion). It is nil where
// it is missing or null.
func (r *reading) inner(name string) *reading {
	raw := r.member(name)
	if isNull(raw) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		raw = list[0]
	}
	o, mistakes := parseObject(raw)
	if mistakes != nil {
		r.wrong(name, "an object")
		return nil
	}
	in := &reading{object: o}
	if r.asked != nil {
		in.asked = func(inside string) { r.asked(name + "/" + inside) }
	}
	return in
}

// isJSON tells whether a content type is one that the service takes for JSON: application/json and its relatives, such
// as the application/json-patch+json of the published samples (live; that others get 415 is assumed: content-type).
func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || kind == "text/json" || (strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"))
}

// fields reads the call's body. Where that cannot be, the second answer says so.
func (c *call) fields() (*reading, *answer) {
	if len(bytes.TrimSpace(c.body)) > 0 && !isJSON(c.r.Header.Get("Content-Type")) {
		a := refuse(http.StatusUnsupportedMediaType)
		return nil, &a
	}
	o, mistakes := parseObject(c.body)
	if mistakes != nil {
		a := invalid(mistakes...)
		return nil, &a
	}
	return &reading{object: o, asked: c.askedIn("body")}, nil
}
