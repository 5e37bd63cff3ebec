package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// randomAnswers is a service that answers anything, in any order.
type randomAnswers struct {
	t                         *rapid.T
	clock                     *clock
	serial                    int
	signIns, refreshes, calls int
	signedIn                  []time.Time
}

// answers are what it may say, beside good pairs and broken connections.
var answers = []string{
	`200 {"Status":200,"Result":{}}`, `200 {"Status":200}`, `200 {"Status":401,"Title":"no"}`,
	`200 {"Status":422,"Title":"no","Errors":[{"Key":"a","Message":"b"}]}`,
	`200 {"Result":{"AccessToken":{"Token":"x","ExpiresIn":-5},"RefreshToken":"y"}}`,
	`200 {"Result":{"AccessToken":{"Token":"x"}}}`, `200 <html>`, `200 {"Res`, `200`, `204`,
	`301`, `400`, `401`, `403`, `404`, `408`, `409`, `422 {"Status":422}`, `429`, `500`, `502 <html>`, `503`,
}

// RoundTrip implements http.RoundTripper.
func (e *randomAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/Login"):
		e.signIns++
		e.signedIn = append(e.signedIn, e.clock.Now())
	case strings.HasSuffix(r.URL.Path, "/RefreshToken"):
		e.refreshes++
	default:
		e.calls++
	}
	e.clock.Move(time.Duration(rapid.IntRange(0, 90).Draw(e.t, "takes")) * time.Second)
	if rapid.IntRange(0, 3).Draw(e.t, "well") == 0 {
		return e.pair(r), nil
	}
	kind := rapid.IntRange(-1, len(answers)-1).Draw(e.t, "answer")
	if kind < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	status, body, _ := strings.Cut(answers[kind], " ")
	code := 0
	_, _ = fmt.Sscan(status, &code)
	return e.answer(r, code, body), nil
}

// pair is a good answer to anything; the JWT may have been dead for long.
func (e *randomAnswers) pair(r *http.Request) *http.Response {
	e.serial++
	now := e.clock.Now().Unix()
	exp := now + int64(rapid.SampledFrom([]int{-1000, 0, 1, 120, 86400}).Draw(e.t, "life"))
	access := jwt(fmt.Sprintf(`{"iat":%d,"exp":%d,"jti":"%d"}`, now-10, exp, e.serial))
	return e.answer(r, http.StatusOK,
		fmt.Sprintf(`{"Status":200,"Result":{"AccessToken":{"Token":"%s","ExpiresIn":%d},"RefreshToken":"r%d"}}`,
			access.Reveal(), exp-now, e.serial))
}

func (e *randomAnswers) answer(r *http.Request, status int, body string) *http.Response {
	h := http.Header{}
	if status == http.StatusTooManyRequests {
		h.Set("Retry-After", fmt.Sprint(rapid.IntRange(0, 10).Draw(e.t, "Retry-After")))
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h,
		Body: io.NopCloser(strings.NewReader(body)), Request: r, ProtoMajor: 1}
}

// However the service misbehaves, nothing loops: a call is sent at most twice, for it the service
// is asked to refresh at most twice (the second time because an answer was lost) and to sign in at
// most once, and no address ever sends a sixth sign-in within a minute.
func TestNoLoopHoweverTheServiceMisbehaves(t *testing.T) {
	t.Parallel()
	base, run := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir := filepath.Join(base, strconv.Itoa(run))
		service := &randomAnswers{t: t, clock: newClock()}
		// One try a call: how often a try is repeated is the client's affair, and bounded there.
		api, err := userservice.New(userservice.Options{UserURL: host, Transport: holding(t, service, requestsHeld),
			Retry: userservice.Retry{Tries: 1}})
		if err != nil {
			t.Fatal(err)
		}
		store, err := tokenstore.Open(tokenstore.Options{Kind: tokenstore.KindMemory})
		if err != nil {
			t.Fatal(err)
		}
		processes := rapid.IntRange(1, 3).Draw(t, "processes")
		for range processes {
			s := auth.New(auth.Options{
				API: api, Store: store, Profile: "test", Dir: dir, Now: service.clock.Now,
				Guard:      &auth.Guard{Dir: dir, Now: service.clock.Now},
				AdminEmail: "ops@example.com", AdminPassword: secret.New("password"), Instance: theInstance,
			})
			for range rapid.IntRange(1, 12).Draw(t, "calls") {
				subject := rapid.SampledFrom([]string{auth.Admin, "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"}).Draw(t, "subject")
				service.signIns, service.refreshes, service.calls = 0, 0, 0
				_ = api.WithAuthorizer(s).VerifyToken(context.Background(), userservice.Caller{Subject: subject})
				if service.calls > 2 || service.refreshes > 2 || service.signIns > 1 {
					t.Fatalf("one call: %d calls, %d refreshes, %d sign-ins", service.calls, service.refreshes, service.signIns)
				}
			}
		}
		for i := 5; i < len(service.signedIn); i++ {
			if apart := service.signedIn[i].Sub(service.signedIn[i-5]); apart < time.Minute {
				t.Fatalf("six sign-ins within %v", apart)
			}
		}
	})
}

// A service that takes every refresh and refuses every call is asked for a refresh once, however
// many calls are made: a JWT that is refused at its first use is not renewed again.
func TestAServiceThatRefusesItsOwnTokensIsNotAskedAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.misbehave(t, `"POST /v1/Management/*: 401 empty"`)
	s := w.admin()
	for range 20 {
		wantFailure(t, w.call(t.Context(), s), "unauthorized", "new-token-refused admin")
	}
	w.want(t, counts{Refreshes: 1, Calls: 21})
}

// What was refused for good is not tried again by the same process, however many calls need it.
func TestARefusalIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(91 * 24 * time.Hour)
	o := w.options()
	o.AdminEmail, o.AdminPassword = sandbox.AdminEmail, secret.New("wrong")
	s := auth.New(o)
	for range 20 {
		wantFailure(t, w.call(t.Context(), s), "unauthorized", "env-password-refused")
	}
	w.want(t, counts{Spent: 1, SignIns: 1})
}
