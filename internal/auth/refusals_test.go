package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// fixedAnswers is a service that answers each kind of call always the same: a status, and
// what follows it.
type fixedAnswers struct{ signIn, refresh, call string }

func (s fixedAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := s.call
	switch {
	case strings.HasSuffix(r.URL.Path, "/Login"):
		answer = s.signIn
	case strings.HasSuffix(r.URL.Path, "/RefreshToken"):
		answer = s.refresh
	}
	code, body, _ := strings.Cut(answer, " ")
	status := 0
	_, _ = fmt.Sscan(code, &status)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// aPair is an answer with a pair in it.
func aPair(access secret.String, refresh string) string {
	return fmt.Sprintf(`200 {"Status":200,"Result":{"AccessToken":{"Token":"%s"},"RefreshToken":"%s"}}`,
		access.Reveal(), refresh)
}

// A run of twenty calls with a pair that has expired: what it costs a service that never gives in.
func TestARunAgainstAServiceThatNeverGivesIn(t *testing.T) {
	t.Parallel()
	const well, no, down = `200 {"Status":200,"Result":{"Users":[]}}`, "401", "500"
	now := newClock().Now().Unix()
	old := jwt(fmt.Sprintf(`{"iat":%d,"exp":%d}`, now-100, now-10))
	dead := jwt(fmt.Sprintf(`{"exp":%d}`, now-10))
	fresh := jwt(fmt.Sprintf(`{"iat":%d,"exp":%d}`, now, now+1000))
	for name, c := range map[string]struct {
		service fixedAnswers
		want    counts
		code    failure.Code
		says    string
	}{
		"always 401": {fixedAnswers{no, no, no}, counts{SignIns: 1, Spent: 1}, failure.Unauthorized,
			"env-password-refused"},
		"401 to every call": {fixedAnswers{aPair(fresh, "r2"), aPair(fresh, "r2"), no},
			counts{Refreshes: 1, Calls: 20}, failure.Unauthorized, "new-token-refused"},
		"refuses refreshes": {fixedAnswers{aPair(fresh, "r2"), no, well},
			counts{SignIns: 1, Spent: 1, Calls: 20}, "", ""},
		"refuses refreshes, sign-ins fail": {fixedAnswers{down, no, well}, counts{SignIns: 5, Spent: 20},
			failure.Unavailable, ""},
		"500 to every refresh": {fixedAnswers{aPair(fresh, "r2"), down, well}, counts{Refreshes: 40},
			failure.Unavailable, "renewal-unknown"},
		"a pair that has expired": {fixedAnswers{no, aPair(dead, "r2"), well},
			counts{Refreshes: 1, Calls: 20}, "", ""},
		"an expired pair that is refused": {fixedAnswers{no, aPair(dead, "r2"), no}, counts{Refreshes: 1, Calls: 20},
			failure.Unauthorized, "new-token-refused"},
		"the same pair again": {fixedAnswers{no, aPair(old, "r1"), no}, counts{Refreshes: 1, Calls: 20},
			failure.Unauthorized, "new-token-refused"},
		"half a pair": {fixedAnswers{no, `200 {"Status":200,"Result":{"AccessToken":{"Token":"x"}}}`,
			well}, counts{Refreshes: 20}, failure.Failed, "renewal-unknown"},
		"a wrong path": {fixedAnswers{"404 <html>", "404 <html>", well}, counts{Refreshes: 40},
			failure.Unavailable, "gateway"},
		"a proxy that asks who we are": {fixedAnswers{"407 <html>", "407 <html>", well}, counts{Refreshes: 20},
			failure.Unavailable, "proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.api = newAPI(t, host, sandbox.Transport(w.seen.counting(c.service)))
			mustDo(t, w.store.Put(t.Context(), tokenstore.Item{Key: adminKey, Record: tokenstore.Record{
				Access: old, Refresh: secret.New("r1"), Host: host, IssuedAt: w.Now().Add(-100 * time.Second), ExpiresAt: w.Now().
					Add(-10 * time.Second),
			}}))
			s := w.admin()
			var last error
			for range 20 {
				// the guard's no says nothing of the service
				if err := w.call(t.Context(), s); !failure.Is(err, failure.RateLimited) {
					last = err
				}
			}
			if failure.CodeOf(last) != c.code || (last != nil && !strings.Contains(string(failure.From(last).Reason), c.says)) {
				t.Errorf("got %v (%q), want %q with %q", last, failure.From(last).Reason, c.code, c.says)
			}
			w.want(t, c.want)
		})
	}
}

