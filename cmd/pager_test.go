package cmd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// At a terminal, long output goes through the program that PAGER names: it gets none of
// the secrets, may be left early, and gets nothing of what is short by nature or goes to
// a file.
func TestLongOutputGoesThroughThePager(t *testing.T) {
	t.Parallel()
	h := newExampleHome(t)
	var users strings.Builder
	users.WriteString("ClientId\n")
	for _, a := range "abcdefghijklmnopqrstuvwxyz" {
		for _, b := range "abcdefghijklmnopqrstuvwxyz" {
			users.WriteString("c-" + string(a) + string(b) + strings.Repeat("x", 150) + "\n")
		}
	}
	if err := os.WriteFile(filepath.Join(h.dir, "users.csv"), []byte(users.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h.must(t, "telematicsctl user bulk --file users.csv")
	for name, c := range map[string]struct {
		pager, line string
		shows       string
		exit        int
	}{
		"what is printed":      {"sed s/^/paged:/", "telematicsctl user list --limit 3", "paged:", 0},
		"left after two lines": {"head -n 2", "telematicsctl user list -o json", "[", 0},
		"errors are not":       {"sed s/^/paged:/", "telematicsctl user list --sort nothing", "Error:", 2},
		"a pager that is not there": {"/nowhere", "telematicsctl user list --limit 1",
			"Warning: cannot run the pager /nowhere", 0},
		"output to a file":           {"sed s/^/paged:/", "telematicsctl user list --limit 1 | cat", "c-", 0},
		"another command":            {"sed s/^/paged:/", "telematicsctl profile list", "sandbox", 0},
		"its environment":            {"env", "telematicsctl user list --limit 1", "LESS=FRX", 0},
		"none, as it is in most CIs": {"", "telematicsctl user list --limit 1", "DEVICE TOKEN", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := &home{h.dir, append([]string{"PAGER=" + c.pager}, h.env...)}
			out, exit := home.typeIn(t, c.line)
			if exit != c.exit || !strings.Contains(out, c.shows) ||
				strings.Contains(out, "paged:") != strings.Contains(c.shows, "paged:") {
				t.Errorf("exit status %d\n%s", exit, out)
			}
			if strings.Contains(out, keptPassphrase) {
				t.Errorf("the pager has a secret in its environment:\n%s", out)
			}
			if lines := strings.Count(out, "\n"); c.pager == "head -n 2" && lines > 3 {
				t.Errorf("%d lines", lines)
			}
		})
	}
}
