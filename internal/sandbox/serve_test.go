package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// serving starts Serve on a sandbox of the folder; stop ends it and returns its error.
func serving(t *testing.T, o sandbox.Options) (url string, stop func() error) {
	t.Helper()
	w := newWorld(t, o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- sandbox.Serve(ctx, w.box, ln, func(url string) { ready <- url }) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() {
			cancel()
			result = <-ended
		})
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case url = <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return url, stop
}

// mounted is a client of a folder: in this process, or through whoever serves the folder.
func mounted(w *world) *http.Client {
	return &http.Client{Transport: sandbox.Mount(w.box, http.DefaultTransport)}
}

func TestWhoServesTheFolderGetsTheRequests(t *testing.T) {
	dir := t.TempDir()
	other := newWorld(t, sandbox.Options{Dir: dir})
	client := mounted(other)
	register := func() {
		t.Helper()
		send(t, client, "http://sandbox", "POST", "/v1/Registration/create", theInstance, `{"City": "Bonn"}`).want(t, 200)
	}
	register()
	url, stop := serving(t, sandbox.Options{Dir: dir})
	_, err := other.client.Do(registration(t.Context()))
	var served *store.ErrServed
	if !errors.As(err, &served) || served.URL != url {
		t.Fatalf("without Mount: %v", err)
	}
	register()

	if err := other.box.Reset(t.Context()); !failure.HasReason(err, sandbox.ReasonServed) ||
		!strings.Contains(err.Error(), url) {
		t.Errorf("Reset: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Serve(t.Context(), other.box, ln, nil); !failure.HasReason(err, sandbox.ReasonServed) ||
		!strings.Contains(err.Error(), url) {
		t.Errorf("a second server: %v", err)
	}

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	register() // in this process again
	if p := other.list(t, other.asAdmin(t), `{"PageNumber": 1, "PageSize": 10}`); p.TotalUsers != 3 {
		t.Errorf("%d users", p.TotalUsers)
	}
}

func TestTheNoteOfADeadServerIsIgnored(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "serving.json"), []byte(`{"URL": "http://127.0.0.1:1", "PID": 1}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	newWorld(t, sandbox.Options{Dir: dir}).register(t, `{}`)
	if _, err := os.Stat(filepath.Join(dir, "serving.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestRequestsUnderWayFinishWhenTheServerStops(t *testing.T) {
	url, stop := serving(t, sandbox.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /v1/Registration/create HTTP/1.1\r\nHost: x\r\nContent-Type: "+
		"application/json\r\nInstanceId: %s\r\nInstanceKey: %s\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
		sandbox.InstanceID, sandbox.InstanceKey)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") { // the handler is reading the body
		t.Fatalf("%q %v", line, err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for { // new connections are refused as soon as the stop has begun
		probe, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		_ = probe.Close()
	}
	if _, err := io.WriteString(conn, "{}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = conn.Close()
}

func TestAServerThatStopsWaitsForNoFault(t *testing.T) {
	for _, text := range []string{"POST *: latency 1h", "POST *: slow 1h"} {
		t.Run(text, func(t *testing.T) {
			url, stop := serving(t, sandbox.Options{Control: true, Faults: []fault.Fault{faultOf(t, text)}})
			req := registration(t.Context())
			req.URL.Host = strings.TrimPrefix(url, "http://")
			got := make(chan string, 1)
			go func() { got <- answered(req) }()
			for !strings.Contains(send(t, http.DefaultClient, url, "GET", "/_sandbox/counters", nil, "").Raw, `"Faults":1`) {
				continue // it is on its way
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if r := <-got; !strings.HasPrefix(r, "200 OK") || !strings.HasSuffix(r, `"Errors":[]}`) {
				t.Errorf("got %s", r)
			}
		})
	}
}

// answered is the status and the body that a request gets, or what kept it from them.
func answered(req *http.Request) string {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err.Error()
	}
	return resp.Status + " " + string(body)
}
