package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// seen counts what a service has seen.
type seen struct {
	mu                               sync.Mutex
	signIns, refreshes, spent, calls int // spent: refreshes that were refused
}

func (s *seen) add(path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasSuffix(path, "/Auth/Login"):
		s.signIns++
	case strings.HasSuffix(path, "/Auth/RefreshToken") && status == http.StatusUnauthorized:
		s.spent++
	case strings.HasSuffix(path, "/Auth/RefreshToken"):
		s.refreshes++
	default:
		s.calls++
	}
}

// counts are the sign-ins, the refreshes that were granted, those that were refused, and the calls.
type counts struct{ SignIns, Refreshes, Spent, Calls int }

func (s *seen) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return counts{s.signIns, s.refreshes, s.spent, s.calls}
}

func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signIns, s.refreshes, s.spent, s.calls = 0, 0, 0, 0
}

// counting puts the counter before a handler.
func (s *seen) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		s.add(r.URL.Path, rec.status)
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// world is a sandbox of the service, its clock, which is the tool's too, and what it has seen.
type world struct {
	*clock
	seen  *seen
	box   *sandbox.Sandbox
	api   *userservice.Client
	store tokenstore.Store
	dir   string
	ill   atomic.Bool // it was told to misbehave
}

const host = "http://localhost"

func newWorld(t testing.TB) *world { return newWorldOf(t) }

// newWorldOf makes a world with further admins, of the same password and rights as the first.
func newWorldOf(t testing.TB, admins ...string) *world {
	t.Helper()
	layout := seed.DefaultLayout()
	for _, email := range admins {
		further := layout.Admins[0]
		further.Email = email
		layout.Admins = append(layout.Admins, further)
	}
	w := &world{clock: newClock(), seen: &seen{}, dir: t.TempDir()}
	w.store = mustStore(t, w.dir)
	var err error
	if w.box, err = sandbox.Open(sandbox.Options{Now: w.Now, Control: true, Layout: &layout}); err != nil {
		t.Fatal(err)
	}
	w.api = newAPI(t, host, w.wire(t, sandbox.Transport(w.seen.counting(w.box))))
	return w
}

func newAPI(t testing.TB, url string, transport http.RoundTripper) *userservice.Client {
	t.Helper()
	api, err := userservice.New(userservice.Options{UserURL: url, Transport: holding(t, transport, requestsHeld),
		Retry: userservice.Retry{First: time.Nanosecond, Longest: time.Nanosecond}})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func mustStore(t testing.TB, dir string) tokenstore.Store {
	t.Helper()
	s, err := tokenstore.Open(tokenstore.Options{Kind: tokenstore.KindFile, Dir: dir, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) options() auth.Options {
	return auth.Options{
		API: w.api, Store: w.store, Profile: "test", Dir: w.dir, Now: w.Now,
		Guard: &auth.Guard{Dir: w.dir, Now: w.Now}, Instance: theInstance,
	}
}

// admin is a source that can sign the admin in without a person.
func (w *world) admin() *auth.Source {
	o := w.options()
	o.AdminEmail, o.AdminPassword = sandbox.AdminEmail, secret.New(sandbox.AdminPassword)
	return auth.New(o)
}

// person is a source that needs a person to sign the admin in.
func (w *world) person() *auth.Source { return auth.New(w.options()) }

func theInstance(context.Context) (userservice.Instance, error) {
	return userservice.Instance{ID: sandbox.InstanceID, Key: secret.New(sandbox.InstanceKey)}, nil
}

// signIn signs the admin in and forgets that it was done.
func (w *world) signIn(t testing.TB) tokenstore.Record {
	t.Helper()
	rec, err := w.person().LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	if err != nil {
		t.Fatal(err)
	}
	w.seen.forget()
	return rec.Record
}

// register makes a user, whose pair is not stored.
func (w *world) register(t testing.TB) userservice.Registered {
	t.Helper()
	in, _ := theInstance(t.Context())
	var user field.Set
	user.Put(field.MustGet("CreateAccessToken"), true)
	made, err := w.api.Register(t.Context(), in, user)
	if err != nil {
		t.Fatal(err)
	}
	w.seen.forget()
	return made
}

// expire makes every JWT that was issued before worthless, as the service sees it; refresh tokens
// stay.
func (w *world) expire(t testing.TB) {
	t.Helper()
	r := httptest.NewRecorder()
	w.box.ServeHTTP(r, asJSON(httptest.NewRequest(http.MethodPost, "/_sandbox/tokens/expire", strings.NewReader(`{}`))))
	if r.Code != http.StatusOK {
		t.Fatal(r.Body)
	}
}

// misbehave sets the service's faults.
func (w *world) misbehave(t testing.TB, faults string) {
	t.Helper()
	r := httptest.NewRecorder()
	w.ill.Store(faults != "")
	w.box.ServeHTTP(r, asJSON(httptest.NewRequest(http.MethodPut, "/_sandbox/faults",
		strings.NewReader(`{"Faults": [`+faults+`]}`))))
	if r.Code != http.StatusOK {
		t.Fatal(r.Body)
	}
}

// call makes the cheapest call as the admin.
func (w *world) call(ctx context.Context, s *auth.Source) error {
	return w.api.WithAuthorizer(s).VerifyToken(ctx, userservice.AsAdmin())
}

func (w *world) want(t testing.TB, want counts) {
	t.Helper()
	if got := w.seen.counts(); got != want {
		t.Errorf("the service saw %+v, want %+v", got, want)
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFailure holds an error to its code and to a text in its message or in its "reason subject".
func wantFailure(t testing.TB, err error, code failure.Code, text string) {
	t.Helper()
	var f *failure.Error
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Message+"\n"+string(f.Reason)+" "+f.Subject, text) {
		t.Errorf("got %#v (%v), want %s with %q", f, err, code, text)
	}
}

var adminKey = tokenstore.Key{Profile: "test", Subject: auth.Admin}

// sandboxTransport serves requests by a handler in this process.
func sandboxTransport(h http.Handler) http.RoundTripper { return sandbox.Transport(h) }

func pairOf(access secret.String, refresh string) userservice.Pair {
	return userservice.Pair{Access: access, Refresh: secret.New(refresh)}
}

// asJSON marks a request's body as JSON, as the control API wants it.
func asJSON(r *http.Request) *http.Request {
	r.Header.Set("Content-Type", "application/json")
	return r
}
