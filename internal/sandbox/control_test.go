package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/fault"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

func (w *world) control(t testing.TB, method, path, body string, status int) string {
	t.Helper()
	if path == "faults" && method != "GET" {
		w.ill.Store(method == "PUT")
	}
	r := w.do(t, method, "/_sandbox/"+path, nil, body)
	if r.HTTP != status {
		t.Fatalf("%s %s: %d %s", method, path, r.HTTP, r.Raw)
	}
	return r.Raw
}

func TestWithoutControlThereIsNoControlAPI(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.do(t, "GET", "/_sandbox/counters", nil, "").want(t, 404)
}

func TestTokensExpireWithoutWaiting(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	one, two := w.register(t, `{}`), w.register(t, `{}`)
	status := func(u tokens) int {
		return w.do(t, "GET", "/v1/Management/users", theInstance.and(bearer(u.AccessToken.Token)), "").HTTP
	}
	w.control(t, "POST", "tokens/expire", `{"DeviceToken": "`+one.DeviceToken+`"}`, 200)
	if status(one) != 401 || status(two) != 200 {
		t.Errorf("one: %d and %d", status(one), status(two))
	}
	w.control(t, "POST", "tokens/expire", "", 200)
	if status(two) != 401 {
		t.Error("all: one lives on")
	}
	fresh := w.refresh(t, two.AccessToken.Token, *two.RefreshToken).want(t, 200).tokens(t)
	if status(fresh) != 200 {
		t.Error("the refreshed one has expired too")
	}
	w.control(t, "POST", "clock", `{"Advance": "25h"}`, 200)
	if status(fresh) != 401 {
		t.Error("it lives longer than a day")
	}
	w.control(t, "POST", "tokens/expire", `{"DeviceToken": "`+seed.CompanyID+`"}`, 404)
	w.control(t, "POST", "tokens/expire", `{"DeviceToken": "x"}`, 422)
}

func TestTheClockMoves(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	var c struct{ Now time.Time }
	for _, step := range []struct{ method, body, want string }{
		{"POST", `{"Advance": "36h"}`, "2026-11-24T00:00:00Z"},
		{"POST", `{"Advance": "-1h"}`, "2026-11-23T23:00:00Z"},
		{"POST", `{"To": "2030-01-01T00:00:00Z"}`, "2030-01-01T00:00:00Z"},
		{"GET", "", "2030-01-01T00:00:00Z"},
		{"DELETE", "", "2026-11-22T12:00:00Z"},
	} {
		if err := json.Unmarshal([]byte(w.control(t, step.method, "clock", step.body, 200)), &c); err != nil {
			t.Fatal(err)
		}
		if got := c.Now.Format(time.RFC3339); got != step.want {
			t.Errorf("%s %s: %s", step.method, step.body, got)
		}
	}
	w.control(t, "POST", "clock", `{"Advance": "soon"}`, 422)
	w.control(t, "POST", "clock", `{}`, 422)
	w.control(t, "POST", "clock", `[`, 400)
	for _, body := range []string{`{"Advance": "2000000h"}`, `{"Advance": "-2000000h"}`,
		`{"To": "2200-01-01T00:00:00Z"}`} {
		w.control(t, "POST", "clock", body, 422)
	}
	w.control(t, "POST", "clock", `{"Advance": "700000h"}`, 200)
	w.control(t, "POST", "clock", `{"Advance": "700000h"}`, 422)
}

