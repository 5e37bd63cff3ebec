package fault

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Set is the faults in force. It is safe for use by many goroutines.
type Set struct {
	mu   sync.Mutex
	list []Fault
	seed uint64
	dice *rand.Rand

	injected atomic.Int64
}

// NewSet makes a set. The same seed fails the same requests.
func NewSet(list []Fault, seed uint64) *Set {
	s := &Set{seed: seed}
	s.Replace(list)
	return s
}

// Replace puts other faults in force and starts the dice over: what fails from here on does not
// depend on what was before.
func (s *Set) Replace(list []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.dice = list, rand.New(rand.NewPCG(s.seed, s.seed)) //nolint:gosec // which request fails need not be secret
}

// Texts returns the faults in force.
func (s *Set) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, f := range s.list {
		out = append(out, f.text)
	}
	return out
}

// Injected returns how many requests a fault happened to; Forget sets it to 0.
func (s *Set) Injected() int64 { return s.injected.Load() }

// Forget resets the counter.
func (s *Set) Forget() { s.injected.Store(0) }

// Plan is what happens to one request: it waits, and then at most one thing goes wrong.
type Plan struct {
	Wait   time.Duration
	Effect Effect
	Names  string // for the log
}

// Draw throws the dice for a request. Waits add up; of the other effects the first one drawn
// counts.
func (s *Set) Draw(method, path string) Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p Plan
	for i := range s.list {
		if !s.list[i].applies(method, path) {
			continue
		}
		for _, e := range s.list[i].effects {
			if e.chance < 1 && s.dice.Float64() >= e.chance || e.kind != effectLatency && p.Effect.kind != "" {
				continue
			}
			if e.kind == effectLatency {
				p.Wait += e.wait + s.spread(e.jitter)
			} else {
				p.Effect = e
			}
			p.name(e)
		}
	}
	if p.Names != "" {
		s.injected.Add(1)
	}
	return p
}

func (p *Plan) name(e Effect) {
	name := string(e.kind)
	if e.kind == effectStatus {
		name = strconv.Itoa(e.status)
	}
	if p.Names != "" {
		name = "," + name
	}
	p.Names += name
}

// spread returns a duration from -d to d.
func (s *Set) spread(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	return time.Duration(s.dice.Int64N(2*int64(d)+1)) - d
}

// Response is an answer as it goes over the wire.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Write sends the response. Whoever went away meanwhile needs no answer.
func (r Response) Write(w http.ResponseWriter) {
	r.writeHead(w, int64(len(r.Body)))
	if len(r.Body) > 0 {
		_, _ = w.Write(r.Body)
	}
}

func (r Response) writeHead(w http.ResponseWriter, length int64) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(r.Status)
}

// htmlPage is what a proxy in between may answer with.
const htmlPage = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>" +
	"<body><h1>Service unavailable</h1></body></html>\n"

// Before reports whether the call is not carried out.
func (e Effect) Before() bool { return !e.after && (e.Breaks() || e.replaces()) }

func (e Effect) replaces() bool { return e.kind == effectStatus || e.kind == effectEnvelope }

// Replace returns the answer of an effect that replaces the call's; refuse makes the service's own
// failure. ok is false where the effect replaces nothing.
func (e Effect) Replace(refuse func(status int, message string) Response) (r Response, ok bool) {
	switch e.kind {
	case effectEnvelope:
		r = refuse(e.status, "A fault was injected.")
		r.Status = http.StatusOK
	case effectStatus:
		r = refuse(e.status, "")
		switch e.shape {
		case "html":
			r.Body, r.Header = []byte(htmlPage), http.Header{"Content-Type": {"text/html"}}
		case "empty":
			r.Body, r.Header = nil, http.Header{}
		}
		if e.retryAfter > 0 {
			r.Header.Set("Retry-After", strconv.FormatInt(int64((e.retryAfter+time.Second-1)/time.Second), 10))
		}
	default:
		return r, false
	}
	return r, true
}

// Breaks reports whether the connection breaks without an answer.
func (e Effect) Breaks() bool {
	return e.kind == effectDropBefore || e.kind == effectDropAfter || e.kind == effectReset
}

// Break breaks the connection; it panics with http.ErrAbortHandler. The other
// end's system reports a reset as "connection reset by peer", unless the request came through no
// socket, or in HTTP/2.
func (e Effect) Break(w http.ResponseWriter) {
	if e.kind == effectReset {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if below, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
				conn = below.NetConn()
			}
			if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
				_ = tcp.SetLinger(0) // it is about to be closed in any case
			}
			_ = conn.Close()
		}
	}
	panic(http.ErrAbortHandler)
}

// Send writes a response in the way of the effect. It panics with http.ErrAbortHandler to break the
// connection.
func (e Effect) Send(ctx context.Context, w http.ResponseWriter, r Response, stop <-chan struct{}) {
	switch length := int64(len(r.Body)); e.kind {
	case effectWrongType:
		w.Header().Set("Content-Type", "text/html")
		r.Header = r.Header.Clone()
		r.Header.Set("Content-Type", "text/html")
		r.Write(w)
	case effectTruncated:
		r.writeHead(w, length)
		_, _ = w.Write(r.Body[:length/2])
		flush(w)
		panic(http.ErrAbortHandler)
	case effectSlow:
		r.writeHead(w, length)
		sendSlowly(ctx, w, r.Body, e.wait, stop)
	case effectHuge:
		r.writeHead(w, max(e.size, length))
		pad(ctx, w, e.size-length)
		_, _ = w.Write(r.Body)
	default:
		r.Write(w)
	}
}

func flush(w http.ResponseWriter) {
	// A writer that cannot flush sends everything at its end, which is as good.
	_ = http.NewResponseController(w).Flush()
}

// Pause waits; it ends early, without an error, when stop is closed: a server that stops waits for
// no fault.
func Pause(ctx context.Context, d time.Duration, stop <-chan struct{}) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-stop:
	}
	return ctx.Err()
}

// slowSteps is into how many pieces a slow body is cut.
const slowSteps = 10

func sendSlowly(ctx context.Context, w http.ResponseWriter, body []byte, whole time.Duration, stop <-chan struct{}) {
	for i := range slowSteps {
		if Pause(ctx, whole/slowSteps, stop) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(body[len(body)*i/slowSteps : len(body)*(i+1)/slowSteps]); err != nil {
			return
		}
		flush(w)
	}
}

// pad writes blanks, which JSON ignores.
func pad(ctx context.Context, w http.ResponseWriter, size int64) {
	blanks := bytes.Repeat([]byte{' '}, 64<<10)
	for ; size > 0 && ctx.Err() == nil; size -= int64(len(blanks)) {
		if _, err := w.Write(blanks[:min(size, int64(len(blanks)))]); err != nil {
			return
		}
	}
}
