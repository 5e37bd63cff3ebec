package sandbox

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

// faults are those in force. It is safe for use by many goroutines.
type faults struct {
	mu   sync.RWMutex
	list []Fault

	seed   uint64
	diceMu sync.Mutex
	dice   *rand.Rand
	struck atomic.Int64 // requests that a fault happened to
}

func newFaults(list []Fault, seed uint64) *faults {
	f := &faults{seed: seed}
	f.set(list)
	return f
}

// set puts faults in force, and takes the dice up anew: what they strike from here on does not depend on what was before.
func (f *faults) set(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.diceMu.Lock()
	defer f.diceMu.Unlock()
	f.list, f.dice = list, rand.New(rand.NewPCG(f.seed, f.seed)) //nolint:gosec // which request fails is no secret
}

func (f *faults) texts() []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	out := []string{}
	for _, one := range f.list {
		out = append(out, one.text)
	}
	return out
}

// fate is what happens to one request: it waits, and then at most one thing goes wrong.
type fate struct {
	wait   time.Duration
	effect effect // of kind "" where nothing goes wrong
	names  string // for the log
}

// draw throws the dice for a request. Waits add up; of the other effects the first that strikes counts.
func (f *faults) draw(method, path string) fate {
	var out fate
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, one := range f.list {
		if !one.fits(method, path) {
			continue
		}
		for _, e := range one.effect {
			if !f.strikes(e.chance) || (e.kind != effectLatency && out.effect.kind != "") {
				continue
			}
			if e.kind == effectLatency {
				out.wait += e.wait + f.spread(e.jitter)
			} else {
				out.effect = e
			}
			out.name(e)
		}
	}
	if out.names != "" {
		f.struck.Add(1)
	}
	return out
}

func (o *fate) name(e effect) {
	name := string(e.kind)
	if e.kind == effectStatus {
		name = strconv.Itoa(e.status)
	}
	if o.names != "" {
		name = "," + name
	}
	o.names += name
}

func (f *faults) strikes(chance float64) bool {
	if chance >= 1 {
		return true
	}
	f.diceMu.Lock()
	defer f.diceMu.Unlock()
	return f.dice.Float64() < chance
}

// spread is a duration from -d to d.
func (f *faults) spread(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	f.diceMu.Lock()
	defer f.diceMu.Unlock()
	return time.Duration(f.dice.Int64N(2*int64(d)+1)) - d
}

// htmlPage is what a proxy in between may answer with.
const htmlPage = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head><body><h1>Service unavailable</h1></body></html>\n"

// instead is the answer of an effect that replaces the call's, whose envelope is for the caller to name; ok is false where the effect does not.
func (e effect) instead() (a answer, ok bool) {
	switch e.kind {
	case effectEnvelope:
		a = refuse(e.status)
		a.http = http.StatusOK
		a.errors = append(a.errors, mistake("", "A fault was asked for."))
	case effectStatus:
		a = refuse(e.status)
		a.header = map[string]string{}
		if e.retryAfter > 0 {
			a.header["Retry-After"] = strconv.FormatInt(int64((e.retryAfter+time.Second-1)/time.Second), 10)
		}
		a.bare = e.shape != "json"
		if e.shape == "html" {
			a.raw, a.header["Content-Type"] = []byte(htmlPage), "text/html"
		}
	default:
		return a, false
	}
	return a, true
}

// breaks tells whether the connection breaks without an answer.
func (e effect) breaks() bool {
	return e.kind == effectDropBefore || e.kind == effectDropAfter || e.kind == effectReset
}

// reset closes the connection so that the other end's system is told «connection reset by peer» instead of an orderly end. A request that
// came through no socket has none that could be reset; it is dropped.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is about to be closed in any case
	}
	_ = conn.Close()
}

// send writes an answer in the way of the effect. It panics with http.ErrAbortHandler to break the connection.
func (e effect) send(ctx context.Context, w http.ResponseWriter, a answer) {
	switch e.kind {
	case effectTruncated, effectSlow, effectHuge, effectWrongType:
		e.spoil(ctx, w, a)
	default:
		write(w, a)
	}
}

// spoil sends the answer with something wrong about its body.
func (e effect) spoil(ctx context.Context, w http.ResponseWriter, a answer) {
	body := a.body()
	switch e.kind {
	case effectWrongType:
		a.header = map[string]string{"Content-Type": "text/html"}
		a.raw, a.bare = body, true
		write(w, a)
	case effectTruncated:
		a.writeHead(w, int64(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		flush(w)
		panic(http.ErrAbortHandler)
	case effectSlow:
		a.writeHead(w, int64(len(body)))
		dribble(ctx, w, body, e.wait)
	case effectHuge:
		a.writeHead(w, max(e.size, int64(len(body))))
		pad(ctx, w, e.size-int64(len(body)))
		_, _ = w.Write(body)
	}
}

func flush(w http.ResponseWriter) {
	// A writer that cannot flush sends everything at its end, which is as well.
	_ = http.NewResponseController(w).Flush()
}

// faultPause is pause for the time that a fault asks for: it ends, too, when the server stops, which waits for no fault.
func faultPause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	stop, _ := ctx.Value(stopKey{}).(<-chan struct{})
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-waiting.Done():
	case <-stop:
	}
	return ctx.Err()
}

// slowSteps is into how many pieces a slow body is cut.
const slowSteps = 10

func dribble(ctx context.Context, w http.ResponseWriter, body []byte, whole time.Duration) {
	for i := range slowSteps {
		if faultPause(ctx, whole/slowSteps) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(body[len(body)*i/slowSteps : len(body)*(i+1)/slowSteps]); err != nil {
			return
		}
		flush(w)
	}
}

// pad writes blanks, which JSON does not mind.
func pad(ctx context.Context, w http.ResponseWriter, size int64) {
	blanks := bytes.Repeat([]byte{' '}, 64<<10)
	for ; size > 0 && ctx.Err() == nil; size -= int64(len(blanks)) {
		if _, err := w.Write(blanks[:min(size, int64(len(blanks)))]); err != nil {
			return
		}
	}
}
