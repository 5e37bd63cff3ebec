package sandbox_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// startOnPipes serves a sandbox on connections within the process; stop ends that.
func startOnPipes(t *testing.T) (p *pipes, stop func()) {
	t.Helper()
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p = newPipes()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- sandbox.Serve(ctx, box, p, func(string) { close(ready) }) }()
	<-ready
	return p, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// A request that is not sent to its end is not waited for without an end.
func TestARequestThatIsHalfSentIsCutOff(t *testing.T) {
	t.Parallel()
	const head = "POST /v1/Registration/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		sent   string
		before time.Duration // it is cut off after this, and not long after
		drips  string        // sent each second meanwhile
	}{
		"a part of a header":         {sent: head, before: 10 * time.Second},
		"a header that goes on":      {sent: head, drips: "X-More: 1\r\n", before: 10 * time.Second},
		"a part of a body":           {sent: head + "Content-Length: 1000\r\n\r\n{", before: time.Minute},
		"a body that goes on slowly": {sent: head + "Content-Length: 1000\r\n\r\n{", drips: " ", before: time.Minute},
		"nothing after a request":    {sent: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", before: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, stop := startOnPipes(t)
				begun := time.Now()
				conn := p.begin(t, c.sent)
				var dripping sync.WaitGroup
				if c.drips != "" {
					dripping.Go(func() {
						for range time.Tick(time.Second) {
							if _, err := io.WriteString(conn, c.drips); err != nil {
								return
							}
						}
					})
				}
				_, err := io.Copy(io.Discard, conn)
				if took := time.Since(begun); err != nil || took < c.before || took > c.before+5*time.Second {
					t.Errorf("cut off after %s, %v", took, err)
				}
				_ = conn.Close()
				dripping.Wait()
				stop()
			})
		})
	}
}
