package contracttest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// What a process writes down can be read while it goes on, and when it was killed in the
// middle of a line.
func TestWhatIsWrittenDownIsRead(t *testing.T) {
	folder := t.TempDir()
	var want []string
	wire := contracttest.WritingDown(folder)(tripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/broken" {
			return nil, errBroken
		}
		return &http.Response{StatusCode: 201, Header: http.Header{"A": {"b"}},
			Body: io.NopCloser(strings.NewReader("got " + r.URL.Path))}, nil
	}))
	for _, path := range []string{"/1", "/2", "/3", "/5", "/6", "/broken"} {
		r := httptest.NewRequest("POST", "http://service"+path, strings.NewReader("sent "+path))
		resp, err := wire.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
			want = append(want, "POST http://service"+path+" sent "+path+" 201 b got "+path)
		} else {
			want = append(want, "POST http://service"+path+" sent "+path)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "killed"), []byte(`{"Method": "GET", "U`), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := contracttest.Written(folder, func(e contracttest.Exchange) error {
		line := e.Request.Method + " " + e.Request.URL.String() + " " + string(e.Sent)
		if e.Response != nil {
			line += " 201 " + e.Response.Header.Get("A") + " " + string(e.Got)
		}
		got = append(got, line)
		return nil
	})
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	if contracttest.WritingDown("") != nil {
		t.Error("without a folder something is written down")
	}
}

// A handler is held as a wire is, and its answer reaches the client as it was.
func TestAHandlerIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		query  string
		hold   contracttest.Hold
		answer http.HandlerFunc
		want   string
	}{
		"all fits": {"", contracttest.Hold{Requests: true, Answers: true}, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.Copy(io.Discard, r.Body)
		}, ""},
		"the request": {"?Shoe=43", contracttest.Hold{Requests: true}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}, "query Shoe"},
		"not the request": {"?Shoe=43", contracttest.Hold{Answers: true}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}, ""},
		"the answer": {"", contracttest.Hold{Answers: true}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"Shoe": 43}`)
		}, "Shoe"},
		"no answer": {"", contracttest.Hold{Answers: true}, func(http.ResponseWriter, *http.Request) {}, "without a status"},
	} {
		t.Run(name, func(t *testing.T) {
			var reports []string
			held := theContract(t).Handler(c.answer, c.hold, func(err error) { reports = append(reports, err.Error()) })
			r, body := asked("PUT", usersPath+c.query, `{"FirstName": "Ada"}`)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			got, plain := httptest.NewRecorder(), httptest.NewRecorder()
			held.ServeHTTP(got, r)
			c.answer(plain, httptest.NewRequest("PUT", usersPath, nil))
			if got.Code != plain.Code || got.Body.String() != plain.Body.String() {
				t.Errorf("the client got %d %q, not %d %q", got.Code, got.Body, plain.Code, plain.Body)
			}
			if report := strings.Join(reports, "\n"); (report == "") != (c.want == "") || !strings.Contains(report, c.want) {
				t.Errorf("reported %q, want %q", report, c.want)
			}
		})
	}
}
