package sandbox

import (
	"context"
	"errors"
	"net"
	"net/http"
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
		return failure.Because(failure.Invalid, "the address is not host:port", err).WithHint("for example 127.0.0.1:8077")
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
// faults), and closes the sandbox and returns nil. It holds the state folder for that time, so that requests in other processes find it by Serving instead of
// waiting; it fails, of code failed, where another process serves the folder already. ready, where it is not nil, is called with the
// server's URL once requests are answered. The listener is Serve's, and closed in any case.
func Serve(ctx context.Context, s *Sandbox, ln net.Listener, ready func(url string)) error {
	url := "http://" + ln.Addr().String()
	giveUp, err := s.claim(ctx, url)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout,
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
		stopped := server.Shutdown(stopping)
		if stopped != nil {
			stopped = errors.Join(failure.Because(failure.Failed, "the sandbox did not stop in time", stopped), server.Close())
		}
		return errors.Join(err, stopped, s.engine.close())
	})
}

// claim holds the state folder; a sandbox in memory has none.
func (s *Sandbox) claim(ctx context.Context, url string) (giveUp func(func() error) error, err error) {
	b, ok := s.engine.(*bolt)
	if !ok {
		return func(finish func() error) error { return finish() }, nil
	}
	return claim(ctx, s.options.Dir, url, b.hold)
}
