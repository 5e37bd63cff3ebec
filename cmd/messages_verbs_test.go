package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// messageVerbs are what a line of a row can do, by its first word.
var messageVerbs = sync.OnceValue(func() map[string]messageVerb {
	all := map[string]messageVerb{}
	for _, some := range []map[string]messageVerb{commandVerbs(), fileVerbs(), machineVerbs()} {
		maps.Copy(all, some)
	}
	return all
})

// A messageVerb carries out what follows it in a line.
type messageVerb = func(w *messageWorld, rest string)

// commandVerbs run commands, and have a service answer them.
func commandVerbs() map[string]messageVerb {
	return map[string]messageVerb{
		// A command that must succeed.
		"do": func(w *messageWorld, rest string) { w.mustRun(rest) },
		// A command that is expected to fail, and whose hint is not of this row.
		"fails": func(w *messageWorld, rest string) {
			hints := w.hints
			w.run(rest)
			w.hints = hints
			if w.last.exit == 0 {
				w.t.Fatalf("%s: %s: exit status 0", w.row, rest)
			}
		},
		// The row's command, with arguments, which succeeds now.
		"again": func(w *messageWorld, rest string) { w.mustRun(w.row.command + " " + rest) },
		// The next command of the hint, with arguments.
		"hint": func(w *messageWorld, rest string) {
			if len(w.hints) == 0 {
				w.t.Fatalf("%s: the hint has no further command", w.row)
			}
			next := w.hints[0]
			w.hints = w.hints[1:]
			kept := w.hints
			w.mustRun(strings.TrimPrefix(next, "telematicsctl ") + " " + rest)
			w.hints = kept
		},
		// The next command of the hint, which succeeds but for rows that failed before.
		"hint-partial": func(w *messageWorld, _ string) {
			next := w.hints[0]
			w.hints = w.hints[1:]
			kept := w.hints
			w.run(strings.TrimPrefix(next, "telematicsctl "))
			if w.hints = kept; w.last.exit != failure.Partial.Exit() {
				w.t.Fatalf("%s: %s: exit status %d\n%s", w.row, next, w.last.exit, w.last.stderr)
			}
		},
		// capture NAME: the standard output of the last command.
		"capture": func(w *messageWorld, rest string) { w.vars[rest] = strings.TrimSpace(w.last.stdout) },
		"env": func(w *messageWorld, rest string) {
			for _, word := range w.words(rest) {
				name, value, _ := strings.Cut(word, "=")
				w.env[name] = unescaped(value)
			}
		},
		"service":     func(w *messageWorld, rest string) { w.serve(rest) },
		"tls-service": func(w *messageWorld, rest string) { w.serveTLS(rest) },
		// answer METHOD PATH STATUS [NAME=VALUE ...] BODY: PATH is the beginning of one; "drop" for
		// STATUS breaks the connection after the call was carried out.
		"answer": func(w *messageWorld, rest string) {
			a := w.answerOf(rest)
			w.set(func() { w.answers = append(slices.Clone(w.answers), a) })
		},
		// answer-first: like answer, and before what else answers.
		"answer-first": func(w *messageWorld, rest string) {
			a := w.answerOf(rest)
			w.set(func() { w.answers = append([]messageAnswer{a}, w.answers...) })
		},
		// alter METHOD PATH PATTERN TEXT: in the service's own answers to these calls, TEXT replaces
		// what the pattern finds.
		"alter": func(w *messageWorld, rest string) {
			words := w.words(rest)
			a := messageAnswer{method: words[0], path: words[1], altered: regexp.MustCompile(words[2]),
				body: unescaped(words[3])}
			w.set(func() { w.answers = append(slices.Clone(w.answers), a) })
		},
		"well": func(w *messageWorld, _ string) { w.set(func() { w.answers = nil }) },
		// shown PATTERN: the lines of standard output in which it is found belong to the message.
		"shown": func(w *messageWorld, rest string) { w.shown = regexp.MustCompile(w.words(rest)[0]) },
	}
}

