// Package failure is the one error type of the program: made where the knowledge is, printed in
// one place (cmd), never compared by its text.
//
// A leaf: it imports nothing of the project, and every room may import it.
package failure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code names a kind of failure. Scripts rely on the names and on their exit statuses.
type Code string

// The codes, in the order of their exit statuses.
const (
	Failed       Code = "failed"       // anything else
	Invalid      Code = "invalid"      // wrong usage, input or configuration; nothing was sent
	Unauthorized Code = "unauthorized" // not signed in, refused, wrong kind of JWT, token store unusable
	NotFound     Code = "not_found"    // no such user, profile, job
	Partial      Code = "partial"      // of several, at least one failed; the rest is done and reported
	RateLimited  Code = "rate_limited" // 429, or the tool's own sign-in guard
	Unavailable  Code = "unavailable"  // no connection, timeout, 5xx after the retries
	Rejected     Code = "rejected"     // the service refused the request
	Changes      Code = "changes"      // a plan or a check found something
	Interrupted  Code = "interrupted"  // Ctrl-C
)

// A CodeInfo says of a code when a command ends with it.
type CodeInfo struct {
	Code Code
	Exit int
	When string
}

// Codes returns all codes, in the order of their exit statuses.
func Codes() []CodeInfo {
	return []CodeInfo{
		{Failed, 1, "anything else"},
		{Invalid, 2, "wrong usage, input or configuration; nothing was sent"},
		{Unauthorized, 3, "not signed in, sign-in refused, wrong kind of JWT, or the token store cannot be used"},
		{NotFound, 4, "no such user, profile or job"},
		{Partial, 5, "of several, at least one failed; the rest is done and reported"},
		{RateLimited, 6, "the service answered 429, or the sign-in guard refused"},
		{Unavailable, 7, "no connection, no answer in time, or 5xx after the retries; " +
			"or an answer was lost and the change may have been made"},
		{Rejected, 8, "the service refused the request"},
		{Changes, 9, "plan --exit-code, drift or report --fail-if found something"},
		{Interrupted, 130, "interrupted by Ctrl-C or a signal; 141 if the reader of standard output went away"},
	}
}

// Exit is the process's exit status for the code; 1 for one that is not listed.
func (c Code) Exit() int {
	for _, known := range Codes() {
		if known.Code == c {
			return known.Exit
		}
	}
	return 1
}

// Reason names a kind of trouble that a person can do something about. Each room declares its own
// constants; cmd turns them into hints, as only cmd knows flags, commands and variables.
type Reason string

// Field is one mistake, by the name of the field that holds it.
type Field struct {
	Key      string
	Message  string
	Location *Location // where it stands in a file; nil for what is not from one
}

// Location is a value in a file of rows.
type Location struct {
	Row, Line int    // the data row and the line that it begins at, both from 1
	Column    string // as the file calls it; "" where the row as a whole is meant
	Value     string // as it may be shown: cut to a length, and no secret
}

// Error says what failed and why, and what a person can do about it. Message and Hint have
// neither a capital letter at the start nor a full stop at the end, and never hold a secret.
type Error struct {
	Code      Code
	Message   string  // what failed: why
	Hint      string  // what to do about it; may be empty
	Reason    Reason  // what kind of trouble it is, for the hint that cmd builds; may be empty
	Subject   string  // what Reason is about: a job's ID, a path, a host, a DeviceToken; may be empty
	Status    int     // the HTTP status, or the failing Status of the envelope; 0 where there was no answer
	Fields    []Field // one entry a field, where the mistake has one; the first of them where Each has more
	RequestID string  // the X-Request-Id that went with the call, if there was a call
	Cause     error   // for errors.Is and errors.As; never printed by itself

	// Each, if not nil, gives all fields in their order, where there may be too many to hold. It
	// can be called once, and ends with do's error.
	Each func(do func(Field) error) error

	// Enveloped reports that the answer is the service's own: it came in its envelope. Without it
	// Status is a gateway's, and nothing may be inferred from it about the request. (A bare 401
	// counts, and has the code Unauthorized.)
	Enveloped bool

	// Permanent reports that another attempt would end in the same way, although the code says
	// Unavailable: a certificate that is not trusted, a proxy that refuses.
	Permanent bool

	Title      string        // what the service itself says of the refusal, as far as it may be shown
	RetryAfter time.Duration // how long the service asks to wait; 0 where it does not

	// MayHaveApplied is set where a change may have been carried out although its answer says
	// nothing, or was lost.
	MayHaveApplied bool
}

// Error is the message, with the fields behind it.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = strings.TrimPrefix(f.Key+": "+f.Message, ": ")
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// AllFields gives every field, by Each where there is one. It can be called once.
func (e *Error) AllFields(do func(Field) error) error {
	if e.Each != nil {
		return e.Each(do)
	}
	for _, f := range e.Fields {
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a code. The message is taken as it is, never as a format.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Newf makes an error of a code from a format.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error whose message is "what: cause", in the words of Text; the cause's own text
// must hold no secret.
func Wrap(code Code, what string, cause error) *Error {
	return &Error{Code: code, Message: what + ": " + Text(cause), Cause: cause}
}

// Copy returns a copy of an error, as From finds it, that may be changed. Copy(nil) is nil.
func Copy(err error) *Error {
	if err == nil {
		return nil
	}
	f := *From(err)
	return &f
}

// Prefix returns a copy of an error, as From finds it, whose message is "what: message".
func Prefix(err error, what string) *Error {
	f := Copy(err)
	f.Message = what + ": " + f.Message
	return f
}

// Suffix returns a copy of an error, as From finds it, whose message is "message; what".
func Suffix(err error, what string) *Error {
	f := Copy(err)
	f.Message += "; " + what
	return f
}

// Because returns the error with a reason and what the reason is about.
func (e *Error) Because(r Reason, subject string) *Error {
	e.Reason, e.Subject = r, subject
	return e
}

// HasReason reports whether err has the reason.
func HasReason(err error, r Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == r
}

// WithHint returns the error with a hint set.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// InvalidFields makes the error for input that breaks the rules: one entry for each mistake, none
// sent. It is nil for none.
func InvalidFields(what string, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: what, Fields: fields}
}

// From finds the Error in err, or makes one of it: a cancelled context is interrupted, a passed
// deadline unavailable, the rest failed. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Code: Interrupted, Message: "interrupted", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: Unavailable, Message: Text(err), Cause: err}
	default:
		return &Error{Code: Failed, Message: Text(err), Cause: err}
	}
}

// CodeOf is the code of err, by the rules of From; "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return From(err).Code
}

// IsPermanent reports whether another attempt would end as err did.
func IsPermanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

// Is reports whether err has the code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// MayHaveApplied reports whether the call that ended in err may have been carried out anyway.
func MayHaveApplied(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.MayHaveApplied
}
