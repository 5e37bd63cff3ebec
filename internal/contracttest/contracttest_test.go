package contracttest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
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
	registered := `{"Result": {"DeviceToken": "` + id +
		`", "AccessToken": null, "RefreshToken": null}, "Status": 200, "Title": "", "Errors": []}`
	refused := func(status string) string { return `{"Status": ` + status + `, "Title": "", "Errors": []}` }
	login := func(fields string) string { return `{"LoginFields": ` + strconv.Quote(fields) + `, "Password": "x"}` }
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		body         string
		status       int
		answer       string
		want         string // a part of the report; "" is none
	}{
		"all fits":               {"POST", create, instance, `{"FirstName": "Ada"}`, 200, registered, ""},
		"a bare 401":             {"POST", create, instance, `{}`, 401, "", ""},
		"a slash at the end":     {"POST", create + "/", instance, `{}`, 200, registered, ""},
		"another case":           {"POST", strings.ToUpper(create), instance, `{}`, 200, registered, ""},
		"no call of the service": {"PUT", "/_sandbox/faults", nil, `{"Faults": []}`, 200, `{"Faults": []}`, ""},

		"a missing header": {"POST", create, nil, `{}`, 200, registered, "InstanceId"},
		"a missing key": {"POST", create, map[string]string{"InstanceId": id}, `{}`, 200, registered,
			"header InstanceKey is missing"},
		"a key that is not a UUID": {"POST", create, map[string]string{"InstanceId": id, "InstanceKey": "x"}, `{}`, 200,
			registered, "InstanceKey is not a UUID"},
		"a wrong kind of field": {"POST", create, instance, `{"ChildrenCount": "two"}`, 200, registered, "ChildrenCount"},
		"an unknown spelling":   {"POST", create, instance, `{"Gender": "F"}`, 200, registered, "Gender"},

		"a field that we make up": {"POST", create, instance, `{"Shoe": 43}`, 200, registered, "body's /Shoe"},
		"one in another case": {"POST", create, instance, `{"firstName": "Ada"}`, 200, registered,
			"body's /firstName"},
		"one further in": {"PUT", update, nil, `{"UserFields": {"Shoe": 43}}`, 200, done,
			"body's /UserFields/Shoe"},
		"one in a text": {"POST", "/v1/Auth/Login", nil, login(`{"DeviceToken": "x"}`), 401, "",
			"body's /LoginFields/(text)/DeviceToken"},
		"what is known in a text":     {"POST", "/v1/Auth/Login", nil, login(`{"Devicetoken": "x"}`), 401, "", ""},
		"a body where there is none":  {"DELETE", update + "/" + id, nil, `{}`, 200, done, "describes no body"},
		"a parameter that we make up": {"PUT", update + "?Shoe=43", nil, `{}`, 200, done, "query Shoe"},
		"a header that we make up": {"PUT", update, map[string]string{"Shoe": "43"}, `{}`, 200, done,
			"header Shoe"},
		"a header of another call": {"POST", create,
			map[string]string{"InstanceId": id, "InstanceKey": id, "DeviceToken": id}, `{}`, 200, registered,
			"header Devicetoken"},
		"a JWT where none is asked for": {"POST", create,
			map[string]string{"InstanceId": id, "InstanceKey": id, "Authorization": "Bearer x"}, `{}`, 200, registered,
			"header Authorization"},
		"a call that we make up": {"GET", "/v1/Shoes", nil, ``, 404, refused("404"),
			"does not describe this call"},
		"a method that we make up": {"PATCH", update, nil, ``, 404, refused("404"),
			"does not describe this call"},
		"a status that is not described": {"POST", create, instance, `{}`, 418, refused("418"), "the status 418"},
		"a redirect":                     {"POST", create, instance, `{}`, 307, "", "the status 307"},
		"a field that is not described": {"PUT", update, nil, `{}`, 200,
			strings.Replace(done, "{", `{"Shoe": 43, `, 1), "Shoe"},
		"a missing field": {"PUT", update, nil, `{}`, 200, `{"Status": 200}`, "Errors"},
		"a failing envelope": {"PUT", update, nil, `{}`, 200,
			strings.Replace(done, "200", "422", 1), "Status"},
		"a Result too many":                    {"PUT", update, nil, `{}`, 200, registered, "Result"},
		"a validation failure without entries": {"PUT", update, nil, `{}`, 422, refused("422"), "Errors"},
	} {
		t.Run(name, func(t *testing.T) {
			var reports []string
			next := contract.Transport(answering(c.status, c.answer), contracttest.Hold{Requests: true, Answers: true},
				func(err error) {
					reports = append(reports, err.Error())
				})
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

// A service that answers a call that the contract does not describe must refuse it, as
// the contract says.
func TestACallThatIsNotDescribedIsToBeRefused(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	kind, allow := "application/json", http.Header{"Allow": {"PUT"}}
	for _, c := range []struct {
		method, path string
		status       int
		header       http.Header
		fits         bool
	}{
		{"GET", "/v1/Shoes", 404, nil, true},
		{"GET", "/v1/Shoes", 413, nil, true},
		{"GET", "/v1/Shoes", 405, allow, false},
		{"GET", "/v1/Shoes", 200, nil, false},
		{"PATCH", "/v1/Management/users", 405, allow, true},
		{"PATCH", "/v1/Management/users", 405, nil, false},
		{"PATCH", "/v1/Management/users", 404, nil, false},
		{"PATCH", "/v1/Management/users", 405, http.Header{"Allow": {"PUT"}, "Shoe": {"43"}}, false},
		{"GET", "/v1/instances/x", 404, nil, true},
	} {
		header := http.Header{"Content-Type": {kind}}
		maps.Copy(header, c.header)
		body := fmt.Sprintf(`{"Status": %d, "Title": "", "Errors": []}`, c.status)
		err := contract.Answer(httptest.NewRequest(c.method, c.path, nil), c.status, header, []byte(body))
		if (err == nil) != c.fits {
			t.Errorf("%s %s answered %d %v: %v", c.method, c.path, c.status, c.header, err)
		}
	}
}

// What an answer gave is remembered: its status, its headers, its members.
func TestWhatWasGivenIsRemembered(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}
	if err := contract.Answer(httptest.NewRequest("POST", "/v1/auth/login", nil), 429, header,
		[]byte(`{"Status": 429, "Title": "", "Errors": []}`)); err != nil {
		t.Fatal(err)
	}
	const call = "POST /v1/Auth/Login 429"
	if got, want := contract.Seen(), []string{call, call + " /Errors", call + " /Status", call + " /Title",
		call + " header Retry-After"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, what := range contract.Seen() {
		if !slices.Contains(contract.Given(), what) {
			t.Errorf("%q is not described", what)
		}
	}
}

// What is answered must have a type, and there must be a word on the calls that are not described.
func TestAContractThatLeavesSomethingOpen(t *testing.T) {
	for was, becomes := range map[string]string{
		"x-undescribed:": "x-forgotten:",
		"{$ref: '#/components/responses/NoSuchCall'}": "{$ref: '#/components/responses/Nothing'}",
		"UserWallets: {type: [array, 'null'],":        "UserWallets: {",
	} {
		if text := strings.Replace(string(docs.OpenAPI), was, becomes, 1); text == string(docs.OpenAPI) {
			t.Errorf("there is no %q", was)
		} else if _, err := contracttest.New([]byte(text)); err == nil {
			t.Errorf("%q was not missed", was)
		}
	}
}

func TestATextThatIsNoContract(t *testing.T) {
	for _, text := range []string{"", "openapi: 3.1.0", "{",
		"openapi: 3.1.0\ninfo: {title: x, version: '1'}\npaths: {x: {}}"} {
		if _, err := contracttest.New([]byte(text)); err == nil {
			t.Errorf("%q was taken for one", text)
		}
	}
}
