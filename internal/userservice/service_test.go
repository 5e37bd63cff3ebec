package userservice_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

const (
	instanceID  = "5a4db0c5-0000-4000-8000-000000000001"
	instanceKey = "5a4db0c5-0000-4000-8000-0000000000f1"
	device      = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	jwt         = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	refresh     = "refresh-token-1"
	registered  = `{"Result":{"DeviceToken":"` + device + `","AccessToken":{"Token":"` + jwt +
		`","ExpiresIn":432000},"RefreshToken":"` + refresh + `"},"Status":200,"Title":"","Errors":[]}`
)

var instance = userservice.Instance{ID: instanceID, Key: secret.New(instanceKey)}

// a service answers calls as a test says, and keeps account of them.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

type request struct {
	method, path, body string
	header             http.Header
	query              string
}

// serve starts a service whose nth call is answered by the nth handler, and every further call by
// the last one.
func serve(t *testing.T, handlers ...http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.URL.Path, string(body), r.Header, r.URL.RawQuery})
		n := len(s.requests)
		s.mu.Unlock()
		handlers[min(n, len(handlers))-1](w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *service) calls() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// client is a client of the service that does not wait long between attempts.
func client(t *testing.T, url string, change ...func(*userservice.Options)) *userservice.Client {
	t.Helper()
	transport, err := userservice.NewTransport(4, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	o := userservice.Options{UserURL: url, Transport: transport, UserAgent: "telematicsctl/test",
		Timeout: 10 * time.Second,
		Retry:   userservice.Retry{First: time.Millisecond}, NewRequestID: func() string { return "request-1" }}
	for _, c := range change {
		c(&o)
	}
	if o.RegisterMultiplePath == "" && !strings.Contains(o.UserURL, "/proxy") {
		// Whatever a test is about, each request must fit the contract, unless its path is the
		// test's own.
		o.Transport = theContract().Transport(o.Transport, contracttest.Hold{Requests: true},
			func(err error) { t.Error(err) })
	}
	c, err := userservice.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.WithAuthorizer(userservice.StaticToken{JWT: secret.New(jwt)})
}

// answer answers with a status and a body.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// drop does the work, so to speak, and closes the connection instead of answering.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// truncate promises more than it sends.
func truncate(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, registered[:60])
}

func user(t testing.TB, texts map[string]string) field.Set {
	t.Helper()
	r := field.Reader{Use: field.Create, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for name, text := range texts {
		r.Text(field.MustGet(name), text)
	}
	if r.Mistakes != nil {
		t.Fatal(r.Mistakes)
	}
	return r.Set
}

func register(c *userservice.Client, u field.Set) (userservice.Registered, error) {
	return c.Register(context.Background(), instance, u)
}
