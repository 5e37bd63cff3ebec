package cmdutil

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// mount carries the sandbox profile's requests: to the handler in this process, or, while a `sandbox serve` holds the folder, to that
// over its socket. Which of the two is found out at the first request, and again when nobody serves any more.
type mount struct {
	dir    string
	box    http.RoundTripper // the service in this process
	socket http.RoundTripper
	served atomic.Pointer[url.URL] // where the other process serves; nil: none is known of
	asked  atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (m *mount) RoundTrip(req *http.Request) (*http.Response, error) {
	if !m.asked.Swap(true) {
		if at, ok := sandbox.Serving(req.Context(), m.dir); ok {
			m.setServed(at)
		}
	}
	if at := m.served.Load(); at != nil {
		resp, err := m.send(req, at)
		var dial *net.OpError
		if err == nil || !errors.As(err, &dial) || dial.Op != "dial" {
			return resp, err
		}
		m.served.CompareAndSwap(at, nil) // it serves no more, and nothing was sent
	}
	resp, err := m.box.RoundTrip(req)
	var held *sandbox.ErrServed
	if !errors.As(err, &held) {
		return resp, err
	}
	m.setServed(held.URL)
	return m.send(req, m.served.Load())
}

func (m *mount) setServed(at string) {
	if u, err := url.Parse(at); err == nil {
		m.served.Store(u)
	}
}

func (m *mount) send(req *http.Request, at *url.URL) (*http.Response, error) {
	there := req.Clone(req.Context())
	there.URL.Scheme, there.URL.Host, there.Host = at.Scheme, at.Host, ""
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		there.Body = body
	}
	return m.socket.RoundTrip(there)
}
