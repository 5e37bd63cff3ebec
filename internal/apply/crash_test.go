package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/apply"
)

var errLost = errors.New("connection reset")

// What happens to one request of a run.
var troubles = []struct {
	name   string
	served bool // the service carries it out
	killed bool // the process dies with it
	status int  // 0: the answer is lost
}{
	{"a 503", false, false, http.StatusServiceUnavailable},
	{"a lost request", false, false, 0},
	{"a lost answer", true, false, 0},
	{"killed before the request", false, true, 0},
	{"killed after it was served", true, true, 0},
}

// Whatever happens to any one request, and resumed: the fleet is what the file says, and nobody is
// there twice.
func TestInterruptedAtEveryRequestConverges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	defer w.close()
	for n, more := 0, true; more && n < 60; n++ {
		more = false
		for _, trouble := range []int{n % len(troubles), (n + 2) % len(troubles)} {
			t.Run(fmt.Sprintf("request %d, %s", n, troubles[trouble].name), func(t *testing.T) {
				w.clear(t)
				more = interruptedAt(t, w, n, trouble)
			})
		}
	}
}

// interruptedAt applies a file, has the trouble happen to request n, and resumes. more reports that
// there was such a request.
func interruptedAt(t *testing.T, w *world, n, which int) (more bool) {
	trouble := troubles[which]
	p := newPlanner(t, w, t.TempDir())
	p.absent, p.grace = apply.AbsentDelete, 0
	for i := range 8 {
		p.register(t, map[string]any{"ClientId": fmt.Sprintf("c-%d", i), "City": "Rome"})
	}
	if err := p.ledger.Update(t.Context(), func(l *apply.Ledger) { l.Begin(allOf(t, p), p.now) }); err != nil {
		t.Fatal(err)
	}
	w.change(t, mustToken(w.users(t)["c-7"].DeviceToken), "Status", "Deactivated")
	const file = "ClientId,City\nc-1,Bonn\nc-2,Bonn\nc-3,Bonn\nd-1,Kiel\nd-2,Kiel\n"
	seen := p.mustMake(t, file)
	err := p.ledger.Update(t.Context(), func(l *apply.Ledger) {
		l.Begin(&apply.Plan{Head: seen.Head, Inactive: seen.Inactive}, p.now)
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := p.mustMake(t, file)
	if s := plan.Summary; s.Create != 2 || s.Update != 3 || s.Deactivate != 4 || s.Delete != 1 {
		t.Fatalf("got %+v", s)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var requests atomic.Int32
	jobs, died := filepath.Join(p.dir, "jobs"), filepath.Join(p.dir, "died")
	w.answer = func(r *http.Request, serve func() (*http.Response, error)) (*http.Response, error) {
		if int(requests.Add(1))-1 != n {
			return serve()
		}
		if trouble.served {
			if resp, err := serve(); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		if trouble.killed { // what is on disk at this moment is what another process finds
			if err := os.CopyFS(died, os.DirFS(jobs)); err != nil {
				t.Error(err)
			}
			kill()
		}
		if trouble.status != 0 {
			return &http.Response{StatusCode: trouble.status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
		}
		return nil, errLost
	}
	_, _, err = p.run(ctx, t, plan)
	w.answer = nil
	more = int(requests.Load()) > n
	if err != nil && !trouble.killed {
		t.Fatal(err)
	}
	if trouble.killed && more {
		if err := errors.Join(os.RemoveAll(jobs), os.Rename(died, jobs)); err != nil {
			t.Fatal(err)
		}
	}
	_, summary, err := p.run(t.Context(), t, plan)
	if err != nil || summary.Err() != nil || !summary.Finished() {
		t.Fatalf("resumed: %v, %v", err, summary)
	}
	p.absent = apply.AbsentDeactivate
	if rest := p.mustMake(t, file); len(rest.Actions) != 0 { // users() has made sure that nobody is there twice
		t.Errorf("then the plan is\n%s", lines(rest))
	}
	users := w.users(t)
	if _, ok := users["c-7"]; ok || len(users) != 9 {
		t.Errorf("there are %d users", len(users))
	}
	if creates := strings.Count(strings.Join(w.writes, "\n"), `"ClientId":"d-1"`); creates > 2 {
		t.Errorf("d-1 was sent %d times", creates)
	}
	w.writes = nil
	return more
}
