//go:build !windows

package cmd_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The number of users who are removed is typed at a real terminal, where the plan is shown; --yes
// does not answer it.
func TestTheNumberOfRemovalsIsTyped(t *testing.T) {
	t.Parallel()
	const prompt = "type the number: "
	h := newHouse(t, well)
	h.mu.Lock()
	h.now = time.Now().Add(-time.Hour) // the processes go by the real clock
	h.mu.Unlock()
	h.tell(t, 0, "auth login", "")
	apply := func(rows string) string {
		h.write(t, "hr.csv", "ClientId\n"+rows)
		return "user apply --file " + filepath.Join(h.dir, "hr.csv") + " --absent deactivate --expect-rows 1.."
	}
	h.tell(t, 0, strings.Replace(apply("c-1\nc-2\nc-3\n"), "deactivate", "ignore", 1), "")
	command := apply("c-1\n")
	for _, typed := range []string{"y", "1", ""} {
		shown := h.atTerminal(t, 2, command+" --yes", prompt, typed)
		wantIn(t, shown, "- deactivate c-2")
		wantIn(t, shown, "2 users are removed from profile default")
		wantIn(t, shown, "nothing was sent")
	}
	wantIn(t, h.atTerminal(t, 0, command, prompt, "2"), "2 updated")
}

func (h *house) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The private copy of what user plan and user apply read goes with the process: killed by SIGKILL
// in the middle of it, they leave nothing behind.
func TestPlanKilledWhileItCopiesLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, well)
	h.write(t, "config.yaml", "")
	for _, verb := range []string{"plan", "apply"} {
		folder := t.TempDir()
		victim := h.process(t, "user", verb, "--file", "-")
		victim.Env = append(victim.Env, "TMPDIR="+folder)
		in, err := victim.StdinPipe()
		if err == nil {
			err = victim.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Repeat("hr-1,Ada\n", 1<<17) // more than a pipe holds: most of it was read
		if _, err := io.WriteString(in, "ClientId,FirstName\n"+rows); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "linux" && !hasOpen(t, victim.Process.Pid, folder) {
			t.Errorf("%s has no copy in %s", verb, folder)
		}
		_ = victim.Process.Kill() // Wait tells
		if err := victim.Wait(); err == nil {
			t.Errorf("%s was not killed", verb)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v, %v", verb, left, err)
		}
	}
}

// hasOpen reports whether a process has a file of a folder open, one without a name included.
func hasOpen(t *testing.T, pid int, folder string) bool {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		target, _ := os.Readlink(name) // one that was closed meanwhile has none
		return strings.HasPrefix(target, folder+"/")
	})
}

var applyEvery = flag.Bool("apply.every", false,
	"trouble user apply at every request in each way, not by SIGKILL at every ninth")

// applyTroubles is what happens to a request of user apply; the first two in every run of the
// suite.
var applyTroubles = []trouble{
	{name: "killed before the request", killed: true},
	{name: "killed after it was served", served: true, killed: true},
	{name: "a 503", status: http.StatusServiceUnavailable},
	{name: "a lost request"},
	{name: "a lost answer", served: true},
}

// trouble is what happens to one request; without a status its answer is lost.
type trouble struct {
	name   string
	served bool
	killed bool // the process, by SIGKILL
	status int
}

// troubled has a trouble happen to one of the requests of a process.
type troubled struct {
	trouble
	mu      sync.Mutex
	at      int // the request
	seen    int
	victim  *exec.Cmd
	reached bool
}

func (k *troubled) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		hit := k.victim != nil && k.seen == k.at
		k.seen++
		k.mu.Unlock()
		served := r.WithContext(context.WithoutCancel(r.Context())) // whoever goes away meanwhile
		if !hit {
			next.ServeHTTP(w, served)
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.reached = true
		if k.served {
			next.ServeHTTP(httptest.NewRecorder(), served)
		}
		if k.killed {
			_ = k.victim.Process.Kill() // Wait tells
		}
		if k.status != 0 {
			w.WriteHeader(k.status)
			return
		}
		panic(http.ErrAbortHandler) // no answer
	})
}

// user apply, a process of its own, has trouble at a request, and is given again: the users are
// what the file says, and nobody is there twice.
func TestApplyTroubledAtAnyRequest(t *testing.T) {
	t.Parallel()
	step, troubles := 9, applyTroubles[:2]
	if *applyEvery {
		step, troubles = 1, applyTroubles
	}
	for i, trouble := range troubles {
		for at, more := i*(step/2), true; more; at += step {
			t.Run(fmt.Sprintf("request %d, %s", at, trouble.name), func(t *testing.T) {
				more = false // a test that fails ends them
				more = applyTroubledAt(t, at, trouble)
			})
		}
	}
}

// applyTroubledAt reports whether there was such a request.
func applyTroubledAt(t *testing.T, at int, what trouble) (reached bool) {
	t.Helper()
	k := &troubled{trouble: what, at: at}
	h := newHouse(t, k.handler)
	h.mu.Lock()
	h.now = time.Now().Add(-40 * 24 * time.Hour) // the processes go by the real clock
	h.mu.Unlock()
	file := filepath.Join(h.dir, "hr.csv")
	h.write(t, "hr.csv", "ClientId,City\nc-1,Rome\nc-2,Rome\nc-3,Rome\n")
	h.tell(t, 0, "user apply --file "+file, "")
	h.write(t, "hr.csv", "ClientId,City\nc-1,Rome\nc-2,Rome\n")
	h.tell(t, 0, "user apply --file "+file+" --absent deactivate --confirm 1 --expect-rows 2", "")
	h.mu.Lock()
	h.now = time.Now().Add(-time.Hour)
	h.mu.Unlock()
	h.tell(t, 0, "auth login", "")
	h.write(t, "hr.csv", "ClientId,City\nc-1,Bonn\nd-1,Bonn\nd-2,Bonn\n")
	command := []string{"user", "apply", "--file", file, "--absent", "delete", "--confirm", "2", "--max-update", "1",
		"--expect-rows", "3", "--retries", "0", "--patience", "1ms"}
	victim := h.process(t, command...)
	k.mu.Lock() // until there is a process
	k.victim, k.seen = victim, 0
	err := victim.Start()
	k.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	k.mu.Lock()
	k.victim, reached = nil, k.reached
	k.mu.Unlock()
	if out, err := h.process(t, command...).CombinedOutput(); err != nil {
		t.Fatalf("given again: %v\n%s", err, out)
	}
	const want = "ClientId,Status,City\nc-1,Active,Bonn\nc-2,Deactivated,Rome\nd-1,Active,Bonn\nd-2,Active,Bonn\n"
	got, _ := h.tell(t, 0, "user export --columns ClientId,Status,City", "")
	lines := slices.Sorted(strings.Lines(got))
	got = strings.Join(lines, "")
	if got != want {
		t.Errorf("there are\n%s", got)
	}
	return reached
}
