package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
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

// world is a sandbox, its clock, and a client that goes through no socket. Whatever a
// test is about, each answer must fit the contract, unless the sandbox has faults, or a
// call at another path.
type world struct {
	*clock
	box    *sandbox.Sandbox
	client *http.Client
	ill    atomic.Bool // it has faults
}

func newWorld(t testing.TB, o sandbox.Options) *world {
	t.Helper()
	w := &world{clock: newClock()}
	o.Now = w.Now
	if o.Random == nil {
		o.Random = rand.NewChaCha8([32]byte{7})
	}
	box, err := sandbox.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	w.ill.Store(o.Faults != nil)
	next := sandbox.Transport(box)
	held := theContract().Transport(next, contracttest.Hold{Answers: true}, func(err error) { t.Error(err) })
	w.box, w.client = box, &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if w.ill.Load() {
			return next.RoundTrip(r)
		}
		return held.RoundTrip(r)
	})}
	return w
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var theContract = sync.OnceValue(func() *contracttest.Contract {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c
})

// onBothEngines runs a test on a sandbox in memory and on one in a folder: one model, two engines.
func onBothEngines(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, sandbox.Options{}))
	})
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, sandbox.Options{Dir: t.TempDir()}))
	})
}

// reply is an answer, its envelope read.
type reply struct {
	HTTP   int
	Header http.Header
	Raw    string

	Result json.RawMessage
	Status int
	Title  string
	Errors []struct{ Key, Message string }
}

// into reads the Result.
func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Result, v); err != nil {
		t.Fatalf("%v in %s", err, r.Raw)
	}
}

func (r reply) keys() string {
	var keys []string
	for _, e := range r.Errors {
		keys = append(keys, e.Key)
	}
	return strings.Join(keys, " ")
}

type headers map[string]string

// theInstance are the headers of the preset instance.
var theInstance = headers{"InstanceId": sandbox.InstanceID, "InstanceKey": sandbox.InstanceKey}

func bearer(token string) headers { return headers{"Authorization": "Bearer " + token} }

func (h headers) and(more headers) headers {
	all := headers{}
	for _, m := range []headers{h, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func send(t testing.TB, client *http.Client, base, method, path string, h headers, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	r := reply{HTTP: resp.StatusCode, Header: resp.Header, Raw: string(data)}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return r
}

func (w *world) do(t testing.TB, method, path string, h headers, body string) reply {
	t.Helper()
	return send(t, w.client, "http://sandbox", method, path, h, body)
}

// want ends the test unless the answer has the status, outside and inside.
func (r reply) want(t testing.TB, status int, keys ...string) reply {
	t.Helper()
	if r.HTTP != status || (r.Raw != "" && r.Status != status) || r.keys() != strings.Join(keys, " ") {
		t.Fatalf("got %d %s, want %d with entries for %v", r.HTTP, r.Raw, status, keys)
	}
	return r
}

type tokens struct {
	DeviceToken string
	AccessToken *struct {
		Token     string
		ExpiresIn int
	}
	RefreshToken *string
}

func (r reply) tokens(t testing.TB) tokens {
	t.Helper()
	var out tokens
	r.into(t, &out)
	return out
}

func (w *world) register(t testing.TB, body string) tokens {
	t.Helper()
	return w.do(t, "POST", "/v1/Registration/create", theInstance, body).want(t, 200).tokens(t)
}

func (w *world) admin(t testing.TB) tokens {
	t.Helper()
	body := `{"LoginFields": "{\"email\":\"` + sandbox.AdminEmail + `\"}", "Password": "` + sandbox.AdminPassword + `"}`
	return w.do(t, "POST", "/v1/Auth/Login", nil, body).want(t, 200).tokens(t)
}

// asAdmin are the headers of a signed-in admin.
func (w *world) asAdmin(t testing.TB) headers {
	t.Helper()
	return bearer(w.admin(t).AccessToken.Token)
}

// person is a user as it is read.
type person struct {
	DeviceToken, DateCreated, Status, ActivityStatus string
	UserProfile                                      map[string]any
	MobileDevice                                     map[string]*string
	AccountInfo                                      map[string]*string
	UserFields                                       []map[string]any
	IdentityId, IdentityProvider                     *string
}

func (w *world) find(t testing.TB, as headers, query string) []person {
	t.Helper()
	var out []person
	w.do(t, "GET", "/v1/Management/users/find?"+query, as, "").want(t, 200).into(t, &out)
	return out
}
