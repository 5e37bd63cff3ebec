package userservice_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// What each call sends, by the published reference: method, path, headers, body.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	pair := userservice.Pair{Access: secret.New(jwt), Refresh: secret.New(refresh)}
	byInstance := map[string]string{"InstanceId": instanceID, "InstanceKey": instanceKey,
		"Content-Type": "application/json"}
	for name, c := range map[string]struct {
		call         func(*userservice.Client) error
		method, path string
		body         string
		header       map[string]string
		absent       []string
	}{
		"register": {
			call: func(c *userservice.Client) error {
				_, err := register(c, user(t, map[string]string{"FirstName": "Ada", "EnableTracking": "off"}))
				return err
			},
			method: "POST", path: "/v1/Registration/create",
			body: `{"FirstName":"Ada","UserFields":{"EnableTracking":false}}`, header: byInstance,
			absent: []string{"Authorization"},
		},
		"register, nothing said": {
			call:   func(c *userservice.Client) error { _, err := register(c, field.Set{}); return err },
			method: "POST", path: "/v1/Registration/create", body: `{}`, header: byInstance,
		},
		"sign in as admin": {
			call: func(c *userservice.Client) error {
				_, err := c.SignInAdmin(context.Background(), "ops@example.com", secret.New("pass\"word"))
				return err
			},
			method: "POST", path: "/v1/Auth/Login",
			body:   `{"LoginFields":"{\"email\":\"ops@example.com\"}","Password":"pass\"word"}`,
			absent: []string{"Authorization", "InstanceId", "InstanceKey"},
		},
		"sign in as a user": {
			call: func(c *userservice.Client) error {
				_, err := c.SignInUser(context.Background(), instance, device)
				return err
			},
			method: "POST", path: "/v1/Auth/Login",
			body:   `{"LoginFields":"{\"Devicetoken\":\"` + device + `\"}","Password":"` + instanceKey + `"}`,
			header: map[string]string{"InstanceId": instanceID}, absent: []string{"InstanceKey"},
		},
		"refresh": {
			call:   func(c *userservice.Client) error { _, err := c.Refresh(context.Background(), pair); return err },
			method: "POST", path: "/v1/Auth/RefreshToken",
			body:   `{"AccessToken":"` + jwt + `","RefreshToken":"` + refresh + `"}`,
			absent: []string{"Authorization", "InstanceId", "InstanceKey"},
		},
		"update as admin": {
			call: func(c *userservice.Client) error {
				return c.Update(context.Background(), userservice.AsAdmin(), device,
					user(t, map[string]string{"EnableLogging": "on"}))
			},
			method: "PUT", path: "/v1/Management/users", body: `{"UserFields":{"EnableLogging":true}}`,
			header: map[string]string{"Authorization": "Bearer " + jwt, "UserDeviceToken": device,
				"Content-Type": "application/json-patch+json"},
			absent: []string{"DeviceToken", "InstanceKey"},
		},
		"update own": {
			call: func(c *userservice.Client) error {
				return c.Update(context.Background(), userservice.AsUser(device, instance), device,
					user(t, map[string]string{"ImageUrl": "https://example.com/a.png"}))
			},
			method: "PUT", path: "/v1/Management/users", body: `{"ExternalImageUrl":"https://example.com/a.png"}`,
			header: map[string]string{"Authorization": "Bearer " + jwt, "DeviceToken": device,
				"InstanceId": instanceID, "InstanceKey": instanceKey},
			absent: []string{"UserDeviceToken"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer(200, registered))
			if err := c.call(client(t, s.URL)); err != nil {
				t.Fatal(err)
			}
			got := s.calls()[0]
			if got.method != c.method || got.path != c.path || got.body != c.body {
				t.Errorf("sent %s %s %s", got.method, got.path, got.body)
			}
			for h, want := range c.header {
				if got.header.Get(h) != want {
					t.Errorf("%s is %q, want %q", h, got.header.Get(h), want)
				}
			}
			for _, h := range c.absent {
				if got.header.Get(h) != "" {
					t.Errorf("%s was sent: %q", h, got.header.Get(h))
				}
			}
			if got.header.Get("X-Request-Id") != "request-1" || got.header.Get("User-Agent") != "telematicsctl/test" {
				t.Errorf("X-Request-Id %q, User-Agent %q", got.header.Get("X-Request-Id"), got.header.Get("User-Agent"))
			}
		})
	}
}

