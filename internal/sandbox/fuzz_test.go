package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/golang-jwt/jwt/v5"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// Whatever bytes and headers come, on each route: never a 500, never a panic, and always
// an envelope or nothing.
func FuzzRoutes(f *testing.F) {
	routes := sandbox.Routes()
	w := newWorld(f, sandbox.Options{SignInLimit: -1})
	admin, user := w.asAdmin(f), bearer(w.register(f, `{}`).AccessToken.Token)
	for i := range routes {
		for _, body := range []string{
			``, `{}`, `[]`, `null`, `{"Quantity": 1}`, `{"Quantity": 1e99}`,
			`{"PageNumber": 1, "PageSize": 1, "Sort": "Desc", "DateCreatedTo": "0001-01-01"}`,
			`{"LoginFields": "{\"Devicetoken\": 7}", "Password": []}`, `{"LoginFields": {}, "Password": ""}`,
			`{"AccessToken": "a.b.c", "RefreshToken": ""}`,
			`{"FirstName": "\u0000\ud800", "UserFields": [[]], "Birthday": "9999-99-99", "ChildrenCount": 1e308}`,
			`{"UserFields": {"ClientId": {}}}`,
			`{"DeviceToken": "{", "ToInstanceId": 7, "ToInstanceKey": null}`,
		} {
			f.Add(uint8(i), uint8(i), "x", "a=b", body, "application/json", sandbox.InstanceID)
		}
	}
	f.Fuzz(func(t *testing.T, route, as uint8, segment, query, body, kind, id string) {
		method, path, _ := strings.Cut(routes[int(route)%len(routes)], " ")
		if at := strings.IndexByte(path, '{'); at >= 0 {
			end := strings.IndexByte(path, '}')
			path = path[:at] + strings.NewReplacer("/", "", "?", "", "#", "").Replace(segment) + path[end+1:]
		}
		req := httptest.NewRequest(method, "/", iotest.DataErrReader(strings.NewReader(body)))
		req.URL.Path, req.URL.RawQuery = path, query
		req.Header = http.Header{
			"Content-Type": {kind}, "Instanceid": {id}, "Instancekey": {sandbox.InstanceKey}, "Userdevicetoken": {id},
			"Devicetoken": {id}, "X-Request-Id": {segment},
		}
		for name, value := range []headers{nil, admin, user}[int(as)%3] {
			req.Header.Set(name, value)
		}
		out := httptest.NewRecorder()
		w.box.ServeHTTP(out, req)
		if out.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, path, out.Code, out.Body)
		}
		if err := theContract().Answer(req, out.Code, out.Header(), out.Body.Bytes()); err != nil {
			t.Fatalf("%s %s: %v in %d %s", method, path, err, out.Code, out.Body)
		}
	})
}

// Whatever a head says, on each route: the answer is one that the contract describes, and
// nobody is let in by what was not issued.
func FuzzHeads(f *testing.F) {
	routes := sandbox.Routes()
	w := newWorld(f, sandbox.Options{SignInLimit: -1})
	u, key := w.register(f, `{}`), []byte("not the sandbox's key")
	heads := []string{"", "Bearer", "Bearer ", "bearer x", "Bearer a.b.c", "Basic YTpi"}
	for _, genuine := range []string{u.AccessToken.Token, strings.TrimPrefix(w.asAdmin(f)["Authorization"], "Bearer ")} {
		heads = append(heads, forged(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, genuine),
			forged(f, jwt.SigningMethodHS256, key, genuine),
			forged(f, jwt.SigningMethodHS512, key, genuine), "Bearer "+genuine[:strings.LastIndex(genuine, ".")+1])
	}
	for i := range routes {
		for _, authorization := range heads {
			f.Add(uint8(i), authorization, sandbox.InstanceID, sandbox.InstanceKey, "X-Request-Id", "r")
		}
		f.Add(uint8(i), "", "{"+sandbox.InstanceID+"}", strings.ToUpper(sandbox.InstanceKey), "Content-Type",
			"application/json; charset=\x00")
		f.Add(uint8(i), "", sandbox.InstanceID+" ", "urn:uuid:"+sandbox.InstanceKey, "Content-Length", "-1")
		f.Add(uint8(i), "", "", "\xff", "Devicetoken", u.DeviceToken)
	}
	f.Fuzz(func(t *testing.T, route uint8, authorization, id, key, name, value string) {
		method, path, _ := strings.Cut(routes[int(route)%len(routes)], " ")
		req := httptest.NewRequest(method, "/", strings.NewReader(`{}`))
		req.URL.Path = path
		req.Header = http.Header{
			"Content-Type": {"application/json"}, "Authorization": {authorization}, "Instanceid": {id}, "Instancekey": {key},
			"Userdevicetoken": {id}, "Devicetoken": {id},
		}
		req.Header.Set(name, value)
		out := httptest.NewRecorder()
		w.box.ServeHTTP(out, req)
		if err := theContract().Answer(req, out.Code, out.Header(), out.Body.Bytes()); err != nil {
			t.Fatalf("%s %s: %v in %d %s", method, path, err, out.Code, out.Body)
		}
		if out.Code == http.StatusOK && !strings.HasPrefix(path, "/v1/Registration/") {
			t.Fatalf("%s %s with %q: %s", method, path, authorization, out.Body)
		}
	})
}

