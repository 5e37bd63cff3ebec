package userservice_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Every failing answer becomes an error that names the call, with the code that scripts rely on;
// where a user may have been registered anyway, it says so.
func TestFailuresOfARegistration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		code    failure.Code
		unclear bool
		says    string
	}{
		"400": {answer(400, `{"Status":400,"Title":"Bad"}`), failure.Rejected, false,
			"answered 400 Bad"},
		"401 without a body": {answer(401, ""), failure.Unauthorized, false, "401 Unauthorized"},
		"403":                {answer(403, `{"Status":403,"Title":""}`), failure.Unauthorized, false, "403"},
		"404":                {answer(404, `{"Status":404,"Title":"No"}`), failure.NotFound, false, "404"},
		"409":                {answer(409, `{"Status":409,"Title":"Conflict"}`), failure.Rejected, false, "409"},
		"422 names its fields": {answer(422,
			`{"Status":422,"Title":"Validation.","Errors":[{"Key":"Email","Message":"bad"}]}`), failure.Rejected, false,
			"422 Validation: Email: bad"},
		"422 inside a 200": {answer(200,
			`{"Status":422,"Title":"V","Errors":[{"Key":"Email","Message":"bad"}]}`), failure.Rejected, false,
			"422 V: Email: bad"},
		"401 inside a 200":        {answer(200, `{"Status":401,"Errors":null}`), failure.Unauthorized, false, "401"},
		"500 inside a 200":        {answer(200, `{"Status":500,"Title":"x"}`), failure.Unavailable, true, "500"},
		"429":                     {answer(429, ""), failure.RateLimited, false, "429"},
		"500":                     {answer(500, ""), failure.Unavailable, true, "500"},
		"502 of a proxy, in HTML": {answer(502, "<html>Bad Gateway</html>"), failure.Unavailable, true, "502 Bad Gateway"},
		"HTML":                    {answer(200, "<!doctype html>"), failure.Failed, true, "HTML, not JSON"},
		"nothing":                 {answer(200, ""), failure.Failed, true, "empty"},
		"no content":              {answer(204, ""), failure.Failed, true, "empty"},
		"not JSON":                {answer(200, "OK"), failure.Failed, true, "not a JSON object"},
		"a list":                  {answer(200, "[]"), failure.Failed, true, "not a JSON object"},
		"half an object":          {answer(200, registered[:70]), failure.Failed, true, "cannot be read"},
		"two objects":             {answer(200, registered+registered), failure.Failed, true, "after its JSON object"},
		"no Result":               {answer(200, `{"Status":200,"Title":""}`), failure.Failed, true, "no Result"},
		"Result null":             {answer(200, `{"Status":200,"Result":null}`), failure.Failed, true, "no Result"},
		"Result of a wrong type":  {answer(200, `{"Status":200,"Result":[1]}`), failure.Failed, true, "cannot be read"},
		"Status of a wrong type":  {answer(200, `{"Status":"fine","Title":""}`), failure.Failed, true, "cannot be read"},
		"a DeviceToken that is none": {answer(200, `{"Status":200,"Result":{"DeviceToken":"x"}}`), failure.Failed,
			true, `not a UUID: "x"`},
		"a token of a wrong type": {answer(200,
			`{"Status":200,"Result":{"DeviceToken":"`+device+`","AccessToken":{"Token":7}}}`), failure.Failed, true,
			"cannot be read"},
		"a dropped connection": {drop, failure.Unavailable, true, "the connection was closed"},
		"a truncated body":     {truncate, failure.Unavailable, true, "broke in the middle"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusPermanentRedirect)
		}, failure.Failed, false, "a redirect is not followed"},
		"an answer larger than 32 MB": {huge, failure.Failed, true, "larger than 32 MiB"},
		"a bomb in gzip":              {bomb, failure.Failed, true, "larger than 32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.handler)
			made, err := register(client(t, s.URL), field.Set{})
			var f *failure.Error
			if !errors.As(err, &f) || made != (userservice.Registered{}) {
				t.Fatalf("got %+v, %v", made, err)
			}
			if f.Code != c.code || f.MayHaveApplied != c.unclear || !strings.Contains(f.Error(),
				c.says) || !strings.HasPrefix(f.Message, "register a user") {
				t.Errorf("code %s, unclear %v: %s", f.Code, f.MayHaveApplied, f)
			}
			if f.RequestID != "request-1" {
				t.Errorf("request id %q", f.RequestID)
			}
			if n := len(s.calls()); n != 1 {
				t.Errorf("a registration was sent %d times", n)
			}
		})
	}
}

