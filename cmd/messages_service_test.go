package cmd_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

func (w *messageWorld) serve(kind string) {
	options := sandbox.Options{Now: w.time, SignInLimit: -1}
	url, stop, err := newServiceWith(kind, nil, options, w.answering)
	w.check(err)
	w.t.Cleanup(stop)
	for name, value := range environment(url) {
		w.env[name] = unescaped(value)
	}
	w.env["TELEMATICSCTL_TOKEN_STORE"] = "memory"
	w.vars["URL"] = url
}

// answering puts the row's own answers before those of a service.
func (w *messageWorld) answering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.now = w.now.Add(w.tick)
		arrived := w.arrived
		w.mu.Unlock()
		if arrived != nil {
			arrived(r)
		}
		w.mu.Lock()
		answers := w.answers
		w.mu.Unlock()
		for _, a := range answers {
			if (a.method != "*" && a.method != r.Method) ||
				!strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(a.path)) {
				continue
			}
			if a.altered != nil {
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				rw.WriteHeader(rec.Code)
				_, _ = rw.Write(a.altered.ReplaceAll(rec.Body.Bytes(), []byte(a.body)))
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if a.status == "drop" {
				panic(http.ErrAbortHandler)
			}
			for name := range a.header {
				rw.Header().Set(name, a.header.Get(name))
			}
			status := 0
			_, err := fmt.Sscan(a.status, &status)
			w.check(err)
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, a.body)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// failingWriter is a standard output that cannot be written.
type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: f.err}
}

// messageKeyring is a keyring in memory that can be away, locked, or short.
type messageKeyring struct {
	counted
	state error
	limit int
	mixes bool // it returns something else than was stored
}

func (k *messageKeyring) Get(service, user string) (string, error) {
	if k.state != nil {
		return "", k.state
	}
	text, err := k.counted.Get(service, user)
	if k.mixes {
		text = strings.Replace(text, "doctor-", "other-", 1)
	}
	return text, err
}

func (k *messageKeyring) Set(service, user, text string) error {
	if k.state != nil {
		return k.state
	}
	return k.counted.Set(service, user, text)
}

func (k *messageKeyring) Delete(service, user string) error {
	if k.state != nil {
		return k.state
	}
	return k.counted.Delete(service, user)
}

func (k *messageKeyring) Limit(string, string) int { return k.limit }

func (k *messageKeyring) State(context.Context) error { return k.state }
