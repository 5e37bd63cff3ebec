package contracttest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

const (
	createPath = "/v1/Registration/create"
	usersPath  = "/v1/Management/users"
	anID       = "00000000-0000-4000-8000-00000000000a"
	otherID    = "9b2f6a51-3c1d-8e07-a4b5-1d2c3e4f5a6b"
)

// asked is a request with a JSON body, and with headers: a name, its value, the next name.
func asked(method, target, body string, header ...string) (*http.Request, []byte) {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r, []byte(body)
}

func theContract(t *testing.T) *contracttest.Contract {
	t.Helper()
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

// After any number of requests that fit, the one that does not is reported, and reported
// again, wherever its mistake is.
func TestARequestAfterManyThatFit(t *testing.T) {
	contract := theContract(t)
	const list = usersPath + "/GetFilteredPage"
	page := func(number, size, more string) string {
		return fmt.Sprintf(`{"PageNumber": %s, "PageSize": %s, "IncludeAccountInfo": true, "Sort": "FirstName", `+
			`"ShowInactiveUsers": true%s}`, number, size, more)
	}
	instance := []string{"InstanceId", anID, "InstanceKey", otherID}
	for name, c := range map[string]struct {
		method, path, fits    string
		wrongPath, wrong, why string
		header, wrongHeader   []string
	}{
		"a query": {"GET", usersPath + "/find?FirstName=Ada", "", usersPath + "/find?FirstName=Ada&Bogus=x", "",
			"query Bogus", nil, nil},
		"a query's value": {"GET", usersPath + "/find?IncludeAccountInfo=true", "",
			usersPath + "/find?IncludeAccountInfo=yes", "", "IncludeAccountInfo", nil, nil},
		"a path's value": {"DELETE", usersPath + "/" + anID, "", usersPath + "/ada", "", "not a UUID", nil, nil},
		"a header": {"POST", createPath, `{}`, createPath, `{}`, "header Shoe", instance,
			append(instance, "Shoe", "43")},
		"a header's value": {"POST", createPath, `{}`, createPath, `{}`, "not a UUID", instance,
			[]string{"InstanceId", anID, "InstanceKey", "k"}},
		"another type": {"POST", createPath, `{}`, createPath, `{}`, "text/plain", instance,
			append(instance, "Content-Type", "text/plain")},
		"a member": {"POST", createPath, `{"FirstName": "Ada"}`, createPath, `{"FirstNam": "Ada"}`, "/FirstNam",
			instance, instance},
		"a word of an enum": {"POST", createPath, `{"Gender": "Male"}`, createPath, `{"Gender": "Mal"}`, "Gender",
			instance, instance},
		"another enum's": {"POST", createPath, `{"Status": "Active"}`, createPath, `{"Status": "Inactive"}`, "Status",
			instance, instance},
		"a UUID": {"POST", createPath, `{"CustomToken": "` + anID + `"}`, createPath,
			`{"CustomToken": "` + anID[1:] + `"}`, "CustomToken", instance, instance},
		"a null": {"POST", createPath, `{"Status": "Active"}`, createPath, `{"Status": null}`, "Status",
			instance, instance},
		"a number":         {"POST", list, page("7", "1000", ""), list, page("7", "1001", ""), "PageSize", nil, nil},
		"a fraction":       {"POST", list, page("7", "50", ""), list, page("7.5", "50", ""), "PageNumber", nil, nil},
		"a text of digits": {"POST", list, page("7", "50", ""), list, page(`"7"`, "50", ""), "PageNumber", nil, nil},
		"an element further": {"POST", list, page("1", "1", `, "ActivityStatuses": ["Lost", "Error"]`), list,
			page("1", "1", `, "ActivityStatuses": ["Lost", "Found"]`), "ActivityStatuses", nil, nil},
		"a text of JSON": {"POST", "/v1/Auth/Login", `{"LoginFields": "{\"email\": \"a@b.c\"}", "Password": "p"}`,
			"/v1/Auth/Login", `{"LoginFields": "{\"mail\": \"a@b.c\"}", "Password": "p"}`, "(text)/mail", nil, nil},
		"a body that breaks": {"PUT", usersPath, `{"FirstName": "Ada"}`, usersPath, `{"FirstName": "Ada"`, "body", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for range 60 {
				if err := contract.Request(asked(c.method, c.path, c.fits, c.header...)); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := contract.Request(asked(c.method, c.wrongPath, c.wrong, c.wrongHeader...)); err == nil ||
					!strings.Contains(err.Error(), c.why) {
					t.Errorf("reported %v, want %q", err, c.why)
				}
			}
		})
	}
}

