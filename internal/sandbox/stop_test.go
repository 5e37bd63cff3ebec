package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// pipes is a listener whose connections are pipes in the process, so that a server's
// waits pass in no time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// begin opens a connection and sends what a client has sent of its requests.
func (p *pipes) begin(t *testing.T, text string) net.Conn {
	t.Helper()
	conn := p.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A server stops whatever its clients do, and what they had done is there: only a request
// that neither comes nor goes on is waited for, and then cut off.
func TestAServerStopsThoughItsClientsDoNotGoOn(t *testing.T) {
	post := fmt.Sprintf("POST /v1/Registration/create HTTP/1.1\r\nHost: x\r\nContent-Type: "+
		"application/json\r\nInstanceId: %s\r\nInstanceKey: %s\r\n",
		sandbox.InstanceID, sandbox.InstanceKey)
	for name, c := range map[string]struct {
		sent  string
		users int
		takes time.Duration
	}{
		"a connection without a request": {"", 1, 0},
		"half of a request's head":       {post, 1, 0},
		"half of a request's body":       {post + "Content-Length: 100\r\n\r\n{", 1, 5 * time.Second},
		"an answer that is not read":     {post + "Content-Length: 2\r\n\r\n{}", 2, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var warnings []string
				w := newWorld(t, sandbox.Options{
					Warn: func(text string) { warnings = append(warnings, text) },
				})
				w.register(t, `{"FirstName": "Ada"}`)
				ln := newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- sandbox.Serve(ctx, w.box, ln, nil) }()
				conn := ln.begin(t, c.sent)
				defer func() { _ = conn.Close() }()
				synctest.Wait()
				begun := time.Now()
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(begun).Truncate(time.Second); took != c.takes || (len(warnings) > 0) != (c.takes > 0) {
					t.Errorf("took %v, warned of %q", took, warnings)
				}
				if got := strings.Count(w.export(t), "\n"); got != c.users {
					t.Errorf("%d users", got)
				}
			})
		})
	}
}
