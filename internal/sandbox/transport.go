package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// Transport serves a handler in this process: its requests go through no socket. A
// request's context ends the wait for the answer; the handler sees the same context.
// Bodies are copied, both ways, and come as a whole. A handler that aborts
// (http.ErrAbortHandler) looks like a connection that broke. The error of a Sandbox that
// cannot be had, such as ErrServed, is the round trip's error; nothing was sent then.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

// trier is a handler that says why it could not serve.
type trier interface {
	TryServeHTTP(http.ResponseWriter, *http.Request) error
}

// inProcess is the RemoteAddr of requests that came through no socket.
const inProcess = "127.0.0.1:0"

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	data, err := bodyOf(r)
	if err = cmp.Or(ctx.Err(), err); err != nil {
		return nil, err
	}
	in, out := withBody(r, data), &recorder{header: http.Header{}}
	in.ContentLength, in.RequestURI, in.RemoteAddr = int64(len(data)), r.URL.RequestURI(), inProcess
	in.Host = cmp.Or(in.Host, r.URL.Host)
	ended := make(chan error, 1)
	go func() { ended <- t.serve(out, in) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		sent(ctx) // it may have been
		return nil, ctx.Err()
	}
	if bug, ok := err.(panicked); ok { //nolint:errorlint // it comes as it is
		panic(bug.value) // here, where the caller can recover from it
	}
	if err == nil || errors.Is(err, errDropped) {
		sent(ctx)
	}
	return out.response(r, err)
}

// recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the status was written
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.sent == nil {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush implements http.Flusher: what was written counts as sent.
func (w *recorder) Flush() { w.WriteHeader(http.StatusOK) }

// response is the answer as a client sees it. One that broke off after its head ends in
// io.ErrUnexpectedEOF.
func (w *recorder) response(r *http.Request, err error) (*http.Response, error) {
	if err != nil && (w.sent == nil || !errors.Is(err, errDropped)) {
		return nil, err
	}
	w.WriteHeader(http.StatusOK)
	resp := &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}
	if err != nil {
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(&w.body, broken{})), -1
	}
	return resp, nil
}

// sent tells whoever traces the request, as a socket would, that the service may have it.
func sent(ctx context.Context) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
}

// errDropped is what a client gets from a handler that aborts before it has written.
var errDropped = errors.New("the connection was closed before the answer came")

// panicked is a handler that ended in a panic.
type panicked struct{ value any }

func (panicked) Error() string { return "a panic" }

// serve runs the handler. One that aborts ends in errDropped.
func (t transport) serve(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = errDropped
		default:
			err = panicked{p}
		}
	}()
	if h, ok := t.handler.(trier); ok {
		return h.TryServeHTTP(w, r)
	}
	t.handler.ServeHTTP(w, r)
	return nil
}

// broken is where a body breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Mount returns a transport to a sandbox in a folder: to box, in this process, or, while
// another process serves the folder, to that one, through socket.
func Mount(box *Sandbox, socket http.RoundTripper) http.RoundTripper {
	return &mount{inside: Transport(box), socket: socket}
}

type mount struct {
	inside, socket http.RoundTripper
	served         atomic.Pointer[string] // where the other process serves; nil: none is known of
}

// mountTries is how often a request is sent to another process that is gone when it comes.
const mountTries = 20

// RoundTrip implements http.RoundTripper.
func (m *mount) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	data, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	for range mountTries {
		at := m.served.Load()
		if at == nil {
			resp, err = m.inside.RoundTrip(withBody(r, data))
			var held *store.ErrServed
			if !errors.As(err, &held) {
				return resp, err
			}
			at = &held.URL
			m.served.Store(at)
		}
		if resp, err = m.send(withBody(r, data), *at); err == nil {
			return resp, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return nil, err
		}
		m.served.Store(nil) // it serves no more, and nothing was sent
	}
	return resp, err
}

func (m *mount) send(r *http.Request, at string) (*http.Response, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host, r.Host = u.Scheme, u.Host, ""
	r.Close = true // on a kept connection, a server that has stopped meanwhile looks like a lost answer
	return m.socket.RoundTrip(r)
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(r.Body)
	return data, errors.Join(err, r.Body.Close())
}

// withBody returns a copy of the request. It has no GetBody: what was sent is not sent
// again by the transport.
func withBody(r *http.Request, data []byte) *http.Request {
	out := r.Clone(r.Context())
	out.GetBody, out.Body = nil, http.NoBody
	if len(data) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(data))
	}
	return out
}
