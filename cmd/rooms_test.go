package cmd_test

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each room of internal has a rule of depguard that says what it may import, and a line
// in docs/architecture.md.
func TestEveryRoomHasItsRule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../.golangci.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var lint struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string `yaml:"files"`
					} `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal(text, &lint); err != nil {
		t.Fatal(err)
	}
	architecture, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := os.ReadDir("../internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range rooms {
		rule := lint.Linters.Settings.Depguard.Rules[room.Name()]
		if len(rule.Files) == 0 || rule.Files[0] != "**/internal/"+room.Name()+"/**" {
			t.Errorf("internal/%s has no rule in .golangci.yaml (linters.settings.depguard.rules)", room.Name())
		}
		if !strings.Contains(string(architecture), room.Name()+"/") {
			t.Errorf("docs/architecture.md does not say what internal/%s is for", room.Name())
		}
	}
}
