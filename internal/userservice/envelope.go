package userservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// envelope is what every answer of the service comes in (live). Status counts as much as the HTTP
// status (client).
type envelope struct {
	Result json.RawMessage // nil where it is absent or null (live)
	head
	own bool // spelled as the service spells it on that host
}

// head is an envelope's members except Result.
type head struct {
	Status int
	Title  string
	Errors []struct{ Key, Message string }
}

// decodeEnvelope reads the body of an answer, whatever the case of its names. The error says why
// it is not an envelope: JSON with an integer Status and one of Result, Title and Errors.
func decodeEnvelope(body []byte, camel bool) (envelope, error) {
	members, err := decodeObject(body)
	if err != nil {
		return envelope{}, err
	}
	e := envelope{own: true}
	var status, other bool
	for name, value := range members {
		known := true
		var target any
		switch strings.ToLower(name) {
		case "status":
			target, status = &e.Status, !isNull(value)
		case "title":
			target, other = &e.Title, true
		case "errors":
			target, other = &e.Errors, true
		case "result":
			if other = true; !isNull(value) {
				e.Result = value
			}
		case "traceid", "detail", "type":
			e.own = false // a problem document (RFC 9457), as gateways on ASP.NET write it
		default:
			known = false
		}
		if known {
			first := name[0] >= 'A' && name[0] <= 'Z'
			e.own = e.own && first != camel
		}
		if target != nil {
			if err := json.Unmarshal(value, target); err != nil {
				return envelope{}, fmt.Errorf("its %s cannot be read: %w", name, err)
			}
		}
	}
	if !status || !other {
		return envelope{}, errors.New("its answer is not in the service's envelope")
	}
	return e, nil
}

// decodeObject reads the one JSON object of an answer.
func decodeObject(body []byte) (map[string]json.RawMessage, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	switch {
	case len(text) == 0:
		return nil, errors.New("its answer is empty")
	case text[0] == '<':
		return nil, errors.New("its answer is HTML, not JSON (a proxy's page, or a wrong base URL)")
	case text[0] != '{':
		return nil, errors.New("its answer is not a JSON object")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) == nil {
		return members, nil
	}
	// Not JSON, or something after it?
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	return nil, errors.New("its answer has something after its JSON object")
}

func isNull(value json.RawMessage) bool { return bytes.Equal(value, []byte("null")) }

// read returns nil for an answer that says that the call is done, else the error that it means.
func (cl *call) read(resp *http.Response, body []byte) *failure.Error {
	status := resp.StatusCode
	if cl.raw != nil {
		shown := body
		if !cl.showSecrets {
			shown = cl.redactBody(body)
		}
		*cl.raw = RawAnswer{status, resp.Header, shown}
	}
	if status == http.StatusNoContent && cl.decode == nil {
		return nil
	}
	if status < 300 && cl.fastDecode != nil && cl.fastDecode(body) {
		return nil
	}
	e, err := decodeEnvelope(body, cl.camel())
	switch {
	case status >= 300:
		return cl.refused(resp, status, e, len(bytes.TrimSpace(body)) == 0)
	case err != nil && cl.raw != nil:
		return nil
	case err != nil:
		return cl.unreadable(resp, failure.Text(err))
	case e.Status >= 400:
		return cl.refused(resp, e.Status, e, false)
	case e.Status < 200 || e.Status > 299:
		return cl.unreadable(resp, fmt.Sprintf("its Status is %d", e.Status))
	}
	return cl.readResult(resp, e.Result)
}

