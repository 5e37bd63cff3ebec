package cmd_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each dependency has its reason in docs/architecture.md.
func TestEveryDependencyHasItsReason(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+) v\S+$`).
		FindAllStringSubmatch(string(mod), -1) {
		direct++
		name := strings.TrimPrefix(m[1], "github.com/")
		name = regexp.MustCompile(`/v\d+$`).ReplaceAllString(name, "")
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/architecture.md gives no reason for %s", m[1])
		}
	}
	if direct < 10 {
		t.Errorf("only %d direct dependencies were found in go.mod", direct)
	}
}
