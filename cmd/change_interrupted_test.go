//go:build !windows

package cmd_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// interrupting carries out the first change of a user that arrives, sends a signal to the process
// that asked for it, and answers: a moment later, or never.
type interrupting struct {
	mu      sync.Mutex
	process *os.Process // nil: it answers at once
	signal  syscall.Signal
	answers bool
	changes int
}

func (i *interrupting) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		i.mu.Lock()
		process, answers := i.process, i.answers
		change := process != nil && (r.Method == http.MethodPut || r.Method == http.MethodDelete ||
			strings.Contains(r.URL.Path, "/Registration/"))
		if change {
			i.changes++
		}
		i.mu.Unlock()
		if !change {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		_ = process.Signal(i.signal)
		if !answers {
			<-r.Context().Done()
			return
		}
		t := time.NewTimer(200 * time.Millisecond)
		<-t.C
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// A command that changes one user gets a signal after the service has made the change. An answer
// that comes soon is awaited and reported as always, a new user's tokens are stored; without one
// the command says who may have been changed.
func TestInterruptedDuringAChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ words, done, unknown string }{
		"create": {"user create --custom-token NEW", "NEW", "user NEW may exist"},
		"update": {"user update ADA --city Berlin", "ADA\tupdated", "1 may have been"},
		"flag":   {"user set-tracking off ADA", "ADA\tupdated", "1 may have been"},
		"own":    {"user set-tracking off ADA --as user", "ADA\tupdated", "1 may have been"},
		"delete": {"user delete ADA --yes", "ADA\tdeleted", "1 may have been"},
		"api": {"api PUT /v1/Management/users -H UserDeviceToken:ADA -f FirstName=Ada", `"Status": 200`,
			"it may have been carried out anyway"},
	} {
		for _, sign := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			for _, answers := range []bool{true, false} {
				if !answers && sign != syscall.SIGINT {
					continue // after the grace they are one path
				}
				t.Run(name+", "+sign.String()+map[bool]string{true: ", answered", false: ", not answered"}[answers],
					func(t *testing.T) {
						t.Parallel()
						service := &interrupting{signal: sign, answers: answers}
						h := newHouse(t, service.of)
						h.now = time.Now()
						h.tell(t, 0, "auth login", "")
						out, _ := h.tell(t, 0, "user create -o ids", "")
						named := strings.NewReplacer("ADA", strings.TrimSpace(out), "NEW", "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70")
						process := h.process(t, strings.Fields(named.Replace(c.words))...)
						var stdout, stderr bytes.Buffer
						process.Stdout, process.Stderr = &stdout, &stderr
						service.mu.Lock()
						if err := process.Start(); err != nil {
							t.Fatal(err)
						}
						service.process = process.Process
						service.mu.Unlock()
						_ = process.Wait()
						want, text, in := 0, c.done, stdout.String()
						if !answers {
							want, text, in = 130, c.unknown, stderr.String()
						}
						if got := process.ProcessState.ExitCode(); got != want {
							t.Errorf("exit status %d, not %d\n%s%s", got, want, &stdout, &stderr)
						}
						wantIn(t, in, named.Replace(text))
						if service.changes != 1 {
							t.Errorf("%d changes were sent", service.changes)
						}
						if answers && name == "create" {
							out, _ := h.tell(t, 0, "token list -o ids", "")
							wantIn(t, out, named.Replace("NEW"))
						}
					})
			}
		}
	}
}
