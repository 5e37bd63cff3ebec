//go:build !windows

package cmd_test

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// The whole program, as a process of its own, gets signals after the service has taken
// the RefreshToken and before its answer comes. The new pair is stored before the process
// ends: the next command needs no sign-in, for which nobody would be there.
func TestInterruptedDuringARefresh(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signals []syscall.Signal
		answer  time.Duration // how long after the signals
	}{
		"Ctrl-C":                    {signals: []syscall.Signal{syscall.SIGINT}},
		"Ctrl-C, and a slow answer": {signals: []syscall.Signal{syscall.SIGINT}, answer: 1200 * time.Millisecond},
		"SIGTERM":                   {signals: []syscall.Signal{syscall.SIGTERM}},
		"a closed terminal":         {signals: []syscall.Signal{syscall.SIGHUP}},
		"a closed terminal and its shell": {signals: []syscall.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP},
			answer: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &renewals{answered: make(chan struct{}, 1)}
			h := newHouse(t, seen.counting)
			// the processes go by the real clock: what is stored a week before has expired
			h.now = time.Now().Add(-7 * 24 * time.Hour)
			h.tell(t, 0, "auth login", "")
			seen.want(t, 0, 0, 1)
			h.without = []string{"TELEMATICSCTL_ADMIN_PASSWORD"}
			process := h.process(t, "token", "print")
			var says bytes.Buffer
			process.Stdout, process.Stderr = &says, &says
			started := make(chan struct{})
			seen.beforeAnswer(func() {
				<-started
				for _, s := range c.signals {
					if err := process.Process.Signal(s); err != nil {
						t.Error(err)
					}
					_ = wait.Sleep(t.Context(), 20*time.Millisecond) // else the system makes one of several
				}
				_ = wait.Sleep(t.Context(), c.answer)
			})
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			_ = process.Wait()
			if status := process.ProcessState.ExitCode(); status != 130 && status != 0 {
				t.Errorf("exit status %d\n%s", status, &says)
			}
			seen.want(t, 1, 0, 0)
			<-seen.answered
			seen.beforeAnswer(nil)
			out, err := h.process(t, "token", "print").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "eyJ") {
				t.Errorf("the next command: %v\n%s\nthe interrupted one said:\n%s", err, out, &says)
			}
			seen.want(t, 0, 0, 0)
		})
	}
}

// A store without room is found out before the RefreshToken is spent: the pair that is
// stored stays good.
func TestAFullDiskSpendsNoRefreshToken(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{
		"refresh": {"token", "refresh"}, "print": {"token", "print"}, "sign-in": {"auth", "login"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &renewals{answered: make(chan struct{}, 1)}
			h := newHouse(t, seen.counting)
			h.now = time.Now().Add(-7 * 24 * time.Hour)
			h.tell(t, 0, "auth login", "")
			seen.want(t, 0, 0, 1)
			// A limit on the size of files stands in for a disk that is full: 1 kB, which
			// the token file exceeds.
			process := h.process(t, words...)
			limited := h.process(t)
			limited.Path, limited.Args = "/bin/sh",
				append([]string{"sh", "-c", `ulimit -f 1; exec -a telematicsctl "$0" "$@"`, process.Path}, words...)
			if _, err := os.Stat("/bin/bash"); err == nil {
				limited.Path = "/bin/bash" // dash has no exec -a
			}
			out, err := limited.CombinedOutput()
			if err == nil || limited.ProcessState.ExitCode() != 3 {
				t.Errorf("exit status %d, %v\n%s", limited.ProcessState.ExitCode(), err, out)
			}
			wantIn(t, string(out), "file size limit exceeded")
			seen.want(t, 0, 0, 0)
			if out, err := h.process(t, "token", "print").CombinedOutput(); err != nil {
				t.Errorf("with room again: %v\n%s", err, out)
			}
			seen.want(t, 1, 0, 0)
		})
	}
}
