package cmd_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

// threeAdmins is a company with two applications, and an admin of the company, one of an
// application, and one of a single instance.
const threeAdmins = `
Companies:
- Id: 00000000-0000-4000-8000-000000000001
  Name: Example Fleet
  Applications:
  - Id: 00000000-0000-4000-8000-000000000011
    Name: Drivers
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000111, Key: 00000000-0000-4000-8000-000000009111, Name: North}
    - {Id: 00000000-0000-4000-8000-000000000112, Key: 00000000-0000-4000-8000-000000009112, Name: South}
  - Id: 00000000-0000-4000-8000-000000000012
    Name: Vans
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000121, Key: 00000000-0000-4000-8000-000000009121, Name: West}
Admins:
- {Email: company@example.com, Password: p, Companies: [00000000-0000-4000-8000-000000000001]}
- {Email: application@example.com, Password: p, Applications: [00000000-0000-4000-8000-000000000011]}
- {Email: instance@example.com, Password: p, Instances: [00000000-0000-4000-8000-000000000111]}
`

// The services that scripts meet, well and unwell.

// newService starts the sandbox over a socket, well or unwell: behind it is always a real
// one, so that what arrived is done.
func newService(kind string, came chan<- struct{}) (url string, stop func(), err error) {
	return newServiceWith(kind, came, sandbox.Options{}, func(h http.Handler) http.Handler { return h })
}

// newServiceWith starts a service of a kind by options, with something put in front of it.
func newServiceWith(kind string, came chan<- struct{}, options sandbox.Options,
	front func(http.Handler) http.Handler) (url string, stop func(), err error) {
	options.NoMultiple, options.Control = kind == "no-multiple", kind == "controlled"
	if kind == "three-admins" {
		layout, err := seed.ReadLayout(strings.NewReader(threeAdmins))
		if err != nil {
			return "", nil, err
		}
		options.Layout = &layout
	}
	box, err := sandbox.Open(options)
	if err != nil {
		return "", nil, err
	}
	if kind == "well" {
		kind = ""
	}
	handler, ok := map[string]http.Handler{
		"":             box,
		"no-multiple":  box,
		"controlled":   box,
		"three-admins": box,
		"lost":         lost(box),
		"slow":         slow(box, came),
		"html": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>proxy</html>"))
		}),
		"fewer": fewer(box),
		"limited": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}),
		"unavailable": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}),
		"redirect":   http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect),
		"hostile":    hostile(),
		"halting":    halting(box, came),
		"surrogates": surrogates(box),
		"stalling":   stalling(box, came),
		"expiring":   expiring(box),
		"silent":     silent(box, came),
		"unsteady":   unsteady(box),
		"picky":      picky(box),
		"gateway":    gateway(box),
		"own-tokens": ownTokens(box),
		"proxy":      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
	}[kind]
	if kind == "nobody" {
		addr, free, err := closedPort()
		return "http://" + addr, free, err
	}
	if !ok {
		return "", nil, fmt.Errorf("no service of kind %q", kind)
	}
	behind := &recovering{now: front(handler), well: box}
	s := httptest.NewServer(behind)
	recoveries.Store(s.URL, behind)
	return s.URL, func() { recoveries.Delete(s.URL); s.CloseClientConnections(); s.Close(); _ = box.Close() }, nil
}

// recoveries are the services that run, by their URL.
var recoveries sync.Map

// recovering is a service that is what it is until it recovers.
type recovering struct {
	now, well http.Handler
	recovered atomic.Bool
}

func (r *recovering) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.recovered.Load() {
		r.well.ServeHTTP(w, req)
		return
	}
	r.now.ServeHTTP(w, req)
}

// lost does what it is asked to, and drops the connection instead of answering, at every
// registration.
func lost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(strings.ToLower(r.URL.Path), "registration") {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

// unsteady is lost for the first three registrations, and well after.
func unsteady(next http.Handler) http.Handler {
	var n atomic.Int32
	drops := lost(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= 3 {
			drops.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// slow answers each call after the caller has gone, or after a minute; came receives a value for
// the first.
func slow(next http.Handler, came chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller has gone
		select {
		case came <- struct{}{}:
		default:
		}
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
		next.ServeHTTP(w, r)
	})
}

// halting is well for the first two registrations, and slow after.
func halting(next http.Handler, came chan<- struct{}) http.Handler {
	var n atomic.Int32
	waits := slow(next, came)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= 2 {
			next.ServeHTTP(w, r)
			return
		}
		waits.ServeHTTP(w, r)
	})
}

