package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/contracttest"
)

// Whatever bytes and headers come, on each route: never a 500, never a panic, and always an envelope or nothing.
func FuzzRoutes(f *testing.F) {
	routes := sandbox.Routes()
	w := newWorld(f, sandbox.Options{SignInLimit: -1})
	admin, user := w.asAdmin(f), bearer(w.register(f, `{}`).AccessToken.Token)
	for i := range routes {
		for _, body := range []string{
			``, `{}`, `[]`, `null`, `{"Quantity": 1}`, `{"Quantity": 1e99}`, `{"PageNumber": 1, "PageSize": 1, "Sort": "Desc", "DateCreatedTo": "0001-01-01"}`,
			`{"LoginFields": "{\"Devicetoken\": 7}", "Password": []}`, `{"LoginFields": {}, "Password": ""}`, `{"AccessToken": "a.b.c", "RefreshToken": ""}`,
			`{"FirstName": "\u0000\ud800", "UserFields": [[]], "Birthday": "9999-99-99", "ChildrenCount": 1e308}`, `{"UserFields": {"ClientId": {}}}`,
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
			"Content-Type": {kind}, "Instanceid": {id}, "Instancekey": {sandbox.InstanceKey}, "Userdevicetoken": {id}, "Devicetoken": {id}, "X-Request-Id": {segment},
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

// Whatever method and path come: what the contract describes is answered as it says, and so is what it does not describe.
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
		`{}`, `{"UserProfile": {"FirstName": null}, "UserFields": [{"ClientId": "x"}]}`, `{"MobileDevice": {"OsType": null}}`, `{"Status": 3, "DateCreated": "x"}`,
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