func TestFaultsAreSetWhileItRuns(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	w.control(t, "PUT", "faults", `{"Faults": ["POST /v1/Registration/create: 503"]}`, 200)
	w.do(t, "POST", "/v1/Registration/create", theInstance, `{}`).want(t, 503)
	for body, want := range map[string]string{
		`{"Faults": ["nonsense"]}`: "no : after the path",
		`{"Faults": "*: 503"}`:     "a list of texts",
		`{"Faults": ["*: 503", "/v1/registrations: 503"]}`: "unknown call /v1/registrations; the nearest is POST " +
			"/v1/Registration/create",
	} {
		if got := w.control(t, "PUT", "faults", body, 422); !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := w.control(t, "GET", "faults", "", 200); got != `{"Faults":["POST /v1/Registration/create: 503"]}` {
		t.Error(got)
	}
	w.control(t, "DELETE", "faults", "", 200)
	w.register(t, `{}`)
	if got := w.control(t, "GET", "counters", "",
		200); got != `{"Calls":{"POST /v1/Registration/create":{"200":1,"503":1}},"Faults":1,"Requests":2,"Users":1}` {
		t.Error(got)
	}
}

func TestTheLastRequestsAreRemembered(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	for range 250 {
		w.do(t, "POST", "/v1/Registration/create", theInstance.and(headers{"X-Request-Id": "r"}),
			`{"Email": "ada@example.com", "Password": "p4ssword"}`)
	}
	var got struct{ Requests []sandbox.Exchange }
	if err := json.Unmarshal([]byte(w.control(t, "GET", "requests", "", 200)), &got); err != nil {
		t.Fatal(err)
	}
	last := got.Requests[len(got.Requests)-1]
	if len(got.Requests) < 100 || len(got.Requests) > 200 || last.Status != 200 ||
		last.Path != "/v1/Registration/create" || last.RequestID != "r" ||
		last.Body != `{"Email":"ada@example.com","Password":"[redacted]"}` {
		t.Errorf("%d, %+v", len(got.Requests), last)
	}
}

func TestResetByControl(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	w.register(t, `{}`)
	w.control(t, "POST", "clock", `{"Advance": "1h"}`, 200)
	w.control(t, "POST", "reset", "", 200)
	if got := w.control(t, "GET", "counters", "", 200); got != `{"Calls":{},"Faults":0,"Requests":0,"Users":0}` {
		t.Error(got)
	}
	if got := w.control(t, "GET", "nothing", "", 404); !strings.Contains(got, "POST /_sandbox/reset") {
		t.Errorf("the calls are not listed: %s", got)
	}
}

// Whoever tries a client against the sandbox sends secrets where they do not belong, too.
func TestNoSecretIsShownWhereverItStands(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJFbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.c2lnbmF0dXJl"
	var log bytes.Buffer
	w := newWorld(t, sandbox.Options{Control: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, c := range []struct{ body, shown string }{
		{`{"LoginFields": "{\"email\": \"ada@example.com\", \"password\": \"SECRET\"}"}`,
			`{"LoginFields":"{\"email\":\"ada@example.com\",\"password\":\"[redacted]\"}"}`},
		{`{"loginfields": "{\"AccessToken\": {\"It\": \"SECRET\"}}"}`,
			`{"loginfields":"{\"AccessToken\":{\"It\":\"[redacted]\"}}"}`},
		{`{"LoginFields": "password=SECRET"}`, `{"LoginFields":"(not JSON)"}`},
		{`{"LoginFields": {"Password": "SECRET", "email": "a"}}`,
			`{"LoginFields":{"Password":"[redacted]","email":"a"}}`},
		{`{"Address": "` + jwt + `", "List": [{"PASSWORD": "SECRET"}]}`,
			`{"Address":"[redacted]","List":[{"PASSWORD":"[redacted]"}]}`},
		{`{"LoginFields": "[\"SECRET\"]"}`, `{"LoginFields":"(not JSON)"}`},
		{`LoginFields=SECRET`, `(not JSON)`},
	} {
		w.do(t, "POST", "/v1/Auth/Login", headers{"X-Request-Id": "before " + jwt}, c.body)
		var got struct{ Requests []sandbox.Exchange }
		if err := json.Unmarshal([]byte(w.control(t, "GET", "requests", "", 200)), &got); err != nil {
			t.Fatal(err)
		}
		if last := got.Requests[len(got.Requests)-1]; last.Body != c.shown || last.RequestID != "before [redacted]" {
			t.Errorf("%s is shown as %s, of %s", c.body, last.Body, last.RequestID)
		}
	}
	w.do(t, "DELETE", "/v1/Management/users/"+jwt, nil, "").want(t, 401)
	w.do(t, "GET", "/_sandbox/"+jwt, nil, "")
	all := log.String() + w.control(t, "GET", "requests", "", 200)
	if strings.Contains(all, "eyJ") || strings.Contains(all, "SECRET") ||
		strings.Count(all, "/v1/Management/users/[redacted]") != 2 {
		t.Error(all)
	}
}

// A back-end that resets between its tests finds the same users each time, DeviceTokens
// that were drawn included.
func TestAResetBringsBackWhatItBeganWith(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{Control: true, Dir: dir, FaultSeed: 3})
			n, err := w.box.Begin(t.Context(), sandbox.Start{
				Import: strings.NewReader(`{"UserProfile": {"FirstName": "Ada"}}` + "\n" + `{"DeviceToken": "` + id(1) +
					`", "UserFields": {"ClientId": "c-1"}}`),
				Fleet: seed.Fleet{Users: 20, Seed: 7},
			})
			if err != nil || n != 2 {
				t.Fatal(n, err)
			}
			start := w.export(t)
			for range 2 {
				w.register(t, `{"FirstName": "Eve"}`)
				w.do(t, "DELETE", "/v1/Management/users/"+id(1), w.asAdmin(t), "").want(t, 200)
				w.control(t, "POST", "clock", `{"Advance": "1h"}`, 200)
				w.control(t, "POST", "reset", "", 200)
				if again := w.export(t); again != start || strings.Count(start, "\n") != 22 {
					t.Errorf("%d users, then %d", strings.Count(start, "\n"), strings.Count(again, "\n"))
				}
			}
			var resets sync.WaitGroup
			for range 20 { // at once
				resets.Go(func() {
					if r := w.do(t, "POST", "/_sandbox/reset", nil, ""); r.HTTP != 200 {
						t.Errorf("one of many resets: %s", r.Raw)
					}
				})
			}
			if resets.Wait(); w.export(t) != start {
				t.Error("resets at the same time leave other users")
			}
		})
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t, sandbox.Options{Faults: []fault.Fault{faultOf(t, "*: 503")}, Contract: []byte("openapi: 3.1.0\n")})
	if r := w.do(t, "GET", "/healthz", nil, ""); r.HTTP != 200 {
		t.Errorf("%d %s", r.HTTP, r.Raw)
	}
}