// The answer of a registration, a sign-in and a refresh (live).
func TestPairIsRead(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, registered))
	made, err := register(client(t, s.URL), field.Set{})
	if err != nil {
		t.Fatal(err)
	}
	if made.DeviceToken != device || made.Pair.Access.Reveal() != jwt || made.Pair.Refresh.Reveal() != refresh ||
		made.Pair.ExpiresIn != 120*time.Hour {
		t.Errorf("read %+v", made)
	}
	s = serve(t, answer(200,
		`{"Result":{"DeviceToken":"{`+strings.ToUpper(device)+`}","AccessToken":null,"RefreshToken":null},"Status":200}`))
	made, err = register(client(t, s.URL), field.Set{})
	if err != nil || made.DeviceToken != device || made.Pair != nil {
		t.Errorf("read %+v, %v", made, err)
	}
}

// The shape of the answer to register many is assumed: every shape that has been thought of is
// read.
func TestRegisterManyReadsEveryShape(t *testing.T) {
	t.Parallel()
	const one, two = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	for name, result := range map[string]string{
		"objects": `[{"DeviceToken":"` + one + `","AccessToken":{"Token":"` + jwt +
			`","ExpiresIn":1},"RefreshToken":"r"},{"DeviceToken":"` + two + `"}]`,
		"bare tokens":          `["` + one + `","` + two + `"]`,
		"under one key":        `{"Count":2,"Users":[{"DeviceToken":"` + one + `"},{"DeviceToken":"` + two + `"}]}`,
		"tokens under one key": `{"DeviceTokens":["` + one + `","` + two + `"]}`,
	} {
		s := serve(t, answer(200, `{"Status":200,"Result":`+result+`}`))
		users, err := client(t, s.URL).RegisterMany(context.Background(), instance, 2, true,
			user(t, map[string]string{"EnableTracking": "off"}))
		if err != nil || len(users) != 2 || users[0].DeviceToken != one || users[1].DeviceToken != two {
			t.Errorf("%s: %+v, %v", name, users, err)
		}
		if got := s.calls()[0]; got.path != userservice.DefaultRegisterMultiplePath ||
			got.body != `{"Quantity":2,"CreateAccessToken":true,"CustomFields":{"EnableTracking":false}}` {
			t.Errorf("sent %s %s", got.path, got.body)
		}
	}
	for name, result := range map[string]string{
		"two lists": `{"A":[],"B":[]}`, "no list": `{"A":1}`, "a number": `7`,
		"a user without a token": `[{"DeviceToken":""}]`, "a list of numbers": `[1]`,
	} {
		s := serve(t, answer(200, `{"Status":200,"Result":`+result+`}`))
		users, err := client(t, s.URL).RegisterMany(context.Background(), instance, 2, false, field.Set{})
		if err == nil || users != nil || !failure.MayHaveApplied(err) {
			t.Errorf("%s was taken: %+v, %v", name, users, err)
		}
	}
}

func TestWhereThereIsNoCallForMany(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{404: true, 405: true, 401: false, 422: false, 500: false} {
		s := serve(t, answer(status, ""))
		c := client(t, s.URL, func(o *userservice.Options) { o.RegisterMultiplePath = "/v1/another/path" })
		_, err := c.RegisterMany(context.Background(), instance, 2, false, field.Set{})
		if userservice.NoSuchCall(err) != want {
			t.Errorf("%d: %v", status, err)
		}
		if s.calls()[0].path != "/v1/another/path" {
			t.Errorf("the path cannot be overridden: %s", s.calls()[0].path)
		}
	}
}

