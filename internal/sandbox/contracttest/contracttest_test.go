package contracttest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/contracttest"
)

const done = `{"Status": 200, "Title": "", "Errors": []}`

// What does not fit the contract is reported; what fits is not.
func TestWhatDoesNotFitIsReported(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	const (
		create = "/v1/Registration/create"
		update = "/v1/Management/users"
		id     = "00000000-0000-4000-8000-000000000001"
	)
	instance := map[string]string{"InstanceId": id, "InstanceKey": id}
	registered := `{"Result": {"DeviceToken": "` + id + `", "AccessToken": null, "RefreshToken": null}, "Status": 200, "Title": "", "Errors": []}`
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		body         string
		status       int
		answer       string
		want         string // a part of the report; "" is none
	}{
		"all fits":              {"POST", create, instance, `{"FirstName": "Ada"}`, 200, registered, ""},
		"a bare 401":            {"POST", create, instance, `{}`, 401, "", ""},
		"a missing header":      {"POST", create, nil, `{}`, 200, registered, "InstanceId"},
		"a wrong kind of field": {"POST", create, instance, `{"ChildrenCount": "two"}`, 200, registered, "ChildrenCount"},
		"an unknown spelling":   {"POST", create, instance, `{"Gender": "F"}`, 200, registered, "Gender"},
		"an undescribed status": {"POST", create, instance, `{}`, 418, registered, "status is not supported"},
		"an undescribed field":  {"PUT", update, nil, `{}`, 200, strings.Replace(done, "{", `{"Shoe": 43, `, 1), "Shoe"},
		"a missing field":       {"PUT", update, nil, `{}`, 200, `{"Status": 200}`, "Errors"},
		"a failing envelope":    {"PUT", update, nil, `{}`, 200, strings.Replace(done, "200", "422", 1), "Status"},
		"a Result too many":     {"PUT", update, nil, `{}`, 200, registered, "Result"},
		"an unknown call":       {"PATCH", update, nil, `{}`, 200, done, "does not describe"},
	} {
		t.Run(name, func(t *testing.T) {
			var reports []string
			next := contract.Transport(answering(c.status, c.answer), true, func(err error) { reports = append(reports, err.Error()) })
			req := httptest.NewRequest(c.method, "http://sandbox"+c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", "application/json")
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			resp, err := next.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != c.answer {
				t.Errorf("the answer was changed to %q (%v)", body, err)
			}
			got := strings.Join(reports, "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("reported %q, want %q", got, c.want)
			}
		})
	}
}

type answer struct {
	status int
	body   string
}

func answering(status int, body string) http.RoundTripper { return answer{status, body} }

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

func TestATextThatIsNoContract(t *testing.T) {
	for _, text := range []string{"", "openapi: 3.1.0", "{", "openapi: 3.1.0\ninfo: {title: x, version: '1'}\npaths: {x: {}}"} {
		if _, err := contracttest.New([]byte(text)); err == nil {
			t.Errorf("%q was taken for one", text)
		}
	}
}
