// Package proxy stands between a client and the real service: it passes requests on, records
// them without their secrets, and says where the answers differ from the contract.
package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/redact"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

const (
	largestRequest = 32 << 20 // the service takes 30 MB
	largestAnswer  = 256 << 20
	headerTimeout  = 10 * time.Second
	graceful       = 5 * time.Second
)

// Options say what a proxy does.
type Options struct {
	To        map[string]*url.URL // where requests go, by the host of the contract (Servers): all must be there
	Contract  *Contract           // what the answers are held to
	Transport http.RoundTripper   // nil is one of its own; it must follow no redirects
	Now       func() time.Time    // nil is the system's clock
	Record    io.Writer           // takes a line of JSON an exchange; nil is none
	Found     func(Difference)    // gets each difference when it is first seen; may be nil
}

// Proxy is an http.Handler. It is safe for use by many goroutines.
type Proxy struct {
	o  Options
	mu sync.Mutex

	exchanges, failed int
	calls             map[string]map[string]int
	differences       []*Difference
	recordErr         error
}

// New makes a proxy.
func New(o Options) *Proxy {
	if o.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
		own.MaxIdleConnsPerHost = 64
		o.Transport = own
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Proxy{o: o, calls: map[string]map[string]int{}}
}

// Recorded is one exchange in a recording.
type Recorded struct {
	Time        time.Time
	Method      string
	Path        string
	Query       string            `json:",omitempty"`
	Header      map[string]string `json:",omitempty"`
	Body        any               `json:",omitempty"`
	Status      int               // 0: there was no answer
	Took        float64           // milliseconds
	AnswerHead  map[string]string `json:"AnswerHeader,omitempty"`
	Answer      any               `json:",omitempty"`
	Differences []string          `json:",omitempty"`
	Error       string            `json:",omitempty"`
}

// ServeHTTP passes a request on and gives its answer back. Where the service cannot be
// reached, it answers a bare 502.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := p.o.Now()
	sent, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestRequest))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	resp, got, err := p.pass(r, sent) //nolint:bodyclose // pass reads and closes it
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		p.seen(r, sent, nil, nil, begun, err)
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	dropHops(w.Header())
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(got) //nolint:gosec // as it came: the caller asked the service, not a page
	p.seen(r, sent, resp, got, begun, nil)
}

// pass sends the request to the service and reads the whole answer.
func (p *Proxy) pass(r *http.Request, sent []byte) (*http.Response, []byte, error) {
	base := p.o.To[p.o.Contract.serverFor(r.URL.Path)]
	to := *base
	to.Path, to.RawPath, to.RawQuery = to.Path+r.URL.Path, "", r.URL.RawQuery
	if r.URL.RawPath != "" {
		to.RawPath = base.EscapedPath() + r.URL.RawPath
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, to.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, nil, err
	}
	out.URL, out.Header, out.GetBody = &to, r.Header.Clone(), nil // what fails is not sent again
	dropHops(out.Header)
	out.Header.Del("Accept-Encoding") // so that what comes can be read
	if len(sent) == 0 && r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	resp, err := p.o.Transport.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	return resp, got, errors.Join(err, resp.Body.Close())
}

// dropHops removes the headers that belong to one connection.
func dropHops(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Content-Length"} {
		h.Del(name)
	}
}

// seen checks, counts and records an exchange.
func (p *Proxy) seen(r *http.Request, sent []byte, resp *http.Response, got []byte, begun time.Time, failed error) {
	rd := &redact.Redactor{}
	body, _ := redact.JSON(sent)
	answer, _ := redact.JSON(got)
	learnHeaders(rd, r.Header)
	rd.Learn(body)
	rd.Learn(answer)
	query := redactQuery(rd, r.URL.RawQuery)
	rec := Recorded{
		Time: begun.UTC(), Method: r.Method, Path: rd.Redact(r.URL.EscapedPath()), Query: query,
		Header: recordedHeaders(rd, r.Header), Body: recorded(rd, body, sent, r.Header),
		Took: float64(p.o.Now().Sub(begun).Microseconds()) / 1000,
	}
	var found []Difference
	if resp == nil {
		rec.Error = rd.Redact(failed.Error())
	} else {
		learnHeaders(rd, resp.Header)
		rec.Status, rec.AnswerHead = resp.StatusCode, recordedHeaders(rd, resp.Header)
		rec.Answer = recorded(rd, answer, got, resp.Header)
		found = p.o.Contract.Check(r.Method, r.URL.Path, resp.StatusCode, resp.Header, got)
	}
	for i := range found {
		found[i].Where, found[i].What = rd.Redact(found[i].Where), rd.Redact(found[i].What)
		rec.Differences = append(rec.Differences, found[i].String())
	}
	p.keep(rec, p.o.Contract.name(r), found)
}

// redactQuery is a query without the values of secret parameters. It learns them.
func redactQuery(rd *redact.Redactor, raw string) string {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return ""
	}
	for name := range values {
		if redact.IsSecret(name, values.Get(name)) {
			for _, v := range values[name] {
				rd.Add(secret.New(v))
			}
			values[name] = []string{secret.Redacted}
		}
	}
	return rd.Redact(values.Encode())
}

// recorded is what is kept of a body: JSON without secrets. Of anything else only the size, as
// who knows what is in it.
func recorded(rd *redact.Redactor, value any, body []byte, header http.Header) any {
	if len(body) == 0 {
		return nil
	}
	if _, ok := redact.JSON(body); !ok {
		return fmt.Sprintf("(%d bytes that are not JSON, %q)", len(body), rd.Redact(header.Get("Content-Type")))
	}
	return rd.Value(value)
}

// name is the contract's name of a request's call.
func (c *Contract) name(r *http.Request) string {
	if found, _ := c.find(r.Method, r.URL.Path); found != nil {
		return found.name()
	}
	return "(not described)"
}

// keep counts an exchange and writes it down.
func (p *Proxy) keep(rec Recorded, call string, found []Difference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges++
	if rec.Status == 0 {
		p.failed++
	}
	if p.calls[call] == nil {
		p.calls[call] = map[string]int{}
	}
	p.calls[call][fmt.Sprint(rec.Status)]++
	for _, d := range found {
		known := slices.IndexFunc(p.differences, func(k *Difference) bool {
			same := *k
			same.Count = d.Count
			return same == d
		})
		if known >= 0 {
			p.differences[known].Count++
			continue
		}
		p.differences = append(p.differences, &d)
		if p.o.Found != nil {
			p.o.Found(d)
		}
	}
	if p.o.Record != nil && p.recordErr == nil {
		line, err := json.Marshal(rec)
		if err == nil {
			_, err = p.o.Record.Write(append(line, '\n'))
		}
		p.recordErr = err
	}
}

// Report is what a proxy has seen.
type Report struct {
	To          []string // base URLs
	Exchanges   int
	Failed      int                       // without an answer
	Calls       map[string]map[string]int // by call and status
	Differences []Difference
}

// Targets lists the base URLs that requests go to.
func (p *Proxy) Targets() []string {
	var all []string
	for _, to := range p.o.To {
		all = append(all, to.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Report returns what was seen so far. Its error is that of the recording.
func (p *Proxy) Report() (Report, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Report{
		To: p.Targets(), Exchanges: p.exchanges, Failed: p.failed, Calls: p.calls, Differences: []Difference{},
	}
	for _, d := range p.differences {
		out.Differences = append(out.Differences, *d)
	}
	return out, p.recordErr
}

// Serve answers on the listener until the context ends; requests in flight may finish. The
// listener is closed in any case.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: p, ReadHeaderTimeout: headerTimeout,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	err := server.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}
