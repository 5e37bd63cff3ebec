package cmd_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every command that waits for the service shows at a terminal that it is working: the first
// request of each is answered only when something of that stands on standard error.
func TestEveryCommandShowsThatItIsWorking(t *testing.T) {
	t.Parallel()
	h := newHouse(t, answering("", 0))
	ada, pair := h.user(t)
	words := strings.NewReplacer("ADA", ada, "PAIR", pair, "PASSWORD", keptPassword, "WRONG", keptWrong, "DIR", h.dir,
		"OUT", t.TempDir())
	h.terminal, h.busyAfter = true, time.Millisecond
	shown, waits, asked := &watched{}, &waiting{next: h.wire}, 0
	h.wire, h.errs = waits.wrap, shown
	for _, l := range everyCommand() {
		l = l.with(words)
		if i := len(l.args) - 1; l.args[i] == "JOB" || i > 0 && l.args[i-1] == "JOB" {
			jobs, _, _ := h.do(t.Context(), strings.Fields("job list -o ids --no-input"), "")
			for j := range l.args {
				if l.args[j] == "JOB" {
					l.args[j], _, _ = strings.Cut(jobs, "\n")
				}
			}
		}
		waits.begin(shown.begin())
		h.do(t.Context(), append(l.args, "--no-input"), l.stdin)
		if late := waits.end(); late {
			t.Errorf("%s shows nothing while it waits:\n%s", strings.Join(l.args, " "), shown)
		}
		if waits.sent {
			asked++
		}
	}
	if asked < 35 {
		t.Errorf("only %d commands sent something", asked)
	}
}

// watched is a standard error that tells when it shows that a command is working: by the spinner,
// or the live line of a job.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen chan struct{}
	told bool
}

func (w *watched) begin() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Reset()
	w.seen, w.told = make(chan struct{}), false
	return w.seen
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.told && (bytes.Contains(p, []byte(" working, ")) || bytes.Contains(p, []byte(" rows ("))) {
		w.told = true
		close(w.seen)
	}
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// waiting is a way to the service that answers the first request of a command when the command has
// shown that it works.
type waiting struct {
	next func(http.RoundTripper) http.RoundTripper

	mu         sync.Mutex
	shows      <-chan struct{}
	sent, late bool
}

func (p *waiting) wrap(next http.RoundTripper) http.RoundTripper {
	next = p.next(next)
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		p.mu.Lock()
		if !p.sent {
			select {
			case <-p.shows:
			case <-time.After(5 * time.Second):
				p.late = true
			}
		}
		p.sent = true
		p.mu.Unlock()
		return next.RoundTrip(req)
	})
}

func (p *waiting) begin(shows <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shows, p.sent, p.late = shows, false, false
}

func (p *waiting) end() (late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late
}

// roundTripper is a function as http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
