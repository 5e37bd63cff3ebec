package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

func faultOf(t testing.TB, text string) fault.Fault {
	t.Helper()
	f, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTextsThatAreNoFault(t *testing.T) {
	for _, text := range []string{
		"", "POST /v1/x", "v1/x: 503", "POST /*: ", "POST /*: 503,", "a b c: 503", "* : 99", "*: 503 101%", "*: 503 x%",
		"*: sleepy",
		"*: latency", "*: latency soon", "*: latency 10ms±20ms", "*: latency 2h", "*: huge", "*: huge -1MB", "*: huge 5GB",
		"*: 503 xml",
		"*: 429 retry-after", "*: drop-after html", "*: reset before", "*: slow -1s",
	} {
		if f, err := fault.Parse(text); !failure.Is(err, failure.Invalid) {
			t.Errorf("%q was read as %v (%v)", text, f, err)
		}
	}
}

// openWith opens a sandbox with a fault, read from a text.
func openWith(text string) error {
	f, err := fault.Parse(text)
	if err == nil {
		_, err = sandbox.Open(sandbox.Options{Faults: []fault.Fault{f}})
	}
	return err
}

func TestFaultsOfCallsThatThereAreNot(t *testing.T) {
	for text, want := range map[string]string{
		"POST /v1/Registration/creat: 503": "unknown call /v1/Registration/creat; the nearest is POST " +
			"/v1/Registration/create",
		"/v1/Auth/Logn: 503": "unknown call /v1/Auth/Logn; the nearest is POST /v1/Auth/Login",
		"/v2/Registration/*: 503": "unknown call /v2/Registration/*; the nearest is POST " +
			"/v1/Registration/create",
		"GET /v1/Management/users/a/b: 503": "unknown call /v1/Management/users/a/b; the nearest is GET " +
			"/v1/Management/users",
		"GET /v1/Management/users/find/*: 503": "unknown call /v1/Management/users/find/*; the nearest is GET " +
			"/v1/Management/users/find",
		"GET /V1/instances/{InstanceId}: 503": "unknown call /V1/instances/{InstanceId}; the nearest is GET " +
			"/v1/Instances/{InstanceId}",
		"/healthz: 503":                       "unknown call /healthz; the nearest is",
		"GET /v1/Registration/create: 503":    "/v1/Registration/create is called with POST, not with GET",
		"POST /v1/Management/users/FIND: 503": "/v1/Management/users/FIND is called with GET or DELETE, not with POST",
		"DELETE /v1/Management/users: 503":    "/v1/Management/users is called with GET or PUT, not with DELETE",
		"PATCH /v1/Management/*: 503":         "/v1/Management/* is called with GET or POST or PUT or DELETE, not with PATCH",
		"FETCH *: 503":                        "no call has the method FETCH",
	} {
		if err := openWith(text); !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s; if there is such a call now, take another path here", text, err, want)
		}
	}
	for _, text := range []string{
		"*: 503", "* *: 503", "GET *: 503", "/*: 503", "/v1/*: 503", "post /V1/registration/CREATE/: 503",
		"/v1/Management/us*: 503", "POST /v1/registration/create*: 503",
		"DELETE /v1/Management/users/{DeviceToken}: 503",
		"DELETE /v1/Management/users/8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70: 503", "/v1/Management/users/8f14*: 503",
		"GET /v1/Instances/{InstanceId}: 503", "GET /v1/{any}/{any}/{any}: 503", "POST /v1/Registration/CreateMultiple: 503",
	} {
		if err := openWith(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The accounts host keeps to the case of its paths, so there two calls differ in a
// letter's case alone.
func TestAFaultStrikesTheCallThatItNames(t *testing.T) {
	w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "/v1/Applications/*: 503"),
		faultOf(t, "/v1/auth/*: 504")}})
	application := "/v1/Applications/" + seed.ApplicationID
	w.do(t, "GET", application, nil, "").want(t, 503)
	w.do(t, "GET", strings.ToLower(application)+"/instances", nil, "").want(t, 401)
	w.do(t, "POST", "/V1/AUTH/LOGIN", nil, "{}").want(t, 504)
}

func FuzzParseFault(f *testing.F) {
	f.Add("POST /v1/Registration/create: drop-after 3%, 503 1%, latency 20ms±10ms")
	f.Add("*: 429 html after retry-after 30s 5%, huge 64MB, envelope 409, slow 2s, truncated, reset after, wrong-type")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := fault.Parse(text)
		if err != nil {
			return
		}
		again, err := fault.Parse(one.String())
		if err != nil || again.String() != one.String() {
			t.Errorf("%q is read back as %q, %v", text, again, err)
		}
	})
}