// Refused credentials have a reason by where they come from.
func TestRefusedCredentialsAreTracedToWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	o := w.options()
	o.AdminEmail = sandbox.AdminEmail
	stored := auth.New(o)
	mustDo(t, stored.SavePassword(t.Context(), sandbox.AdminEmail, secret.New("wrong")))
	_, err := stored.Pair(t.Context(), auth.Admin)
	wantFailure(t, err, failure.Unauthorized, "saved-password-refused "+sandbox.AdminEmail)
	_, err = stored.LoginAdmin(t.Context(), sandbox.AdminEmail, secret.New("mistyped"))
	wantFailure(t, err, failure.Unauthorized, "\npassword-refused "+sandbox.AdminEmail)
	_, err = stored.LoginUser(t.Context(), user)
	wantFailure(t, err, failure.Unauthorized, "user-sign-in-refused "+user)
	o.AdminPassword = secret.New("wrong")
	_, err = auth.New(o).Pair(t.Context(), auth.Admin)
	wantFailure(t, err, failure.Unauthorized, "env-password-refused "+sandbox.AdminEmail)
	w.want(t, counts{SignIns: 4})
}

// The error of a refused refresh has the service's own answer: its status, and the request to
// ask the vendor about.
func TestARefusedRefreshKeepsWhatTheServiceSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.Move(91 * 24 * time.Hour)
	err := w.call(t.Context(), w.person())
	if f := failure.From(err); f.Status != http.StatusUnauthorized || f.RequestID == "" {
		t.Errorf("status %d, request %q", f.Status, f.RequestID)
	}
	o := w.options()
	o.Instance = func(context.Context) (userservice.Instance, error) {
		return userservice.Instance{}, failure.New(failure.Invalid, "no InstanceKey is set for profile test").
			Because("no-key", "test")
	}
	_, err = auth.New(o).Pair(t.Context(), "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70")
	wantFailure(t, err, failure.Unauthorized, "in profile test: no InstanceKey is set for profile test\nno-key test")
}

// Another JWT of the same subject does not help against a 403: the reason says who else can do it.
func TestA403SaysWhoMayDoIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	made := w.register(t)
	w.misbehave(t, `"*: 403"`)
	do := func(s *auth.Source, subject string) error {
		return w.api.WithAuthorizer(s).VerifyToken(t.Context(), userservice.Caller{Subject: subject})
	}
	wantFailure(t, do(w.admin(), auth.Admin), failure.Unauthorized, "forbidden-admin admin")
	o := w.options()
	o.AdminEmail = sandbox.AdminEmail
	o.EnvToken = made.Pair.Access
	wantFailure(t, do(auth.New(o), made.DeviceToken), failure.Unauthorized, "forbidden-user "+made.DeviceToken)
	wantFailure(t, do(auth.New(o), auth.Admin), failure.Unauthorized, "forbidden-user "+made.DeviceToken)
	o.EnvToken = secret.String{}
	s := auth.New(o)
	_, err := s.Keep(t.Context(), made.DeviceToken, *made.Pair)
	mustDo(t, err)
	wantFailure(t, do(s, made.DeviceToken), failure.Unauthorized, "forbidden-user "+made.DeviceToken)
	w.want(t, counts{Calls: 4})
}

// A RefreshToken is dropped when the service itself has refused it and the sign-in after it. What a
// gateway answers proves nothing about it.
func TestARefreshTokenIsKeptUnlessTheServiceRefusesIt(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for answer, kept := range map[string]bool{
		"400 <html>Bad Request</html>":                true,
		`400 {"type":"x","title":"Bad","status":400}`: true,
		"403 <html>Forbidden</html>":                  true,
		"404 ":                                        true,
		"410 gone":                                    true,
		"422 {}":                                      true,
		"429 ":                                        true,
		"502 ":                                        true,
		"401 ":                                        false,
		`404 {"Status":404,"Title":"Not Found"}`:      false,
		`422 {"Status":422,"Title":"Invalid","Errors":[]}`: false,
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.api = newAPI(t, host, sandboxTransport(fixedAnswers{signIn: answer, refresh: answer}))
			key := tokenstore.Key{Profile: "test", Subject: user}
			mustDo(t, w.store.Put(t.Context(), tokenstore.Item{Key: key, Record: tokenstore.Record{
				Access: secret.New("old"), Refresh: secret.New("r1"), Host: host, ExpiresAt: w.Now().Add(-time.Second),
			}}))
			if _, err := w.person().Pair(t.Context(), user); err == nil {
				t.Fatal("no error")
			}
			stored, err := w.store.Fresh(t.Context(), key)
			if err != nil || stored.Refresh.IsZero() == kept {
				t.Errorf("stored is %+v, %v", stored, err)
			}
		})
	}
}
