package cmd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// `user list --logging on -o ids | user set-logging off --file -` over many users, killed in the
// middle and given again with the same users: what is done is not sent again, except the few
// requests whose answers were not kept, and in the end every user is so.
func TestManyUsersChangedKilledAndGivenAgain(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGKILL to a process here")
	}
	const users, inFlight = 400, 8
	var changes atomic.Int32
	killed := make(chan struct{}) // until then the service answers a part of the changes only
	h := newHouse(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && changes.Add(1) > users/4+inFlight {
				<-killed
			}
			next.ServeHTTP(w, r)
		})
	})
	h.mu.Lock()
	h.now = time.Now() // the processes go by the real clock
	h.mu.Unlock()
	h.tell(t, 0, "auth login", "")
	h.tell(t, 0, fmt.Sprintf("user bulk --quantity %d --logging on", users), "")
	ids, _ := h.tell(t, 0, "user list --logging on -o ids", "")
	if n := strings.Count(ids, "\n"); n != users {
		t.Fatalf("%d users", n)
	}
	command := []string{"user", "set-logging", "off", "--file", "-", "--concurrency", fmt.Sprint(inFlight), "-o", "jsonl"}
	first := h.process(t, command...)
	first.Stdin = strings.NewReader(ids)
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var says bytes.Buffer
	first.Stderr = &says
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range users / 4 {
		if !lines.Scan() {
			t.Fatalf("it ended early: %s", &says)
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	close(killed)

	again := h.process(t, command...)
	again.Stdin = strings.NewReader(ids)
	var rest, errs bytes.Buffer
	again.Stdout, again.Stderr = &rest, &errs
	if err := again.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	wantIn(t, errs.String(), "Resuming job")
	if n := int(changes.Load()); n < users || n > users+inFlight {
		t.Errorf("%d changes were sent for %d users", n, users)
	}
	if out, _ := h.tell(t, 0, "user list --logging on -o ids", ""); out != "" {
		t.Errorf("left on: %s", out)
	}
	recorded, _ := h.tell(t, 0, "audit list -o jsonl", "")
	if n := strings.Count(recorded, `"user set-logging"`); n != users {
		t.Errorf("%d changes, not %d, are in %s", n, users, filepath.Join(h.dir, "state", "audit.jsonl"))
	}
}
