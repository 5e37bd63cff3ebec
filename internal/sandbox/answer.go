package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// answer is what a call comes to, before it is written.
type answer struct {
	status int
	title  string
	errors []failure.Field
	result json.RawMessage // nil: there is no Result
	header map[string]string
	bare   bool   // no envelope: the body is raw, or there is none
	raw    []byte // of a bare answer; its Content-Type is in header
	http   int    // the HTTP status where it is not the envelope's
	camel  bool   // the envelope of the portal host, whose names begin with a small letter
	err    error  // the store failed; nothing else counts

	borrowed *[]byte // the buffer of the result, where it is one of longAnswers
}

// sent gives back what the answer borrowed. It must not be used any more.
func (a answer) sent() {
	if a.borrowed != nil {
		longAnswers.Put(a.borrowed)
	}
}

// done is the answer to a change: no Result (live).
func done() answer { return answer{status: http.StatusOK} }

// with is an answer with a Result.
func with(result any) answer {
	data, err := json.Marshal(result)
	return answer{status: http.StatusOK, result: data, err: err}
}

// nothing is how the accounts host says that there is no such thing: HTTP 200 and a null Result (live).
func nothing() answer { return answer{status: http.StatusOK, result: json.RawMessage("null")} }

// refuse is a failure without entries, with the status's own name as its title (assumed: entries).
func refuse(status int) answer { return answer{status: status, title: http.StatusText(status)} }

// invalid is a validation failure with one entry for each field (live).
func invalid(mistakes ...failure.Field) answer {
	return answer{status: http.StatusUnprocessableEntity, title: "One or more validation errors occurred.", errors: mistakes}
}

func mistake(key, message string) failure.Field { return failure.Field{Key: key, Message: message} }

// blocked is the answer to who tries too often (live; that it says for how long is assumed: sign-in-limit).
func blocked(wait time.Duration) answer {
	a := refuse(http.StatusTooManyRequests)
	seconds := int64((wait + time.Second - 1) / time.Second)
	a.header = map[string]string{"Retry-After": strconv.FormatInt(seconds, 10)}
	return a
}

// The names of the envelope, in the order of writing.
var (
	pascalNames = [...]string{`"Result":`, `"Status":`, `,"Title":`, `,"Errors":[`, `{"Key":`, `,"Message":`}
	camelNames  = [...]string{`"result":`, `"status":`, `,"title":`, `,"errors":[`, `{"key":`, `,"message":`}
)

// body is the whole of what is written below the headers.
func (a answer) body() []byte {
	if a.bare {
		return a.raw
	}
	head, tail := a.envelope()
	return slices.Concat(head, a.result, tail)
}

// envelope is what comes before and behind the Result.
func (a answer) envelope() (head, tail []byte) {
	names := &pascalNames
	if a.camel {
		names = &camelNames
	}
	head = append(head, '{')
	if a.result != nil {
		head = append(head, names[0]...)
		tail = append(tail, ',')
	}
	tail = append(tail, names[1]...)
	tail = strconv.AppendInt(tail, int64(a.status), 10)
	tail = append(tail, names[2]...)
	tail = appendQuoted(tail, a.title)
	tail = append(tail, names[3]...)
	for i, e := range a.errors {
		if i > 0 {
			tail = append(tail, ',')
		}
		tail = append(tail, names[4]...)
		tail = appendQuoted(tail, e.Key)
		tail = append(tail, names[5]...)
		tail = appendQuoted(tail, e.Message)
		tail = append(tail, '}')
	}
	return head, append(tail, "]}"...)
}

// code is the HTTP status.
func (a answer) code() int {
	if a.http != 0 {
		return a.http
	}
	return a.status
}

func (a answer) writeHead(w http.ResponseWriter, length int64) {
	if !a.bare {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(a.code())
}

// write sends the answer. A Result may be megabytes, so the envelope is put around it without copying. Whoever went away
// meanwhile needs no answer.
func write(w http.ResponseWriter, a answer) {
	parts := [][]byte{a.raw}
	if !a.bare {
		head, tail := a.envelope()
		parts = [][]byte{head, a.result, tail}
	}
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	a.writeHead(w, int64(length))
	for _, p := range parts {
		if len(p) > 0 {
			_, _ = w.Write(p)
		}
	}
}

// appendQuoted appends a JSON string.
func appendQuoted(b []byte, s string) []byte {
	var all byte
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
		all |= c
	}
	if all >= utf8.RuneSelf && !utf8.ValidString(s) {
		return appendEscaped(b, s)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always has a JSON form
		return append(b, `""`...)
	}
	return append(b, quoted...)
}
