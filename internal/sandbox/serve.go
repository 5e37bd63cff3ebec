package sandbox

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// graceful is how long a stopping server waits for the requests under way.
	graceful = 5 * time.Second
	// headerTimeout is how long a client may take to send a request's head.
	headerTimeout = 10 * time.Second
)

// CheckAddr says whether the sandbox may listen on an address, host:port: only on a loopback one unless remote is
// allowed, as the credentials of a sandbox are known to everybody. Its error is of code invalid.
func CheckAddr(addr string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return failure.Wrap(failure.Invalid, "the address is not host:port", err).WithHint("for example 127.0.0.1:8077")
	}
	ip := net.ParseIP(host)
	if allowRemote || host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return failure.Newf(failure.Invalid, "the sandbox listens on loopback addresses only, which %q is not", host).
		WithHint("its credentials are known to everybody; --allow-remote takes them to the network all the same")
}

// stopKey is where a request's context has the channel that is closed when the server stops.
type stopKey struct{}

// Serve answers on the listener until the context ends, then stops taking requests, lets those under way finish (without the waits of
// faults), and closes the sandbox and returns nil. Requests that do not finish within five seconds, as their clients neither send nor read on, are cut
// off, of which Options.Warn is told. It holds the state folder for that time, so that requests in other processes find it by Serving instead of
// waiting; it fails, of code failed, where another process serves the folder already. ready, where it is not nil, is called with the
// server's URL once requests are answered. The listener is Serve's, and closed in any case.
func Serve(ctx context.Context, s *Sandbox, ln net.Listener, ready func(url string)) error {
	url := "http://" + ln.Addr().String()
	giveUp, err := s.claim(ctx, url)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	waiting := unused{conns: map[net.Conn]bool{}}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ConnState: waiting.watch,
		// Requests under way are to finish, so they do not end with ctx.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopKey{}, ctx.Done())
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	if ready != nil {
		ready(url)
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	return giveUp(func() error {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
		defer cancel()
		waiting.stop()
		stopped := server.Shutdown(stopping)
		if errors.Is(stopped, context.DeadlineExceeded) {
			stopped = server.Close()
			s.warn("requests that did not finish within " + graceful.String() + " of the end were cut off")
		}
		return errors.Join(err, stopped, s.engine.close())
	})
}

// warn tells of what goes wrong without ending anything.
func (s *Sandbox) warn(text string) {
	if s.options.Warn != nil {
		s.options.Warn(text)
	}
}

// unused are the connections on which no request has come yet. A client opens them ahead of its requests, and net/http waits for a request on each,
// for five seconds from its beginning, before it stops. It is safe for use by many goroutines.
type unused struct {
	mu       sync.Mutex
	stopping bool
	conns    map[net.Conn]bool
}

// watch is told of each state of each connection.
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

// stop closes them, and those that come from here on.
func (u *unused) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopping = true
	for c := range u.conns {
		_ = c.Close()
	}
}

// claim holds the state folder; a sandbox in memory has none.
func (s *Sandbox) claim(ctx context.Context, url string) (giveUp func(func() error) error, err error) {
	b, ok := s.engine.(*bolt)
	if !ok {
		return func(finish func() error) error { return finish() }, nil
	}
	return claim(ctx, s.options.Dir, url, b.hold)
}
