package cmd_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a served sandbox holds at its end is written out though a client keeps a
// connection open on which it has asked for nothing yet.
func TestAServedSandboxIsExportedWhateverItsClientsKeepOpen(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{"--memory", "--sign-in-limit=5"} { // in memory, and in the folder
		h := newHouse(t, answering("", 0))
		file := filepath.Join(t.TempDir(), "fleet.jsonl")
		served := h.serve(t, kept, "--users", "5", "--export", file)
		conn, err := net.Dial("tcp", strings.TrimPrefix(served.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		log := served.end()
		_ = conn.Close()
		data, err := os.ReadFile(file)
		if err != nil || strings.Count(string(data), "\n") != 5 || !strings.Contains(log, "5 users exported") {
			t.Errorf("%s: %v %d bytes\n%s", kept, err, len(data), log)
		}
	}
}

// A reset over the control API brings back the users that the flags put in.
func TestAServedSandboxThatIsResetBeginsAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "two.jsonl")
	if err := os.WriteFile(file, []byte("{}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	served := newHouse(t, answering("", 0)).serve(t, "--memory", "--control", "--users", "5", "--import", file)
	for range 2 {
		resp, err := http.Post(served.url+"/_sandbox/reset", "application/json", http.NoBody)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
		if counters, _ := get(t, served.url+"/_sandbox/counters"); !strings.Contains(counters, `"Users":7`) {
			t.Error(counters)
		}
	}
	if log := served.end(); !strings.Contains(log, "2 users imported") {
		t.Error(log)
	}
}

// What is interrupted before it serves ends as what is interrupted later, and says nothing of a
// port.
func TestAServerThatIsInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, words := range []string{
		"sandbox serve --addr 127.0.0.1:0", "sandbox serve --addr 127.0.0.1:0 --memory --users 3",
		"sandbox proxy --addr 127.0.0.1:0 --to http://127.0.0.1:1",
	} {
		h := newHouse(t, answering("", 0))
		out, says, exit := h.do(ended, strings.Fields(words), "")
		if exit != 130 || out != "" || strings.Contains(says, "--addr") {
			t.Errorf("%s: exit status %d\n%s%s", words, exit, out, says)
		}
	}
}