// A taken CustomToken is distinguished from every other refusal, in each way that the service may
// say it (unpublished).
func TestTokenTaken(t *testing.T) {
	t.Parallel()
	for want, bodies := range map[bool][]string{
		true: {
			`409 {"Status":409,"Errors":[{"Key":"CustomToken","Message":"x"}]}`,
			`409 {"Status":409,"Title":"Conflict"}`,
			`200 {"Status":409,"Title":"Conflict","Errors":null}`,
			`422 {"Status":422,"Errors":[{"Key":"customToken","Message":"User with this token already exists"}]}`,
			`200 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"is in use by another user"}]}`,
			`422 {"Status":422,"Title":"User with this CustomToken already exists","Errors":[]}`,
			`422 {"Status":422,"Errors":[{"Key":"$.CustomToken","Message":"already taken"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"it has already been used"}]}`,
			`409 {"Status":409,"Errors":[{"Key":"","Message":"DeviceToken already exists"}]}`,
			`409 {"Status":409,"Errors":[{"Key":"User","Message":"already exists"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"","Message":"The DeviceToken is already taken"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"must be unique"}]}`,
			`422 {"Status":422,"Title":"CustomToken must be unique"}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"Token belongs to another user"}]}`,
		},
		false: {
			`409 <html>`,
			`409 {"error":"CustomToken already exists"}`,
			`409 {"status":409,"title":"Conflict","type":"about:blank"}`,
			`409 {"Status":409,"Title":"Instance quota exceeded"}`,
			`422 {"Status":422,"Title":"E-mail already exists for another DeviceToken"}`,
			`409 {"Status":409,"Title":"E-mail already exists for another DeviceToken"}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"Custom tokens have already been disabled"}]}`,
			`409 {"Status":409,"Errors":[{"Key":"CustomToken","Message":"Custom tokens have already been disabled"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"User","Message":"already exists"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"does not belong to the instance"}]}`,
			`409 {"Status":409,"Errors":[{"Key":"","Message":"The phone exists for this DeviceToken"}]}`,
			`422 {"Status":422,"Title":"Email already exists"}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"is not a valid universally unique identifier"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"The instance of this CustomToken does not exist"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"CustomToken","Message":"is not a valid GUID"}]}`,
			`422 {"Status":422,"Errors":[{"Key":"Email","Message":"already taken"}]}`,
			`409 {"Status":409,"Errors":[{"Key":"Email","Message":"already taken"}]}`,
			`400 {"Status":400,"Errors":[{"Key":"CustomToken","Message":"already taken"}]}`,
			`409`, `401`, `404`, `500`,
		},
	} {
		for _, body := range bodies {
			status, text, _ := strings.Cut(body, " ")
			code := map[string]int{"200": 200, "400": 400, "401": 401, "404": 404, "409": 409, "422": 422, "500": 500}[status]
			s := serve(t, answer(code, text))
			_, err := register(client(t, s.URL, func(o *userservice.Options) { o.Retry.Tries = 1 }),
				user(t, map[string]string{"CustomToken": device}))
			if userservice.TokenTaken(err) != want {
				t.Errorf("%s: taken %v, want %v (%v)", body, !want, want, err)
			}
		}
	}
}

// A registration with a CustomToken is repeated after a lost answer; that the token is taken by
// then means that the first attempt had arrived.
func TestALostRegistrationIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, drop, answer(503, ""), answer(409, `{"Status":409,"Errors":[{"Key":"CustomToken","Message":"taken"}]}`))
	made, err := register(client(t, s.URL), user(t, map[string]string{"CustomToken": device}))
	if err != nil || made.DeviceToken != device || !made.Repeated || made.Pair != nil {
		t.Errorf("%+v, %v", made, err)
	}
	// Taken at the first attempt, it is another user's.
	s = serve(t, answer(409, `{"Status":409,"Title":"Conflict"}`))
	if _, err = register(client(t, s.URL), user(t, map[string]string{"CustomToken": device})); !failure.Is(err,
		failure.Rejected) {
		t.Errorf("got %v", err)
	}
	// Nor does an attempt that surely did not arrive make it ours.
	s = serve(t, answer(429, ""), answer(409, `{"Status":409,"Title":"Conflict"}`))
	if _, err = register(client(t, s.URL), user(t, map[string]string{"CustomToken": device})); !failure.Is(err,
		failure.Rejected) {
		t.Errorf("got %v", err)
	}
	// Plain success at a repeat is success.
	s = serve(t, drop, answer(200, registered))
	if made, err = register(client(t, s.URL), user(t,
		map[string]string{"CustomToken": device})); err != nil || made.Repeated || made.Pair == nil {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://user.example.com", "https://user.example.com/", "http://127.0.0.1:8077",
		"http://[::1]:1", "http://localhost", "https://example.com/proxy/damoov"} {
		if _, err := userservice.New(userservice.Options{UserURL: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"http://user.example.com", "http://127.0.0.1.example.com",
		"http://localhost.example.com", "http://sandbox.localhost", "ftp://x", "user.example.com", "https://",
		"https://a:b@example.com", "https://example.com?x=1", "::"} {
		if _, err := userservice.New(userservice.Options{UserURL: bad}); !failure.Is(err, failure.Invalid) {
			t.Errorf("%s was taken: %v", bad, err)
		}
	}
	s := serve(t, answer(200, registered))
	if _, err := register(client(t, s.URL+"/proxy/"), field.Set{}); err != nil {
		t.Fatal(err)
	}
	if got := s.calls()[0].path; got != "/proxy/v1/Registration/create" {
		t.Errorf("path %s", got)
	}
	if http.MethodPost != s.calls()[0].method {
		t.Errorf("method %s", s.calls()[0].method)
	}
}
