package userservice_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A company's own certificate is trusted when ca_file names it, and only then; where the service
// speaks HTTP/2, so do we.
func TestCAFileAndHTTP2(t *testing.T) {
	t.Parallel()
	var proto atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(int32(r.ProtoMajor))
		_, _ = io.WriteString(w, registered)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)

	if _, err := register(client(t, s.URL), field.Set{}); !failure.Is(err,
		failure.Unavailable) || failure.MayHaveApplied(err) {
		t.Errorf("an unknown certificate: %v", err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	transport, err := userservice.NewTransport(2, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	if _, err := register(client(t, s.URL, func(o *userservice.Options) { o.Transport = transport }),
		field.Set{}); err != nil {
		t.Fatal(err)
	}
	if proto.Load() != 2 {
		t.Errorf("HTTP/%d", proto.Load())
	}

	for _, content := range []string{"", "no certificate"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := userservice.NewTransport(2, file); !failure.Is(err, failure.Invalid) {
			t.Errorf("%q was taken for certificates: %v", content, err)
		}
	}
	if _, err := userservice.NewTransport(2, file+".none"); !failure.Is(err, failure.Invalid) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// As many idle connections as workers: a run of many requests makes about as many connections as
// it has requests in flight (the transport dials one ahead where none is free yet), and not one
// for every few requests, as Go's default would.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	const workers, requests = 8, 400
	var made atomic.Int32
	s := httptest.NewUnstartedServer(answer(200, registered))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	transport, err := userservice.NewTransport(workers, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	c := client(t, s.URL, func(o *userservice.Options) { o.Transport = transport })
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range requests / workers {
				if _, err := c.Register(context.Background(), instance, field.Set{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if made.Load() > 4*workers {
		t.Errorf("%d connections for %d workers", made.Load(), workers)
	}
}
