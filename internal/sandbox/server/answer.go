package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
)

// null is how the accounts host says that a thing does not exist: HTTP 200 and a null Result
// (live). The Result nil is none, the answer to a change (live).
var null = json.RawMessage("null")

// later makes a Result when the changes are kept and others may go on.
type later func(ctx context.Context) (any, error)

// refusal is the error of a call that is refused: an answer that is not 200.
type refusal struct {
	status int
	title  string
	errors []entry
	header map[string]string
	bare   bool // no envelope and no body, as ASP.NET itself refuses
}

// Error is the title.
func (r *refusal) Error() string { return r.title }

// refuse returns a refusal without entries, with the status's own name as its title
// (assumed: entries).
func refuse(status int, entries ...entry) *refusal {
	return &refusal{status: status, title: http.StatusText(status), errors: entries}
}

// invalid returns a validation failure with one entry for each field (live).
func invalid(mistakes ...entry) *refusal {
	const title = "One or more validation errors occurred."
	return &refusal{status: http.StatusUnprocessableEntity, title: title, errors: mistakes}
}

// entry is one of an answer's Errors.
type entry = struct{ Key, Message string }

func missing(name string) entry { return entry{name, "The " + name + " field is required."} }

func wrong(name, kind string) entry {
	return entry{name, "The value of " + name + " is not " + kind + "."}
}

// bare returns a refusal without a body, with one header or none.
func bare(status int, header ...string) *refusal {
	r := &refusal{status: status, bare: true}
	if header != nil {
		r.header = map[string]string{header[0]: header[1]}
	}
	return r
}

// blocked is the answer to who tries too often (live; that it says for how long is
// assumed: sign-in-limit).
func blocked(wait time.Duration) *refusal {
	r := refuse(http.StatusTooManyRequests)
	r.header = map[string]string{"Retry-After": strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)}
	return r
}

// envelope is what an answer is written in; its names in the portal host's begin with a small
// letter.
type (
	envelope struct {
		Result any `json:",omitempty"`
		Status int
		Title  string
		Errors []entry
	}
	camelEnvelope struct {
		Result any    `json:"result,omitempty"`
		Status int    `json:"status"`
		Title  string `json:"title"`
		Errors []struct {
			Key     string `json:"key"`
			Message string `json:"message"`
		} `json:"errors"`
	}
)

// response renders an answer: a Result, or a refusal.
func response(result any, no *refusal, camel bool) (r fault.Response, err error) {
	if no != nil {
		result = nil
	} else {
		no = &refusal{status: http.StatusOK}
	}
	r = fault.Response{Status: no.status, Header: http.Header{}}
	for name, value := range no.header {
		r.Header.Set(name, value)
	}
	if no.bare {
		return r, nil
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	out := envelope{result, no.status, no.title, append([]entry{}, no.errors...)}
	if camel {
		r.Body, err = json.Marshal(camelEnvelope(out))
	} else {
		r.Body, err = json.Marshal(out)
	}
	return r, err
}

// refused is response for a refusal, which always has a form.
func refused(no *refusal, camel bool) fault.Response {
	r, _ := response(nil, no, camel)
	return r
}
