package cmd_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a served sandbox holds at its end is written out though a client keeps a connection open on which it has asked for nothing yet.
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