// machineVerbs change what is around the commands.
func machineVerbs() map[string]messageVerb {
	return map[string]messageVerb{
		"clock": func(w *messageWorld, rest string) {
			d, err := time.ParseDuration(rest)
			w.check(err)
			w.set(func() { w.now = w.now.Add(d) })
		},
		// tick DURATION: the clock goes on by it with each request.
		"tick": func(w *messageWorld, rest string) {
			d, err := time.ParseDuration(rest)
			w.check(err)
			w.set(func() { w.tick = d })
		},
		// vague PATTERN: what differs from run to run: its first group stays, the rest is "N".
		"vague":      func(w *messageWorld, rest string) { w.vague = regexp.MustCompile(w.words(rest)[0]) },
		"slow-clock": func(w *messageWorld, _ string) { w.slowClock = true },
		"stdin":      func(w *messageWorld, rest string) { w.stdin = unescaped(w.words(rest)[0]) },
		// long-stdin: an answer that does not end.
		"long-stdin": func(w *messageWorld, _ string) { w.stdin = strings.Repeat("a", 70_000) },
		// broken-stdin: reading standard input fails.
		"broken-stdin": func(w *messageWorld, _ string) { w.brokenStdin = true },
		// broken-clock: the next command meets a mistake of the program itself.
		"broken-clock": func(w *messageWorld, _ string) { w.brokenClock = true },
		// workbook NAME: one with the sheet Sheet1.
		"workbook": func(w *messageWorld, rest string) {
			w.check(os.WriteFile(w.path(rest), workbook(w.t), 0o600))
		},
		// listen: another program has the address $LISTENER.
		"listen": func(w *messageWorld, _ string) {
			ln, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
			w.check(err)
			w.t.Cleanup(func() { _ = ln.Close() })
			w.vars["LISTENER"] = ln.Addr().String()
		},
		// serves COMMAND: it serves, until it is interrupted.
		"serves": func(w *messageWorld, rest string) {
			w.interrupted = true
			w.run(rest)
			w.interrupted = false
			if w.last.err == nil || w.last.err.Code != failure.Interrupted {
				w.t.Fatalf("%s: %s: %+v", w.row, rest, w.last.err)
			}
		},
		// serves-hint ARGUMENTS: the next command of the hint serves, until it is interrupted.
		"serves-hint": func(w *messageWorld, rest string) {
			if len(w.hints) == 0 {
				w.t.Fatalf("%s: the hint has no further command", w.row)
			}
			next, kept := w.hints[0], w.hints[1:]
			w.do("serves " + strings.TrimPrefix(next, "telematicsctl ") + " " + rest)
			w.hints = kept
		},
		// hold-sandbox: another process has the sandbox's folder open.
		"hold-sandbox": func(w *messageWorld, _ string) {
			lock := flock.New(w.path("state/sandbox/sandbox.lock"))
			w.check(lock.Lock())
			w.t.Cleanup(func() { _ = lock.Unlock() })
		},
		// jobs-that-begin-alike: jobs until two have the beginning $BEGIN.
		"jobs-that-begin-alike": func(w *messageWorld, _ string) {
			seen := map[string]bool{}
			for range 17 {
				w.mustRun("--profile sandbox user bulk --quantity 1 --dry-run=false")
				w.mustRun("--profile sandbox job list -o ids")
				for id := range strings.FieldsSeq(w.last.stdout) {
					seen[id] = true
				}
				first := map[string]int{}
				for id := range seen {
					if first[id[:1]]++; first[id[:1]] == 2 {
						w.vars["BEGIN"] = id[:1]
						return
					}
				}
			}
		},
		// leases-that-begin-alike: leases until two have the beginning $BEGIN.
		"leases-that-begin-alike": func(w *messageWorld, _ string) {
			w.serve("well")
			first := map[string]bool{}
			w.mustRun("user bulk --quantity 17 -o ids")
			w.mustRun("user set-logging on --for 1h " + strings.Join(strings.Fields(w.last.stdout), " "))
			w.mustRun("lease list --jq .[].Lease")
			for id := range strings.FieldsSeq(w.last.stdout) {
				if first[id[:1]] {
					w.vars["BEGIN"] = id[:1]
					return
				}
				first[id[:1]] = true
			}
		},
		// terminal: a person is at it from here on.
		"terminal": func(w *messageWorld, rest string) { w.terminal = rest != "off" },
		// stdout full|gone, for the next command.
		"stdout": func(w *messageWorld, rest string) {
			w.out = map[string]error{"full": syscall.ENOSPC, "gone": syscall.EPIPE}[rest]
		},
		// passphrase: that of the token file is set.
		"passphrase": func(w *messageWorld, _ string) { w.env["TELEMATICSCTL_STORE_PASSPHRASE"] = keptPassphrase },
		// keyring none|locked|short|mixed-up|well.
		"keyring": func(w *messageWorld, rest string) {
			w.keyring.state = map[string]error{"none": errors.New("no keyring is here"), "locked": tokenstore.ErrLocked}[rest]
			w.keyring.limit = map[string]int{"short": 1}[rest]
			w.keyring.mixes = rest == "mixed-up"
			w.env["TELEMATICSCTL_TOKEN_STORE"] = "keyring"
		},
		// keyring-items OLD NEW: replaces a text in all items.
		"keyring-items": func(w *messageWorld, rest string) {
			words, n := w.words(rest), 0
			for name, text := range w.keyring.items {
				if strings.Contains(text, words[0]) {
					w.keyring.items[name] = strings.Replace(text, words[0], words[1], 1)
					n++
				}
			}
			if n == 0 {
				w.t.Fatalf("%s: %q is in no item: %v", w.row, words[0], w.keyring.items)
			}
		},
		// interrupt-at N: the next command is interrupted when its Nth request comes.
		"interrupt-at": func(w *messageWorld, rest string) {
			n, err := strconv.Atoi(rest)
			w.check(err)
			w.atRequest(n, func(*http.Request) { w.cancel() })
		},
		// interrupt-unanswered N: the same, and the request is not answered as long as the command waits.
		"interrupt-unanswered": func(w *messageWorld, rest string) {
			n, err := strconv.Atoi(rest)
			w.check(err)
			w.atRequest(n, func(r *http.Request) {
				w.cancel()
				_, _ = io.Copy(io.Discard, r.Body) // a connection that is gone is noticed behind the body
				<-r.Context().Done()
			})
		},
		// interrupt-when FILES TEXT: the next command is interrupted when one of the files has the text.
		"interrupt-when": func(w *messageWorld, rest string) {
			words := w.words(rest)
			w.begun = func() { w.interruptWhen(words[0], words[1]) }
		},
		// meanwhile N VERB...: what happens just before the Nth request of the next command is answered.
		"meanwhile": func(w *messageWorld, rest string) {
			n := 1
			if count, _, ok := strings.Cut(rest, " "); ok {
				if _, err := fmt.Sscanf(count, "%d", &n); err == nil {
					_, rest, _ = strings.Cut(rest, " ")
				}
			}
			w.atRequest(n, func(*http.Request) { w.do(rest) })
		},
	}
}

