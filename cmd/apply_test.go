//go:build !windows

package cmd_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

var applyEvery = flag.Bool("apply.every", false, "kill user apply at every request, not at every ninth")

// killing kills a process at one of its requests, before or after it was served.
type killing struct {
	mu     sync.Mutex
	at     int // the request; -1: none
	served bool
	seen   int
	victim *exec.Cmd
	killed bool
}

func (k *killing) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		hit := k.victim != nil && k.seen == k.at
		k.seen++
		k.mu.Unlock()
		if !hit || k.served {
			next.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context()))) // whoever goes away meanwhile
		}
		if hit {
			k.mu.Lock()
			k.killed = true
			_ = k.victim.Process.Kill() // Wait tells
			k.mu.Unlock()
			panic(http.ErrAbortHandler) // no answer
		}
	})
}

// user apply is killed by SIGKILL at a request, before or after it was served, and given again: the
// users are what the file says, and nobody is there twice.
func TestApplyKilledAtAnyRequest(t *testing.T) {
	t.Parallel()
	step := 9
	if *applyEvery {
		step = 1
	}
	for _, served := range []bool{false, true} {
		first := 0
		if served && step > 1 {
			first = step / 2
		}
		for at, more := first, true; more; at += step {
			t.Run(fmt.Sprintf("request %d, served %t", at, served), func(t *testing.T) {
				more = false // a test that fails ends them
				more = applyKilledAt(t, at, served)
			})
		}
	}
}

// applyKilledAt reports whether there was such a request.
func applyKilledAt(t *testing.T, at int, served bool) (killed bool) {
	t.Helper()
	k := &killing{at: at, served: served}
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
		"--expect-rows", "3"}
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
	k.victim, killed = nil, k.killed
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
	return killed
}