// stalling is well until the second change of a user, and slow from then on.
func stalling(next http.Handler, came chan<- struct{}) http.Handler {
	var changes atomic.Int32
	waits := slow(next, came)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && changes.Add(1) > 1 {
			waits.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// silent makes every change of a user, and does not say so before the caller has gone.
func silent(next http.Handler, came chan<- struct{}) http.Handler {
	waits := slow(http.NotFoundHandler(), came)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.Method == http.MethodPut {
			waits.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}

// expiring takes no call by the JWT of the thirteenth change of a user, from that one on.
func expiring(next http.Handler) http.Handler {
	var mu sync.Mutex
	changes, expired := 0, ""
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jwt := r.Header.Get("Authorization")
		mu.Lock()
		if r.Method == http.MethodPut {
			if changes++; changes == 13 {
				expired = jwt
			}
		}
		refused := jwt != "" && jwt == expired
		mu.Unlock()
		if refused {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// surrogates answers with half of a surrogate pair where a user's name has "HALF".
func surrogates(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		w.WriteHeader(rec.Code)
		_, _ = w.Write(bytes.ReplaceAll(rec.Body.Bytes(), []byte("HALF"), []byte(`\ud800`)))
	})
}

// fewer makes all users but one of a batch.
func fewer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		body := rec.Body.String()
		if i := strings.LastIndex(body, `,{"DeviceToken"`); i > 0 {
			if j := strings.LastIndex(body, "]"); j > i && strings.Contains(r.URL.Path, "CreateMultiple") {
				end := strings.Index(body[i:], "]")
				body = body[:i] + body[i+end:]
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte(body))
	})
}

// picky refuses (403) whoever registers a user whose ClientId begins with "banned", and
// (401) anybody from a user "withdrawn" on.
func picky(next http.Handler) http.Handler {
	var withdrawn atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut short is not JSON, and next refuses it
		if bytes.Contains(body, []byte(`"withdrawn`)) {
			withdrawn.Store(true)
		}
		switch {
		case withdrawn.Load():
			w.WriteHeader(http.StatusUnauthorized)
		case bytes.Contains(body, []byte(`"banned`)):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"Result":null,"Status":403,"Title":"Forbidden","Errors":[]}`)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		}
	})
}

// gateway stands in front of the service: it answers every change of a user with a 404 of
// its own, and of the first registrations two in three with a 404, 409 or 422, some of
// which it has passed on.
func gateway(next http.Handler) http.Handler {
	refusals := []struct {
		status int
		body   string
		passes bool
	}{
		{http.StatusNotFound, "", false},
		{http.StatusConflict, "<html>edge</html>", true},
		{http.StatusUnprocessableEntity, `{"error":"CustomToken already exists"}`, false},
		{http.StatusConflict, `{"type":"about:blank","title":"Conflict","status":409}`, false},
		{http.StatusNotFound, "<html>not here</html>", true},
	}
	var n atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		registers := strings.Contains(r.URL.Path, "/Registration/")
		switch i := int(n.Add(1)); {
		case r.Method == http.MethodDelete || r.Method == http.MethodPut:
			w.WriteHeader(http.StatusNotFound)
		case registers && i <= 30 && i%3 > 0:
			refusal := refusals[i%len(refusals)]
			if refusal.passes {
				next.ServeHTTP(httptest.NewRecorder(), r)
			}
			w.WriteHeader(refusal.status)
			_, _ = io.WriteString(w, refusal.body)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownTokens ignores CustomToken.
func ownTokens(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte(`"CustomToken"`), []byte(`"Nickname"`), 1)))
		next.ServeHTTP(w, r)
	})
}

// hostile answers with what would move the cursor.
func hostile() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"Status":422,"Title":"\u001b[2Jgone",` +
			`"Errors":[{"Key":"Em\u0007ail","Message":"bad \u009b31m \u202e"}]}`))
	})
}
