package sandbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// exchange is one request and its answer, for the log and for those who ask the control API.
type exchange struct {
	s     *Sandbox
	r     *http.Request
	begun time.Time // by the system's clock: what a request took has nothing to do with the sandbox's time
	fate  fate
	body  []byte
	entry Exchange
}

// Exchange is what is remembered of a request. Secrets are cut out of Body, and JWTs out of Path and RequestID.
type Exchange struct {
	Time      time.Time // the sandbox's
	Method    string
	Path      string
	Status    int     // HTTP's; 0 where the connection was broken
	Took      float64 // milliseconds
	RequestID string  `json:"RequestId"`
	Fault     string  `json:",omitempty"`
	Body      string  `json:",omitempty"` // its beginning
}

func (s *Sandbox) begin(r *http.Request, id string) *exchange {
	var redactor *secret.Redactor
	return &exchange{
		s: s, r: r, begun: time.Now(),
		entry: Exchange{Time: s.now().UTC(), Method: r.Method, Path: redactor.Redact(r.URL.Path), RequestID: redactor.Redact(id)},
	}
}

// run answers the request, with what fate has in store for it.
func (e *exchange) run(ctx context.Context, w http.ResponseWriter) error {
	if faultPause(ctx, e.fate.wait) != nil {
		e.end(ctx) // the client has gone
		return ctx.Err()
	}
	effect := e.fate.effect
	if effect.breaks() && !effect.after {
		e.drop(ctx, w)
	}
	body, refused := read(e.r)
	e.body = body
	fault, instead := effect.instead()
	var a answer
	switch {
	case refused != nil:
		a = *refused
	case instead && !effect.after:
		a = fault
	default:
		a = e.s.answer(e.r, body)
	}
	if a.err != nil {
		e.entry.Status = http.StatusServiceUnavailable
		e.end(ctx)
		return a.err
	}
	defer a.sent()
	if effect.breaks() {
		e.drop(ctx, w)
	}
	if instead {
		a = fault
		a.camel = e.s.isCamel(e.r)
	}
	e.entry.Status = a.code()
	e.end(ctx)
	effect.send(ctx, w, a)
	return nil
}

// drop breaks the connection.
func (e *exchange) drop(ctx context.Context, w http.ResponseWriter) {
	e.end(ctx)
	if e.fate.effect.kind == effectReset {
		reset(w)
	}
	panic(http.ErrAbortHandler)
}

// end writes the log's line and remembers the exchange.
func (e *exchange) end(ctx context.Context) {
	e.log(ctx)
	if e.s.options.Control {
		e.entry.Body = cut(e.body)
		e.s.history.add(e.entry, e.s.callName(e.r))
	}
}

func (e *exchange) log(ctx context.Context) {
	e.entry.Took = float64(time.Since(e.begun).Microseconds()) / 1000
	e.entry.Fault = e.fate.names
	log := e.s.options.Log
	if log == nil {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", e.entry.Method), slog.String("path", e.entry.Path), slog.Int("status", e.entry.Status),
		slog.Float64("ms", e.entry.Took), slog.String("request_id", e.entry.RequestID),
	}
	if e.entry.Fault != "" {
		attributes = append(attributes, slog.String("fault", e.entry.Fault))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "request", attributes...)
}

// callName is the method and the path of the contract, "" for a call that there is not.
func (s *Sandbox) callName(r *http.Request) string {
	if found, _, _ := match(s.routes, r.Method, r.URL.Path); found != nil {
		return found.method + " " + found.path
	}
	return "(none)"
}

// isCamel tells whether the call's envelope is in camelCase.
func (s *Sandbox) isCamel(r *http.Request) bool {
	found, _, _ := match(s.routes, r.Method, r.URL.Path)
	return found != nil && found.camel
}

// longestBody is how much of a body is remembered, in bytes.
const longestBody = 2000

// secretNames are the fields whose values are cut out, in lower case.
var secretNames = map[string]bool{
	"password": true, "oldpassword": true, "newpassword": true, "accesstoken": true, "refreshtoken": true,
	"instancekey": true, "toinstancekey": true,
}

// cut is a body without its secrets. What is no JSON is not shown: who knows what is in it.
func cut(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	text, ok := cutJSON(body)
	if !ok {
		return noJSON
	}
	var redactor *secret.Redactor
	text = redactor.Redact(text)
	if len(text) > longestBody {
		text = strings.ToValidUTF8(text[:longestBody], "") + "…"
	}
	return text
}

// noJSON is shown in the place of what cannot be cut.
const noJSON = "(no JSON)"

// cutJSON is JSON without the values of secret fields; ok is false for what is no JSON.
func cutJSON(data []byte) (text string, ok bool) {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return "", false
	}
	data, err := json.Marshal(cutValue(v))
	return string(data), err == nil
}

// cutField is a field's value without secrets. LoginFields are a JSON object in a text; anything else there has no names to go by.
func cutField(name string, v any) any {
	text, isText := v.(string)
	switch {
	case secretNames[strings.ToLower(name)]:
		return secret.Redacted
	case isText && strings.EqualFold(name, "LoginFields"):
		text, ok := cutJSON([]byte(text))
		if !ok || text[0] != '{' {
			return noJSON
		}
		return text
	default:
		return cutValue(v)
	}
}

func cutValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = cutField(name, inner)
		}
	case []any:
		for i := range v {
			v[i] = cutValue(v[i])
		}
	}
	return v
}

// mostExchanges is how many requests are remembered.
const mostExchanges = 200

// history is the last requests, and counters of all. It is safe for use by many goroutines.
type history struct {
	mu     sync.Mutex
	last   []Exchange
	total  int64
	counts map[string]map[int]int64 // by call and status
}

func (h *history) add(e Exchange, call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.last) == mostExchanges {
		h.last = append(h.last[:0:0], h.last[mostExchanges/2:]...)
	}
	h.last = append(h.last, e)
	h.total++
	if h.counts == nil {
		h.counts = map[string]map[int]int64{}
	}
	if h.counts[call] == nil {
		h.counts[call] = map[int]int64{}
	}
	h.counts[call][e.Status]++
}

func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.total, h.counts = nil, 0, nil
}