// Each effect once, and whether the call was carried out anyway.
func TestEffects(t *testing.T) {
	for text, c := range map[string]struct {
		check func(resp *http.Response, body string, err error) bool
		done  bool
	}{
		"drop-before": {func(_ *http.Response, _ string, err error) bool { return err != nil }, false},
		"drop-after":  {func(_ *http.Response, _ string, err error) bool { return err != nil }, true},
		"reset":       {func(_ *http.Response, _ string, err error) bool { return err != nil }, false},
		"reset after": {func(_ *http.Response, _ string, err error) bool { return err != nil }, true},
		"503": {func(r *http.Response, b string, _ error) bool {
			return r.StatusCode == 503 && strings.Contains(b, `"Status":503`)
		}, false},
		"502 html after": {func(r *http.Response, b string, _ error) bool {
			return r.StatusCode == 502 && r.Header.Get("Content-Type") == "text/html" && strings.HasPrefix(b, "<!DOCTYPE")
		}, true},
		"504 empty": {func(r *http.Response, b string, _ error) bool { return r.StatusCode == 504 && b == "" }, false},
		"429 retry-after 90s": {func(r *http.Response, _ string, _ error) bool {
			return r.StatusCode == 429 && r.Header.Get("Retry-After") == "90"
		}, false},
		"envelope": {func(r *http.Response, b string, _ error) bool {
			return r.StatusCode == 200 && strings.Contains(b, `"Status":422`) && strings.Contains(b, `"Errors":[{"Key":""`)
		}, false},
		"truncated": {func(r *http.Response, b string, err error) bool {
			return r.StatusCode == 200 && len(b) > 50 && errors.Is(err, io.ErrUnexpectedEOF)
		}, true},
		"slow 100ms": {func(_ *http.Response, b string, err error) bool { return err == nil && json.Valid([]byte(b)) }, true},
		"huge 1MB": {func(_ *http.Response, b string, err error) bool {
			return err == nil && len(b) == 1<<20 && json.Valid([]byte(b))
		}, true},
		"wrong-type": {func(r *http.Response, b string, _ error) bool {
			return r.Header.Get("Content-Type") == "text/html" && json.Valid([]byte(b))
		}, true},
		"latency 1ms±1ms": {func(r *http.Response, _ string, err error) bool {
			return err == nil && r.StatusCode == 200
		}, true},
		"503 0%": {func(r *http.Response, _ string, _ error) bool { return r.StatusCode == 200 }, true},
	} {
		for _, through := range []string{"socket", "process"} {
			t.Run(text+" through the "+through, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "post /v1/registration/*: "+text)}})
				client, base := w.client, "http://sandbox"
				if through == "socket" {
					server := httptest.NewServer(w.box)
					defer server.Close()
					client, base = server.Client(), server.URL
				}
				req := registration(t.Context())
				req.URL.Host = strings.TrimPrefix(base, "http://")
				resp, err := client.Do(req)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if (resp == nil && !strings.HasPrefix(text, "drop") && !strings.HasPrefix(text, "reset")) ||
					!c.check(resp, string(body), err) {
					t.Errorf("got %v %.200q %v", resp, body, err)
				}
				p := w.list(t, w.asAdmin(t), `{"PageNumber": 1, "PageSize": 1}`)
				if (p.TotalUsers == 1) != c.done {
					t.Errorf("%d users", p.TotalUsers)
				}
			})
		}
	}
}

// The portal host's envelope is in camelCase, that of a fault too.
func TestAFaultSpeaksAsTheCallsHostDoes(t *testing.T) {
	for text, want := range map[string]string{
		"GET /auth/permissions: 503":       `{"status":503,"title":"Service Unavailable","errors":[]}`,
		"GET /auth/permissions: 401 after": `{"status":401,"title":"Unauthorized","errors":[]}`,
		"GET /auth/permissions: envelope": `{"status":422,"title":"Unprocessable Entity","errors":[{"key":"",` +
			`"message":"A fault was injected."}]}`,
		"GET *: envelope 409": `{"status":409,"title":"Conflict","errors":[{"key":"",` +
			`"message":"A fault was injected."}]}`,
		"GET /auth/permissions: 503 empty": ``,
	} {
		w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, text)}})
		if r := w.do(t, "GET", "/auth/permissions", nil, ""); r.Raw != want {
			t.Errorf("%s: %s", text, r.Raw)
		}
	}
	w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "*: 503")}})
	for _, path := range []string{"/v1/Management/users/find", "/v1/Instances/x", "/nowhere"} {
		if r := w.do(t, "GET", path, nil, ""); r.Raw != `{"Status":503,"Title":"Service Unavailable","Errors":[]}` {
			t.Errorf("%s: %s", path, r.Raw)
		}
	}
}