func TestOnlyLoopbackUnlessRemoteIsAllowed(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:8077": true, "localhost:0": true, "[::1]:8077": true, "127.9.9.9:1": true,
		":8077": false, "0.0.0.0:8077": false, "192.168.1.7:8077": false, "example.com:80": false, "8077": false,
	} {
		if err := sandbox.CheckAddr(addr, false); (err == nil) != ok || (err != nil && !failure.Is(err, failure.Invalid)) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := sandbox.CheckAddr("0.0.0.0:8077", true); err != nil {
		t.Error(err)
	}
}

// What a page of another site may make a browser send is refused, whatever it asks for.
func TestTheControlAPIIsForThisHostAlone(t *testing.T) {
	url, _ := serving(t, sandbox.Options{Control: true})
	for name, c := range map[string]struct {
		host, kind, origin, body string
		status                   int
	}{
		"its own host": {"", "application/json", "", `{}`, 200},
		"localhost": {"localhost:" + url[strings.LastIndex(url, ":")+1:], "application/json; charset=utf-8",
			"", `{}`, 200},
		"its own origin":           {"", "application/json", url, `{}`, 200},
		"no body":                  {"", "", "", ``, 200},
		"another name of the host": {"evil.example", "application/json", "", `{}`, 403},
		"another port":             {"127.0.0.1:1", "application/json", "", `{}`, 403},
		"another origin":           {"", "application/json", "https://evil.example", `{}`, 403},
		"an opaque origin":         {"", "application/json", "null", ``, 403},
		"a form":                   {"", "application/x-www-form-urlencoded", "", `{}`, 415},
		"plain text":               {"", "text/plain", "", `{}`, 415},
		"no content type":          {"", "", "", `{}`, 415},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/_sandbox/tokens/expire",
				strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = c.host
			for header, value := range map[string]string{"Content-Type": c.kind, "Origin": c.origin} {
				if value != "" {
					req.Header.Set(header, value)
				}
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil || resp.StatusCode != c.status {
				t.Errorf("%s %v, want %d", resp.Status, err, c.status)
			}
		})
	}
}

func TestAUserIsPutAsAnExportHasIt(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	line := `{"DeviceToken": "` + id(1) + `", "ActivityStatus": "Active", "UserProfile": {"FirstName": "%s"},
		"DeviceStatus": {"HeartbeatDate": "2026-11-22T11:00:00", "GPSPermissionGranted": "false", "LowPowerMode": "true"},
		"Statistics": {"LatestTripDate": "2026-11-01T08:00:00"}}`
	for _, name := range []string{"Ada", "Eve"} {
		w.control(t, "PUT", "users", strings.Replace(line, "%s", name, 1), 200)
	}
	as := w.asAdmin(t)
	if p := w.find(t, as, "DeviceToken="+id(1)); len(p) != 1 || p[0].UserProfile["FirstName"] != "Eve" {
		t.Errorf("got %+v", p)
	}
	r := send(t, &http.Client{Transport: sandbox.Transport(w.box)}, "http://sandbox", "GET",
		heartbeatPath+"/"+id(1)+"/latest", as, "")
	if !strings.Contains(r.Raw, `"GPSPermissionGranted":false`) || !strings.Contains(r.Raw, `"LowPowerMode":true`) {
		t.Error(r.Raw)
	}
	r = w.do(t, "GET", "/indicators/admin/v3/Statistics/Dates?UserId="+id(1), as, "")
	if !strings.Contains(r.Raw, `{"LatestTripDate":"2026-11-01T08:00:00","LatestScoringDate":null}`) {
		t.Error(r.Raw)
	}
	w.control(t, "PUT", "users", `{"DeviceToken": "x"}`, 422)
}

// A client that knows nothing of the sandbox can check its JWTs by the published key.
func TestTheKeyOfJWTsIsPublished(t *testing.T) {
	w := newWorld(t, sandbox.Options{Control: true})
	token := w.register(t, `{}`).AccessToken.Token
	var set struct {
		Keys []struct{ N, E, Kid, Alg string }
	}
	if err := json.Unmarshal([]byte(w.control(t, "GET", "jwks", "", 200)), &set); err != nil || len(set.Keys) != 1 {
		t.Fatal(set, err)
	}
	number := func(text string) *big.Int {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(raw)
	}
	key := &rsa.PublicKey{N: number(set.Keys[0].N), E: int(number(set.Keys[0].E).Int64())}
	signed, signature, _ := strings.Cut(token[strings.Index(token, ".")+1:], ".")
	head, _, _ := strings.Cut(token, ".")
	digest := sha256.Sum256([]byte(head + "." + signed))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], number(signature).
		FillBytes(make([]byte, key.Size()))); err != nil {
		t.Error(err)
	}
}