// forged is a JWT that says what another says, signed again.
func forged(t testing.TB, method jwt.SigningMethod, key any, genuine string) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(genuine, claims); err != nil {
		t.Fatal(err)
	}
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text
}

// Whatever comes to the control API: it answers in JSON and never fails, the faults that
// it has taken can be set again, and once they and the clock are put back the sandbox
// does what it did.
func FuzzControl(f *testing.F) {
	w := newWorld(f, sandbox.Options{SignInLimit: -1, Control: true})
	for _, call := range []struct{ method, path, body string }{
		{"GET", "faults", ``}, {"PUT", "faults",
			`{"Faults": ["*: 503", "POST /v1/Registration/create: drop-after 2%, latency 1ms±1ms, 429 retry-after 3s, ` +
				`503 html 1%, huge 1KB"]}`},
		{"PUT", "faults", `{"faults": ["GET /auth/permissions: envelope 422"]}`},
		{"PUT", "faults", `{"Faults": [null, 7]}`}, {"DELETE", "faults", `[`},
		{"GET", "clock", ``}, {"POST", "clock", `{"Advance": "25h"}`},
		{"POST", "clock", `{"Advance": "-876000h", "To": 7}`}, {"POST", "clock", `{"To": "2030-01-01T00:00:00+14:00"}`},
		{"DELETE", "clock", ``}, {"POST", "tokens/expire", ``},
		{"POST", "tokens/expire", `{"DeviceToken": "{", "devicetoken": null}`}, {"GET", "counters", ``},
		{"GET", "requests", `{"Password": "x"}`}, {"POST", "reset", `null`}, {"BREW", "//", `{"Faults": {}}`},
		{"POST", "clock/", "\xff"},
	} {
		f.Add(call.method, call.path, call.body)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		ask := func(method, path, body string) *httptest.ResponseRecorder {
			req := httptest.NewRequest("GET", "/", strings.NewReader(body))
			req.Method, req.URL.Path = method, path
			req.Header = http.Header{"Content-Type": {"application/json"}, "Instanceid": {sandbox.InstanceID},
				"Instancekey": {sandbox.InstanceKey}}
			out := httptest.NewRecorder()
			w.box.ServeHTTP(out, req)
			return out
		}
		if out := ask(method, "/_sandbox/"+path, body); out.Code >= 500 || !json.Valid(out.Body.Bytes()) {
			t.Fatalf("%s %s: %d %s", method, path, out.Code, out.Body)
		}
		taken := ask("GET", "/_sandbox/faults", "").Body.String()
		if out := ask("PUT", "/_sandbox/faults", taken); out.Code != http.StatusOK || out.Body.String() != taken {
			t.Fatalf("%s set again: %d %s", taken, out.Code, out.Body)
		}
		for _, what := range []string{"faults", "clock"} {
			if out := ask("DELETE", "/_sandbox/"+what, ""); out.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", what, out.Code, out.Body)
			}
		}
		if out := ask("POST", "/v1/Registration/create", `{"CreateAccessToken": false}`); out.Code != http.StatusOK {
			t.Fatalf("after %s %s: %d %s", method, path, out.Code, out.Body)
		}
	})
}

// Whatever method and path come: what the contract describes is answered as it says, and
// so is what it does not describe.
func FuzzCalls(f *testing.F) {
	w := newWorld(f, sandbox.Options{SignInLimit: -1})
	admin := w.asAdmin(f)["Authorization"]
	for _, call := range sandbox.Routes() {
		method, path, _ := strings.Cut(call, " ")
		for _, m := range []string{method, "PATCH", "OPTIONS", "BREW", ""} {
			f.Add(m, path)
			f.Add(m, strings.ToUpper(path))
			f.Add(m, path+"/")
			f.Add(m, "/"+path+"/x")
		}
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		req := httptest.NewRequest("GET", "/", strings.NewReader(`{}`))
		req.Method, req.URL.Path = method, path
		req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {admin}}
		if method == "HEAD" || !contracttest.TheServices(path) {
			t.Skip("without a body, or not the service's")
		}
		out := httptest.NewRecorder()
		w.box.ServeHTTP(out, req)
		if err := theContract().Answer(req, out.Code, out.Header(), out.Body.Bytes()); err != nil {
			t.Fatalf("%q %q: %v in %d %s", method, path, err, out.Code, out.Body)
		}
	})
}

// A layout, an import and a record of another version must not bring the sandbox down either.
func FuzzImport(f *testing.F) {
	for _, line := range []string{
		`{}`, `{"UserProfile": {"FirstName": null}, "UserFields": [{"ClientId": "x"}]}`,
		`{"MobileDevice": {"OsType": null}}`, `{"Status": 3, "DateCreated": "x"}`,
		`{"AccountInfo": {"InstanceId": "` + sandbox.InstanceID + `"}}`, "{}\n{}", "[", "",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorld(t, sandbox.Options{})
		n, err := w.box.Import(t.Context(), strings.NewReader(text))
		if err != nil {
			return
		}
		lines := w.export(t)
		if strings.Count(lines, "\n") != n {
			t.Fatalf("%d imported, exported %q", n, lines)
		}
		again := newWorld(t, sandbox.Options{})
		if _, err := again.box.Import(t.Context(), strings.NewReader(lines)); err != nil || again.export(t) != lines {
			t.Fatalf("%q comes back as %q (%v)", lines, again.export(t), err)
		}
	})
}
