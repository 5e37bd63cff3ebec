package sandbox

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/redact"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// exchange is one request and its answer, for the log and for those who ask the control API.
type exchange struct {
	s     *Sandbox
	r     *http.Request
	begun time.Time // by the system's clock: what a request took has nothing to do with the sandbox's time
	plan  fault.Plan
	body  []byte
	entry Exchange
}

// Exchange is what is remembered of a request. Secrets are redacted in Body, and JWTs in
// Path and RequestID.
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
	return &exchange{s: s, r: r, begun: time.Now(), entry: Exchange{
		Time: s.now().UTC(), Method: r.Method, Path: redactor.Redact(r.URL.Path), RequestID: redactor.Redact(id),
	}}
}

// run answers the request, with what was planned for it.
func (e *exchange) run(ctx context.Context, w http.ResponseWriter) error {
	stop, _ := ctx.Value(stopKey{}).(<-chan struct{})
	if fault.Pause(ctx, e.plan.Wait, stop) != nil {
		e.end(ctx) // the client has gone
		return ctx.Err()
	}
	effect := e.plan.Effect
	if effect.Breaks() && effect.Before() {
		e.end(ctx)
		effect.Break(w)
	}
	body, answer, ok := server.ReadBody(e.r)
	e.body = body
	if ok && !effect.Before() {
		var err error
		if answer, err = e.s.server.Answer(ctx, e.r, body); err != nil {
			e.entry.Status = http.StatusServiceUnavailable
			e.end(ctx)
			return err
		}
	}
	if effect.Breaks() {
		e.end(ctx)
		effect.Break(w)
	}
	if ok {
		refuse := func(status int, message string) fault.Response { return e.s.server.Refuse(e.r, status, message) }
		if instead, replaced := effect.Replace(refuse); replaced {
			answer = instead
		}
	}
	e.entry.Status = answer.Status
	e.end(ctx)
	effect.Send(ctx, w, answer, stop)
	return nil
}

// end writes the log's line and remembers the exchange.
func (e *exchange) end(ctx context.Context) {
	e.log(ctx)
	if e.s.options.Control {
		e.entry.Body = redacted(e.body)
		e.s.history.add(e.entry, e.s.server.CallName(e.r))
	}
}

func (e *exchange) log(ctx context.Context) {
	e.entry.Took = float64(time.Since(e.begun).Microseconds()) / 1000
	e.entry.Fault = e.plan.Names
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

// longestBody is how much of a body is remembered, in bytes.
const longestBody = 2000

// redacted is the beginning of a body without its secrets. What is not JSON is not shown: who knows
// what is in it.
func redacted(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	text := redact.Body(body)
	if len(text) > longestBody {
		text = strings.ToValidUTF8(text[:longestBody], "") + "…"
	}
	return text
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
	if h.last = append(h.last, e); len(h.last) > mostExchanges {
		h.last = slices.Clone(h.last[mostExchanges/2:])
	}
	h.total++
	if h.counts[call] == nil {
		if h.counts == nil {
			h.counts = map[string]map[int]int64{}
		}
		h.counts[call] = map[int]int64{}
	}
	h.counts[call][e.Status]++
}

// requests returns the last ones, the latest last.
func (h *history) requests() []Exchange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Exchange{}, h.last...)
}

// counters returns how many requests there were, and how many by call and status.
func (h *history) counters() (total int64, counts map[string]map[int]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts = map[string]map[int]int64{}
	for call, by := range h.counts {
		counts[call] = maps.Clone(by)
	}
	return h.total, counts
}

func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.total, h.counts = nil, 0, nil
}