// atRequest has something happen when the nth request of the next command comes.
func (w *messageWorld) atRequest(n int, happens func(*http.Request)) {
	var came atomic.Int64
	w.set(func() {
		w.arrived = func(r *http.Request) {
			if came.Add(1) == int64(n) {
				happens(r)
			}
		}
	})
}

// interruptWhen interrupts the command that runs when one of the files has a text.
func (w *messageWorld) interruptWhen(pattern, text string) {
	for w.ctx.Err() == nil {
		files, _ := filepath.Glob(w.path(pattern))
		for _, f := range files {
			if data, err := os.ReadFile(f); err == nil && bytes.Contains(data, []byte(text)) {
				w.cancel()
				return
			}
		}
		_ = wait.Sleep(w.ctx, 5*time.Millisecond)
	}
}

// answerOf reads METHOD PATH STATUS [NAME=VALUE ...] BODY.
func (w *messageWorld) answerOf(rest string) messageAnswer {
	words := w.words(rest)
	a := messageAnswer{method: words[0], path: words[1], status: words[2], header: http.Header{}}
	for _, word := range words[3:] {
		if name, value, ok := strings.Cut(word, "="); ok && !strings.HasPrefix(word, "{") && !strings.HasPrefix(word, "<") {
			a.header.Set(name, value)
		} else {
			a.body = word
		}
	}
	return a
}
