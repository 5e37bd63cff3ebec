package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// graceful is how long a stopping server waits for the requests in flight.
	graceful = 5 * time.Second
	// headerTimeout is how long a client may take to send a request's header, and bodyTimeout all
	// of it.
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	// idleTimeout is how long a connection is kept without a request.
	idleTimeout = 2 * time.Minute
)

// CheckAddr checks that the sandbox may listen on an address, host:port: only on a loopback one
// unless remote is allowed, as the credentials of a sandbox are known to everybody. Its error is of
// code invalid.
func CheckAddr(addr string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return failure.Newf(failure.Invalid, "invalid address %q: must be HOST:PORT", addr).Because(ReasonAddress, addr)
	}
	ip := net.ParseIP(host)
	if allowRemote || host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return failure.Newf(failure.Invalid, "invalid address %q: must be a loopback address", addr).
		Because(ReasonNotLoopback, addr)
}

// stopKey is where a request's context has the channel that is closed when the server stops.
type stopKey struct{}

// Serve answers on the listener until the context ends, then stops taking requests, lets those in
// flight finish (without the waits of faults), and closes the sandbox and returns nil. Requests
// that do not finish within five seconds are cut off, which Options.Warn reports. It holds the
// folder for that time, so that other processes send their requests to it; it fails, of code
// failed, where another process serves the folder already. ready, unless it is nil, is called with
// the server's URL once requests are answered. The listener is closed in any case.
func Serve(ctx context.Context, s *Sandbox, ln net.Listener, ready func(url string)) error {
	address := ln.Addr().String()
	scheme := "http://"
	taking := ln
	if s.options.TLS != nil {
		scheme, taking = "https://", tls.NewListener(ln, s.options.TLS)
	}
	if err := s.store.Hold(ctx, scheme+address); err != nil {
		return errors.Join(err, ln.Close())
	}
	s.ownHosts(address)
	waiting := unused{conns: map[net.Conn]bool{}}
	server := &http.Server{
		Handler: s.crossOrigin(s), ConnState: waiting.watch,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		// Requests in flight are to finish, so they do not end with ctx.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopKey{}, ctx.Done())
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(taking) }()
	if ready != nil {
		ready(scheme + address)
	}
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	waiting.stop()
	stopped := server.Shutdown(stopping)
	if errors.Is(stopped, context.DeadlineExceeded) {
		stopped = server.Close()
		s.warn("requests that did not finish within " + graceful.String() + " of the end were cut off")
	}
	return errors.Join(err, stopped, s.store.Close())
}

// ownHosts sets the names under which the control API is served: the address's own, and those of
// this machine.
func (s *Sandbox) ownHosts(address string) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	hosts := []string{address}
	if u, err := url.Parse(s.options.Advertise); err == nil && u.Host != "" {
		hosts = append(hosts, strings.ToLower(u.Host))
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		hosts = append(hosts, net.JoinHostPort(host, port))
		if port == "80" {
			hosts = append(hosts, host)
		}
	}
	s.hosts.Store(&hosts)
}

// warn reports what goes wrong without ending anything.
func (s *Sandbox) warn(text string) {
	if s.options.Warn != nil {
		s.options.Warn(text)
	}
}

// unused are the connections on which no request has come yet. A client opens them ahead of its
// requests, and net/http waits for a request on each, for five seconds from its beginning, before
// it stops. It is safe for use by many goroutines.
type unused struct {
	mu       sync.Mutex
	stopping bool
	conns    map[net.Conn]bool
}

// watch follows the states of connections.
func (u *unused) watch(c net.Conn, is http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case is != http.StateNew:
		delete(u.conns, c)
	case u.stopping: // it came while the listener was being closed
		_ = c.Close()
	default:
		u.conns[c] = true
	}
}

// stop closes them, and those that come later.
func (u *unused) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopping = true
	for c := range u.conns {
		_ = c.Close()
	}
}
