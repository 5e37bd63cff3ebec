package userservice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// envelope is what every answer comes in (live). Status counts as much as the HTTP status (client).
type envelope struct {
	Result json.RawMessage
	head
}

// head is an envelope's members but for Result.
type head struct {
	Status int
	Title  string
	Errors []struct{ Key, Message string }
}

// decodeEnvelope reads the body of an answer. The error says in what way it is no envelope.
func decodeEnvelope(body []byte) (envelope, error) {
	var e envelope
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	switch {
	case len(text) == 0:
		return e, fmt.Errorf("its answer is empty")
	case text[0] == '<':
		return e, fmt.Errorf("its answer is HTML, not JSON (a proxy's page, or a wrong base URL)")
	case text[0] != '{':
		return e, fmt.Errorf("its answer is not a JSON object")
	}
	if json.Unmarshal(text, &e) == nil {
		return e.withoutNull(), nil
	}
	// What is wrong is told apart: something that is no JSON, or something behind it.
	e = envelope{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&e); err != nil {
		return envelope{}, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if d.More() {
		return envelope{}, fmt.Errorf("its answer has something behind its JSON object")
	}
	return e.withoutNull(), nil
}

// withoutNull takes a Result that is null for one that is absent (live).
func (e envelope) withoutNull() envelope {
	if bytes.Equal(e.Result, []byte("null")) {
		e.Result = nil
	}
	return e
}

// read makes of an answer what the call returns: nil, or the error that it means.
func (cl *call) read(resp *http.Response, body []byte) *failure.Error {
	status := resp.StatusCode
	if status == http.StatusNoContent && cl.decode == nil {
		return nil
	}
	if status < 300 && cl.quick != nil && cl.quick(body) {
		return nil
	}
	e, err := decodeEnvelope(body)
	if status >= 300 {
		// The status alone says enough: a 401 may come without a body, and a proxy's 502 with HTML.
		return cl.refused(resp, status, e)
	}
	if err != nil {
		return cl.wrongAnswer(resp, err.Error())
	}
	if e.Status >= 400 {
		return cl.refused(resp, e.Status, e)
	}
	if cl.decode == nil {
		// Nothing but the envelope's own Status says that it is the service that answers, and that it is done.
		if e.Status < 200 || e.Status > 299 {
			return cl.wrongAnswer(resp, "its answer does not say that it is done")
		}
		return nil
	}
	if e.Result == nil {
		return cl.wrongAnswer(resp, "its answer has no Result")
	}
	if err := cl.decode(e.Result); err != nil {
		return cl.wrongAnswer(resp, "its Result cannot be read: "+err.Error())
	}
	return nil
}

// wrongAnswer is the error for an answer that says neither yes nor no: what the call was to change may have been changed.
func (cl *call) wrongAnswer(resp *http.Response, why string) *failure.Error {
	return &failure.Error{
		Code:           failure.Failed,
		Message:        fmt.Sprintf("%s (%s %s): the service answered %d, but %s", cl.name, cl.method, cl.path, resp.StatusCode, cl.cut(why)),
		Status:         resp.StatusCode,
		MayHaveApplied: cl.changes,
	}
}

// refused is the error for a failing status, of HTTP or of the envelope.
func (cl *call) refused(resp *http.Response, status int, e envelope) *failure.Error {
	f := &failure.Error{Code: codeOf(status), Status: status, RetryAfter: retryAfter(resp)}
	why := strings.TrimRight(strings.TrimSpace(e.Title), ".")
	if why == "" {
		why = http.StatusText(status)
	}
	f.Title = cl.cut(strings.TrimSpace(e.Title))
	f.Message = fmt.Sprintf("%s: the service answered %d %s", cl.name, status, cl.cut(why))
	for _, entry := range e.Errors {
		f.Fields = append(f.Fields, failure.Field{Key: cl.cut(entry.Key), Message: cl.cut(entry.Message)})
	}
	// A 5xx may come from a proxy that has passed the request on, or from a service that failed after its work.
	f.MayHaveApplied = cl.changes && status >= 500
	switch {
	case status == http.StatusTooManyRequests && f.RetryAfter > 0:
		f.Hint = "try again in " + f.RetryAfter.String()
	case status >= 300 && status < 400:
		f.Message += ": a redirect is not followed, as it could take secrets to another host"
		f.Hint = "check the base URL"
	}
	return f
}

func codeOf(status int) failure.Code {
	switch {
	case status < 400:
		return failure.Failed
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return failure.Unauthorized
	case status == http.StatusNotFound:
		return failure.NotFound
	case status == http.StatusTooManyRequests:
		return failure.RateLimited
	case status == http.StatusRequestTimeout, status >= 500:
		return failure.Unavailable
	default:
		return failure.Rejected
	}
}

// longestRetryAfter bounds what a Retry-After can ask for: the longest block that is known is an hour (live).
const longestRetryAfter = 2 * time.Hour

// retryAfter is the answer's Retry-After, in seconds or as a date; 0 where there is none that can be read.
func retryAfter(resp *http.Response) time.Duration {
	text := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	var d time.Duration
	if s, err := strconv.Atoi(text); err == nil {
		d = time.Duration(min(max(s, 0), int(longestRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = time.Until(at).Round(time.Second)
	}
	return min(max(d, 0), longestRetryAfter)
}