func huge(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"Status":200,"Title":"`)
	chunk := strings.Repeat("x", 1<<20)
	for range 33 {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write([]byte(`{"Title":"`))
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 33 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	s := serve(t, drop)
	url := s.URL
	s.Close()
	_, err := register(client(t, url), field.Set{})
	if !failure.Is(err, failure.Unavailable) || failure.MayHaveApplied(err) {
		t.Errorf("nothing was sent, and nothing is unclear: %v, %v", err, failure.MayHaveApplied(err))
	}
}

func TestDeadlineOfOneTry(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, err := register(client(t, s.URL, func(o *userservice.Options) { o.Timeout = time.Second }), field.Set{})
	if !failure.Is(err, failure.Unavailable) || !failure.MayHaveApplied(err) || !strings.Contains(err.Error(),
		"no answer within 1s") {
		t.Errorf("got %v", err)
	}
}

// Ctrl-C in the middle of a registration: it is interrupted, and the user may exist.
func TestInterruptedInTheMiddle(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	_, err := client(t, s.URL).Register(ctx, instance, field.Set{})
	if !failure.Is(err, failure.Interrupted) || !failure.MayHaveApplied(err) {
		t.Errorf("got %v, unclear %v", err, failure.MayHaveApplied(err))
	}
	// Before anything was sent, nothing is unclear.
	if _, err = client(t, s.URL).Register(ctx, instance, field.Set{}); !failure.Is(err,
		failure.Interrupted) || failure.MayHaveApplied(err) {
		t.Errorf("got %v, unclear %v", err, failure.MayHaveApplied(err))
	}
}

// What is safe to repeat is repeated, and nothing else.
func TestRepeats(t *testing.T) {
	t.Parallel()
	update := func(c *userservice.Client) error {
		return c.Update(context.Background(), userservice.AsAdmin(), device, field.Set{})
	}
	signIn := func(c *userservice.Client) error {
		_, err := c.SignInAdmin(context.Background(), "a@example.com", secret.New("password"))
		return err
	}
	renew := func(c *userservice.Client) error {
		_, err := c.Refresh(context.Background(), userservice.Pair{Access: secret.New(jwt), Refresh: secret.New(refresh)})
		return err
	}
	many := func(c *userservice.Client) error {
		_, err := c.RegisterMany(context.Background(), instance, 3, false, field.Set{})
		return err
	}
	ok := answer(200, registered)
	for name, c := range map[string]struct {
		call     func(*userservice.Client) error
		handlers []http.HandlerFunc
		calls    int
		code     failure.Code
	}{
		"an update after 503":           {update, []http.HandlerFunc{answer(503, ""), answer(502, "<html>"), ok}, 3, ""},
		"an update after a lost answer": {update, []http.HandlerFunc{drop, truncate, ok}, 3, ""},
		"an update that stays in vain":  {update, []http.HandlerFunc{answer(503, "")}, 4, failure.Unavailable},
		"an update after 429":           {update, []http.HandlerFunc{retryIn("0"), ok}, 2, ""},
		"a 429 that asks for too long":  {update, []http.HandlerFunc{retryIn("3600"), ok}, 1, failure.RateLimited},
		"an update that is refused": {update, []http.HandlerFunc{answer(422, `{"Status":422,"Title":"no"}`),
			ok}, 1, failure.Rejected},
		"an update that a gateway refuses": {update, []http.HandlerFunc{answer(422, ""), answer(404, "<html>"),
			answer(409, `{"error":"x"}`), ok}, 4, ""},
		"an update that is unauthorized": {update, []http.HandlerFunc{answer(401, ""), ok}, 1, failure.Unauthorized},
		"an unreadable answer":           {update, []http.HandlerFunc{answer(200, "<html>"), ok}, 1, failure.Failed},
		"a sign-in after 503":            {signIn, []http.HandlerFunc{answer(503, ""), ok}, 1, failure.Unavailable},
		"a sign-in after 429":            {signIn, []http.HandlerFunc{retryIn("0"), ok}, 1, failure.RateLimited},
		"a refresh that arrived":         {renew, []http.HandlerFunc{drop, ok}, 1, failure.Unavailable},
		"many at once after 503":         {many, []http.HandlerFunc{answer(503, ""), ok}, 1, failure.Unavailable},
		"many at once after 429":         {many, []http.HandlerFunc{retryIn("0"), ok}, 1, failure.RateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.handlers...)
			err := c.call(client(t, s.URL))
			if failure.CodeOf(err) != c.code {
				t.Errorf("got %v", err)
			}
			if n := len(s.calls()); n != c.calls {
				t.Errorf("sent %d times, want %d", n, c.calls)
			}
		})
	}
}

func retryIn(seconds string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", seconds)
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// refusing is a way to the service that cannot even connect at first.
type refusing struct {
	next  http.RoundTripper
	times int
}

func (r *refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.times > 0 {
		r.times--
		return nil, errors.New("connection refused")
	}
	return r.next.RoundTrip(req)
}

// A refresh that surely did not arrive is sent again: the pair is still good.
func TestARefreshThatDidNotArriveIsRepeated(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, registered))
	c := client(t, s.URL, func(o *userservice.Options) { o.Transport = &refusing{o.Transport, 2} })
	pair, err := c.Refresh(context.Background(), userservice.Pair{Access: secret.New("old-access"),
		Refresh: secret.New("old-refresh")})
	if err != nil || pair.Access.Reveal() != jwt || len(s.calls()) != 1 {
		t.Errorf("%v, %d calls", err, len(s.calls()))
	}
}