// After an answer that fits, one that does not is reported.
func TestAnAnswerAfterOneThatFits(t *testing.T) {
	contract := theContract(t)
	login := httptest.NewRequest("POST", "/v1/Auth/Login", nil)
	tokens := func(life, more string) string {
		return `{"Result": {"AccessToken": {"Token": "x", "ExpiresIn": ` + life + `}, "RefreshToken": "y"` + more +
			`}, "Status": 200, "Title": "", "Errors": []}`
	}
	blocked := `{"Status": 429, "Title": "", "Errors": []}`
	for name, c := range map[string]struct {
		status            int
		fits, wrong, wait string
	}{
		"a number out of range":       {200, tokens("86400", ""), tokens("0", ""), ""},
		"a status of the body":        {200, tokens("86400", ""), strings.Replace(tokens("86400", ""), "200", "201", 1), ""},
		"a member":                    {200, tokens("86400", ""), tokens("86400", `, "Shoe": 43`), ""},
		"a list that has to be empty": {429, blocked, strings.Replace(blocked, "[]", "[{}]", 1), "1"},
		"a header":                    {429, blocked, blocked, "soon"},
		"a header's number":           {429, blocked, blocked, "4e3"},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Content-Type": {"application/json"}}
			if c.wait != "" {
				header.Set("Retry-After", "3600")
			}
			if err := contract.Answer(login, c.status, header, []byte(c.fits)); err != nil {
				t.Fatal(err)
			}
			if c.wait != "" {
				header.Set("Retry-After", c.wait)
			}
			if err := contract.Answer(login, c.status, header, []byte(c.wrong)); err == nil {
				t.Error("was accepted")
			}
		})
	}
}

// Requests that differ by what the contract cannot tell apart are one shape, so that a
// long run costs no more than a short one.
func TestALongRunHasFewShapes(t *testing.T) {
	contract := theContract(t)
	for i := range 200 {
		body := fmt.Sprintf(`{"FirstName": "Name %d", "ChildrenCount": %d, "CustomToken": %q, `+
			`"UserFields": {"ClientId": "c-%d"}}`, i, i+2000, []string{anID, otherID}[i%2], i)
		if err := contract.Request(asked("POST", createPath, body, "InstanceId", anID, "InstanceKey", otherID)); err != nil {
			t.Fatal(err)
		}
	}
	if n := contract.Shapes(); n != 1 {
		t.Errorf("%d shapes", n)
	}
}

