package cmd_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// renewals counts what the service is asked for in order to renew a pair.
type renewals struct {
	granted, refused, signIns atomic.Int32
	answered                  chan struct{} // told of each refresh that was granted

	mu     sync.Mutex
	before func() // called before each is answered; nil for nothing
}

// beforeAnswer has a refresh wait for a function before it is answered; nil for nothing.
func (r *renewals) beforeAnswer(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = do
}

func (r *renewals) waitBeforeAnswer() {
	r.mu.Lock()
	do := r.before
	r.mu.Unlock()
	if do != nil {
		do()
	}
}

func (r *renewals) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, req)
		if strings.HasSuffix(req.URL.Path, "/RefreshToken") {
			r.waitBeforeAnswer()
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
		switch {
		case strings.HasSuffix(req.URL.Path, "/Login"):
			r.signIns.Add(1)
		case strings.HasSuffix(req.URL.Path, "/RefreshToken") && rec.Code == http.StatusOK:
			r.granted.Add(1)
			_ = http.NewResponseController(w).Flush()
			r.answered <- struct{}{}
		case strings.HasSuffix(req.URL.Path, "/RefreshToken"):
			r.refused.Add(1)
		}
	})
}

func (r *renewals) want(t *testing.T, granted, refused, signIns int32) {
	t.Helper()
	if g, f, s := r.granted.Swap(0), r.refused.Swap(0), r.signIns.Swap(0); g != granted || f != refused || s != signIns {
		t.Errorf("the service saw %d refreshes, %d spent tokens, %d sign-ins; want %d, %d, %d", g, f, s, granted,
			refused, signIns)
	}
}

// The whole program, as a process of its own, is killed after the service has answered a
// refresh and before the new pair is written: the test holds the lock of the token file,
// so that the write has to wait. The next command recovers by itself where it can sign in
// again; otherwise it says what happened and names the command that fixes it.
func TestKilledBetweenTheAnswerAndTheWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		as      string
		without []string
		exit    int
	}{
		"a user, by the InstanceKey": {as: "user"},
		"the admin, by a password":   {as: "admin"},
		"the admin, by nobody":       {as: "admin", without: []string{"TELEMATICSCTL_ADMIN_PASSWORD"}, exit: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &renewals{answered: make(chan struct{}, 1)}
			h := newHouse(t, seen.counting)
			// The processes go by the real clock: what is stored a week before it has expired.
			h.now = time.Now().Add(-7 * 24 * time.Hour)
			h.tell(t, 0, "auth login", "")
			ada, _ := h.tell(t, 0, "user create -o ids", "")
			h.mu.Lock()
			h.now = time.Now()
			h.mu.Unlock()
			h.without = c.without
			seen.want(t, 0, 0, 1)
			change := []string{"user", "set-tracking", "off", strings.TrimSpace(ada), "--as", c.as}
			h.killAfterRefresh(t, seen, change)
			seen.want(t, 1, 0, 0)

			next := h.process(t, change...)
			out, _ := next.CombinedOutput()
			if got := next.ProcessState.ExitCode(); got != c.exit {
				t.Fatalf("exit status %d, not %d\n%s", got, c.exit, out)
			}
			if c.exit == 0 {
				wantIn(t, string(out), "updated")
				seen.want(t, 0, 1, 1)
				return
			}
			seen.want(t, 0, 1, 0)
			const fix = "auth login --email " + keptEmail
			wantIn(t, string(out), "Error: not signed in as the admin in profile default: the service refused the "+
				"stored RefreshToken "+
				"(it has expired, or a renewal was cut off before its pair could be stored), and signing in again needs a person")
			wantIn(t, string(out), "\nHint: sign in with `telematicsctl "+fix+"`\n")
			h.tell(t, 0, fix+" --password-stdin", keptPassword+"\n")
			if out, err := h.process(t, change...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// killAfterRefresh runs the program, kills it when the service has answered its refresh,
// and sees to it that nothing was written.
func (h *house) killAfterRefresh(t *testing.T, seen *renewals, args []string) {
	t.Helper()
	file := filepath.Join(h.dir, "state", "tokens.age")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	held := flock.New(file + ".lock")
	defer func() { _ = held.Unlock() }()
	seen.beforeAnswer(func() { // by now the room for the pair is reserved, which takes the lock too
		if err := held.Lock(); err != nil {
			t.Error(err)
		}
	})
	process := h.process(t, args...)
	var says bytes.Buffer
	process.Stdout, process.Stderr = &says, &says
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-seen.answered:
	case <-time.After(time.Minute):
		t.Error("nothing was refreshed")
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil || strings.Contains(says.String(), "Error") {
		t.Fatalf("it has ended by itself: %v\n%s", err, &says)
	}
	seen.beforeAnswer(nil)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the token file has changed: %v", err)
	}
}