// A stranger's answer (the page of a network that wants a sign-in) is not the service's word:
// what was to change may not have changed.
func TestAStrangersAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"message":"please sign in to the network"}`, `{"Status":0}`,
		`{"Status":302,"Title":""}`, `{"Result":null}`, `{"Status":200}`, `{"Status":"200","Title":""}`} {
		s := serve(t, answer(200, body))
		err := client(t, s.URL).Update(context.Background(), userservice.AsAdmin(), device, field.Set{})
		if !failure.Is(err, failure.Failed) || !failure.MayHaveApplied(err) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, h := range []http.HandlerFunc{answer(200, `{"Status":200,"Title":""}`), answer(204, ""),
		answer(200, `{"Result":null,"Status":200,"Title":"","Errors":[]}`)} {
		s := serve(t, h)
		if err := client(t, s.URL).Update(context.Background(), userservice.AsAdmin(), device, field.Set{}); err != nil {
			t.Error(err)
		}
	}
}

// Half a pair is an error: the call that should have brought it fails.
func TestHalfAPair(t *testing.T) {
	t.Parallel()
	for _, result := range []string{`{"AccessToken":null,"RefreshToken":"r"}`,
		`{"AccessToken":{"Token":"x","ExpiresIn":1}}`, `{"AccessToken":{"Token":"","ExpiresIn":1},"RefreshToken":"r"}`} {
		s := serve(t, answer(200, `{"Status":200,"Result":`+result+`}`))
		if _, err := client(t, s.URL).SignInAdmin(context.Background(), "a@example.com", secret.New("password")); err == nil {
			t.Errorf("%s was taken for a pair", result)
		}
	}
}

// The service's echoes of secrets reach neither an error nor the trace.
func TestEchoesAreCut(t *testing.T) {
	t.Parallel()
	echo := `{"Status":422,"Title":"no ` + instanceKey + `","Errors":[{"Key":"InstanceKey","Message":"` +
		strings.ToUpper(instanceKey) + ` and ` + jwt + `"}]}`
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Echo", instanceKey)
		w.Header().Set("Server", "thing/"+instanceKey)
		w.WriteHeader(422)
		_, _ = io.WriteString(w, echo)
	})
	var trace bytes.Buffer
	_, err := register(client(t, s.URL, func(o *userservice.Options) { o.Trace = &trace }), field.Set{})
	for _, text := range []string{err.Error(), trace.String()} {
		if strings.Contains(strings.ToLower(text), instanceKey) || strings.Contains(text, jwt) {
			t.Errorf("a secret was shown: %s", text)
		}
	}
	if !strings.Contains(trace.String(), "> POST ") || !strings.Contains(trace.String(),
		"< 422") || !strings.Contains(trace.String(), `"Key":"InstanceKey"`) {
		t.Errorf("the trace shows too little: %s", trace.String())
	}
}

// An answer so long that its beginning alone is shown may have a secret where that ends: no part
// of it is shown.
func TestTheBeginningOfALongAnswerEndsInNoSecret(t *testing.T) {
	t.Parallel()
	const shown = 16 << 10
	part := base64.StdEncoding.EncodeToString([]byte(instanceKey))[:12]
	for before := shown - 100; before < shown; before += 7 {
		title := strings.Repeat("x",
			before) + base64.StdEncoding.EncodeToString([]byte(instanceKey)) + strings.Repeat("x", 100)
		s := serve(t, answer(422, `{"Status":422,"Title":"`+title+`","Errors":[]}`))
		var trace bytes.Buffer
		_, _ = register(client(t, s.URL, func(o *userservice.Options) { o.Trace = &trace }), field.Set{})
		if !strings.Contains(trace.String(), "bytes in all") || strings.Contains(trace.String(), part) {
			t.Errorf("%d bytes before the key: %.60s…%s", before, trace.String(), trace.String()[trace.Len()-100:])
		}
	}
}

// A trace shows and changes nothing: a broken body is broken behind it too.
func TestTraceIsTransparent(t *testing.T) {
	t.Parallel()
	var trace bytes.Buffer
	s := serve(t, truncate, drop, answer(200, registered))
	c := client(t, s.URL, func(o *userservice.Options) { o.Trace = &trace })
	for _, want := range []string{"broke in the middle", "the connection was closed"} {
		if _, err := register(c, field.Set{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
	made, err := register(c, field.Set{})
	if err != nil || made.Pair.Access.Reveal() != jwt {
		t.Errorf("%v", err)
	}
	if strings.Contains(trace.String(), jwt) || strings.Contains(trace.String(),
		refresh) || !strings.Contains(trace.String(), "no answer after") {
		t.Errorf("%s", trace.String())
	}
}
