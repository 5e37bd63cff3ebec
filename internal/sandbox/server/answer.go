package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// answer is what a call comes to, before it is written.
type answer struct {
	status int
	title  string
	errors []failure.Field
	result json.RawMessage // nil: without Result
	header map[string]string
	bare   bool  // no envelope and no body, as ASP.NET itself refuses
	camel  bool  // the envelope of the portal host, whose names begin with a small letter
	err    error // the store failed; nothing else counts
}

// done is the answer to a change: no Result (live).
func done() answer { return answer{status: http.StatusOK} }

// with returns an answer with a Result.
func with(result any) answer {
	data, err := json.Marshal(result)
	return answer{status: http.StatusOK, result: data, err: err}
}

// nothing is how the accounts host says that a thing does not exist: HTTP 200 and a null
// Result (live).
func nothing() answer { return answer{status: http.StatusOK, result: json.RawMessage("null")} }

// refuse returns a failure without entries, with the status's own name as its title
// (assumed: entries).
func refuse(status int) answer { return answer{status: status, title: http.StatusText(status)} }

// invalid returns a validation failure with one entry for each field (live).
func invalid(mistakes ...failure.Field) answer {
	const title = "One or more validation errors occurred."
	return answer{status: http.StatusUnprocessableEntity, title: title, errors: mistakes}
}

func mistake(key, message string) failure.Field { return failure.Field{Key: key, Message: message} }

// blocked is the answer to who tries too often (live; that it says for how long is
// assumed: sign-in-limit).
func blocked(wait time.Duration) answer {
	a := refuse(http.StatusTooManyRequests)
	a.header = map[string]string{"Retry-After": strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)}
	return a
}

// refused is for the parts of a call that may end it: nil goes on.
type refused = *answer

func no(a answer) refused { return &a }

// The names of the envelope, in the order of writing.
var (
	pascalNames = [...]string{`"Result":`, `"Status":`, `,"Title":`, `,"Errors":[`, `{"Key":`, `,"Message":`}
	camelNames  = [...]string{`"result":`, `"status":`, `,"title":`, `,"errors":[`, `{"key":`, `,"message":`}
)

// response renders the answer.
func (a answer) response() fault.Response {
	r := fault.Response{Status: a.status, Header: http.Header{}}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	if a.bare || a.err != nil {
		return r
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	names := &pascalNames
	if a.camel {
		names = &camelNames
	}
	b := slices.Grow([]byte{'{'}, len(a.result)+100)
	if a.result != nil {
		b = append(b, names[0]...)
		b = append(append(b, a.result...), ',')
	}
	b = append(b, names[1]...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, names[2]...)
	b = store.AppendString(b, a.title)
	b = append(b, names[3]...)
	for i, e := range a.errors {
		if i > 0 {
			b = append(b, ',')
		}
		b = store.AppendString(append(b, names[4]...), e.Key)
		b = store.AppendString(append(b, names[5]...), e.Message)
		b = append(b, '}')
	}
	b = append(b, "]}"...)
	r.Body = b
	return r
}