// Whatever else was held before: a request is judged as it would be alone, and so is an answer.
func TestWhatWasHeldBeforeMakesNoDifference(t *testing.T) {
	warm, cold := theContract(t), theContract(t)
	value := rapid.SampledFrom([]any{
		nil, true, 0, 1, 1.5, 100, 101, 200, 409, 1000, 1001, 86400, "", "x", "y", "7", "true", "Male", "Active", "Lost",
		anID, otherID, anID[1:], "2026-11-22T12:00:00",
		"2026-11-22", "{}", `{"email": "x"}`, `{"Shoe": 1}`, []any{}, []any{anID}, []any{otherID, "x"},
		[]any{map[string]any{"Key": "x", "Message": "y"}}, map[string]any{},
		map[string]any{"ClientId": "x"}, map[string]any{"DeviceToken": anID, "AccessToken": nil, "RefreshToken": nil},
	})
	name := rapid.SampledFrom([]string{
		"FirstName", "Gender", "Status", "CustomToken", "ChildrenCount", "UserFields", "PageNumber", "PageSize",
		"InstanceIds", "ActivityStatuses", "LoginFields", "Password", "Shoe",
	})
	text := rapid.SampledFrom([]string{"", "x", "1", "1.5", "true", anID, otherID, anID[1:]})
	target := rapid.SampledFrom([]string{
		"POST " + createPath, "PUT " + usersPath, "POST /v1/Auth/Login", "POST " + usersPath + "/GetFilteredPage",
		"GET " + usersPath + "/find?DeviceToken=", "GET " + usersPath + "/find?IncludeAccountInfo=",
		"DELETE " + usersPath + "/x", "DELETE " + usersPath + "/" + anID, "DELETE " + usersPath + "/" + otherID,
		"PATCH " + usersPath,
	})
	full := map[string]any{"Status": 200, "Title": "", "Errors": []any{}}
	rapid.Check(t, func(rt *rapid.T) {
		method, path, _ := strings.Cut(target.Draw(rt, "call"), " ")
		if strings.HasSuffix(path, "=") {
			path += text.Draw(rt, "query")
		}
		sent, err := json.Marshal(rapid.MapOfN(name, value, 0, 2).Draw(rt, "body"))
		if err != nil {
			rt.Fatal(err)
		}
		header := []string{"InstanceId", anID, "InstanceKey", text.Draw(rt, "key")}[:rapid.SampledFrom([]int{0, 4}).
			Draw(rt, "headers")]
		cold.Forget()
		alone, after := cold.Request(asked(method, path, string(sent), header...)),
			warm.Request(asked(method, path, string(sent), header...))
		if (alone == nil) != (after == nil) {
			rt.Errorf("the request alone: %v; after others: %v", alone, after)
		}
		answer := map[string]any{"Result": value.Draw(rt, "result")}
		for member, usual := range full {
			answer[member] = usual
		}
		answer[rapid.SampledFrom([]string{"Result", "Status", "Errors", "Shoe"}).Draw(rt, "changed")] = value.Draw(rt, "to")
		got, err := json.Marshal(answer)
		if err != nil {
			rt.Fatal(err)
		}
		status := rapid.SampledFrom([]int{200, 401, 409, 404, 422}).Draw(rt, "status")
		r, _ := asked(method, path, "")
		kind := http.Header{"Content-Type": {"application/json"}}
		if alone, after := cold.Answer(r, status, kind, got),
			warm.Answer(r, status, kind, got); (alone == nil) != (after == nil) {
			rt.Errorf("the answer alone: %v; after others: %v", alone, after)
		}
	})
}

// A rule that a shape would not keep is found when the contract is read.
func TestARuleThatShapesDoNotKnow(t *testing.T) {
	for was, becomes := range map[string]string{
		"EnvelopeStatus: {type: integer,": "EnvelopeStatus: {type: integer, multipleOf: 2,",
		"{name: Email, in: query, x-source: live, schema: {type: string}}": "{name: Email, in: query, " +
			"x-source: live, schema: {type: array, items: {type: string}}}",
		"InviteCode, in: path, required: true, x-source: client, schema: {type: string}": "InviteCode, in: path, " +
			"required: true, x-source: client, schema: {type: string, format: date}",
	} {
		text := strings.Replace(string(docs.OpenAPI), was, becomes, 1)
		if _, err := contracttest.New([]byte(text)); text == string(docs.OpenAPI) || err == nil ||
			!strings.Contains(err.Error(), "shapes") {
			t.Errorf("%s: %v", becomes, err)
		}
	}
}