// A reset is what a firewall does: the client's system says so, and an orderly end is
// something else.
func TestAResetIsNoOrderlyEnd(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has a number of its own for a reset")
	}
	for text, isReset := range map[string]bool{"reset": true, "reset after": true, "drop-after": false} {
		server := httptest.NewServer(newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "*: "+text)}}).box)
		defer server.Close()
		req := registration(t.Context())
		req.URL.Host = strings.TrimPrefix(server.URL, "http://")
		resp, err := server.Client().Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || errors.Is(err, syscall.ECONNRESET) != isReset {
			t.Errorf("%s: the client gets %v", text, err)
		}
	}
}

func TestLatencyWaitsAsLongAsItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "*: latency 2s±1s")}})
		begun := time.Now()
		w.register(t, `{}`)
		if took := time.Since(begun); took < time.Second || took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := w.client.Do(registration(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheSameSeedStrikesTheSameRequests(t *testing.T) {
	run := func(seed uint64) (out string, struck int) {
		w := newWorld(t, sandbox.Options{FaultSeed: seed, Faults: []fault.Fault{faultOf(t, "*: 503 30%")}})
		for range 200 {
			if r := w.do(t, "POST", "/v1/Registration/create", theInstance, `{}`); r.HTTP == 503 {
				out += "x"
				struck++
			} else {
				out += "."
			}
		}
		return out, struck
	}
	a, struck := run(7)
	if b, _ := run(7); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if b, _ := run(8); a == b {
		t.Error("another seed, the same requests")
	}
	if struck < 30 || struck > 90 {
		t.Errorf("%d of 200 at 30%%", struck)
	}
}

func TestAResetThrowsTheSameDiceAgain(t *testing.T) {
	w := newWorld(t, sandbox.Options{FaultSeed: 7, Control: true, Faults: []fault.Fault{faultOf(t, "*: 503 30%")}})
	run := func() (out string) {
		for range 50 {
			out += fmt.Sprint(w.do(t, "POST", "/v1/Registration/create", theInstance, `{}`).HTTP, " ")
		}
		return out
	}
	first := run()
	w.control(t, "POST", "reset", "", 200)
	if again := run(); again != first {
		t.Errorf("%s\n%s", first, again)
	}
	w.control(t, "PUT", "faults", `{"Faults": ["*: 503 30%"]}`, 200)
	if again := run(); again != first {
		t.Errorf("set again: %s\n%s", first, again)
	}
}

func TestEveryRequestHasALogLine(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, sandbox.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Control: true, Contract: []byte("x")})
	w.do(t, "GET", "/healthz", nil, "")
	w.control(t, "GET", "clock", "", 200)
	w.control(t, "GET", "nothing", "", 404)
	w.do(t, "GET", "/nowhere", nil, "").want(t, 404)
	w.control(t, "PUT", "faults", `{"Faults": ["*: latency 1h"]}`, 200)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.box.ServeHTTP(httptest.NewRecorder(), registration(ctx)) // by a client that goes away
	for _, want := range []string{
		"path=/healthz status=200", "path=/_sandbox/clock status=200", "path=/_sandbox/nothing status=404",
		"path=/nowhere status=404",
		"path=/_sandbox/faults status=200", "path=/v1/Registration/create status=0",
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("%s is not there once: %s", want, log.String())
		}
	}
}

func TestALogLinePerRequestWithoutSecrets(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, sandbox.Options{Log: slog.New(slog.NewJSONHandler(&log, nil)), Control: true,
		Faults: []fault.Fault{faultOf(t, "GET *: 503")}})
	u := w.register(t, `{}`)
	w.refresh(t, u.AccessToken.Token, *u.RefreshToken).want(t, 200)
	w.do(t, "GET", "/nowhere?secret=1", headers{"X-Request-Id": "r-9"}, "")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], `"method":"GET","path":"/nowhere","status":503,`) ||
		!strings.Contains(lines[2], `"request_id":"r-9","fault":"503"`) {
		t.Error(log.String())
	}
	seen := log.String() + w.do(t, "GET", "/_sandbox/requests", nil, "").Raw
	for _, s := range []string{u.AccessToken.Token, *u.RefreshToken, sandbox.InstanceKey, "secret"} {
		if strings.Contains(seen, s) {
			t.Errorf("%.20s… is there: %s", s, seen)
		}
	}
}