func (cl *call) readResult(resp *http.Response, result json.RawMessage) *failure.Error {
	if cl.about != "" {
		if whose := subjectOf(result); whose != "" && whose != cl.about {
			f := cl.unreadable(resp, "it is about user "+whose+", not about "+cl.about)
			return f.Because(ReasonWrongSubject, cl.about)
		}
	}
	switch {
	case cl.decode == nil:
		return nil
	case result == nil && cl.noResult != nil:
		f := *cl.noResult
		f.Status, f.Enveloped = http.StatusNotFound, true
		return &f
	case result == nil:
		return cl.unreadable(resp, "its answer has no Result")
	}
	if err := cl.decode(result); err != nil {
		var f *failure.Error
		if errors.As(err, &f) {
			f.MayHaveApplied = cl.changes
			return f
		}
		return cl.unreadable(resp, "its Result cannot be read: "+failure.Text(err))
	}
	return nil
}

// subjectOf returns the DeviceToken of a Result that has one, in canonical form where it is a
// UUID; "" where it has none.
func subjectOf(result json.RawMessage) string {
	if len(result) == 0 || result[0] != '{' {
		return ""
	}
	var r struct{ DeviceToken text }
	if json.Unmarshal(result, &r) != nil {
		return ""
	}
	return canonical(string(r.DeviceToken))
}

// unreadable is the error for an answer that says neither yes nor no: what the call was to change
// may have been changed.
func (cl *call) unreadable(resp *http.Response, why string) *failure.Error {
	path, _, _ := strings.Cut(cl.path, "?") // a query may name people
	return &failure.Error{
		Code: failure.Failed,
		Message: fmt.Sprintf("%s (%s %s): the service answered %d, but %s",
			cl.name, cl.method, cl.redact(path), resp.StatusCode, cl.redact(why)),
		Status:         resp.StatusCode,
		MayHaveApplied: cl.changes,
	}
}

// refused is the error for a failing status, of HTTP or of the envelope. bare reports that the
// answer had no body.
func (cl *call) refused(resp *http.Response, status int, e envelope, bare bool) *failure.Error {
	own := e.own && e.Status >= 400 && status < 500
	if own {
		status = e.Status // what the service says itself is more exact than what a gateway made of it
	}
	f := &failure.Error{Status: status, Enveloped: own, RetryAfter: retryAfter(resp.Header)}
	f.Code = codeOf(status, own || bare && status == http.StatusUnauthorized)
	title := strings.TrimSpace(e.Title)
	why := strings.TrimRight(title, ".")
	if why == "" {
		why = http.StatusText(status)
	}
	f.Title = cl.redact(title)
	f.Message = fmt.Sprintf("%s: the service answered %d %s", cl.name, status, cl.redact(why))
	for _, entry := range e.Errors {
		f.Fields = append(f.Fields, failure.Field{Key: cl.redact(entry.Key), Message: cl.redact(entry.Message)})
	}
	// What is not the service's own refusal may come from a gateway that had passed the request
	// on, and a 5xx from a service that failed after its work. 429 and a bare 401 come before any
	// work (assumed).
	f.MayHaveApplied = cl.changes && f.Code == failure.Unavailable
	host := resp.Request.URL.Host
	switch {
	case (own || bare) && cl.absence && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed):
		f.Reason, f.Subject = ReasonNoSuchCall, cl.path
	case status == http.StatusProxyAuthRequired:
		f.Message = fmt.Sprintf("%s: the proxy answered %d %s", cl.name, status, cl.redact(why))
		f.Reason, f.Subject, f.Permanent, f.MayHaveApplied = ReasonProxy, "", true, false
	case status == http.StatusTooManyRequests && f.RetryAfter > 0:
		f.Reason, f.Subject = ReasonRateLimited, f.RetryAfter.String()
	case status < 400:
		f.Message += ": a redirect is not followed, as it could take secrets to another host"
		f.Reason, f.Subject = ReasonRedirect, host
	case f.Code == failure.Unavailable && status < 500 && status != http.StatusRequestTimeout:
		f.Message = fmt.Sprintf("%s: a gateway answered %d %s, not the service", cl.name, status, http.StatusText(status))
		f.Reason, f.Subject = ReasonGateway, host
	}
	return f
}
