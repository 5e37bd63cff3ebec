package render_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

const hostile = "\x1b[2J\r\n\t\x07\u009b31m\x7fgnp\u202eexe.\u2066\u2028 \xff"

func hostileUser() user {
	u := fleet[0]
	u.Name, u.ClientId, u.DeviceToken = hostile, to(hostile), "id\n"+hostile
	return u
}

// Whatever a value holds, what is printed has no control character but the line feeds and
// tabs that the format sets.
func TestNothingThatAValueSaysCanMoveTheCursor(t *testing.T) {
	for _, format := range render.Formats() {
		for mode, tty := range modes {
			if format == render.CSV && !tty {
				continue // data for programs, as it is
			}
			p, out := printer(t, render.Options{Format: format, TTY: tty, Width: 60})
			if err := render.List(p, view, []user{hostileUser(), fleet[0]}); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != sanitize.CleanLines(got) {
				t.Errorf("%s, %s: %q", format, mode, got)
			}
			lines := map[string]int{"table": 2, "csv": 3, "ids": 2, "jsonl": 2}[format]
			if format == render.Table && tty {
				lines++
			}
			if got := strings.Count(out.String(), "\n"); lines != 0 && got != lines {
				t.Errorf("%s, %s: %d lines, want %d:\n%s", format, mode, got, lines, out)
			}
			if format == render.Table && !tty && strings.Count(out.String(), "\t") != 2*(len(view.Columns)-1) {
				t.Errorf("a cell made a column: %q", out)
			}
		}
	}
}

// A tab in a cell has the table library read .editorconfig up the tree, and take the
// tab's width from it.
func TestNoTabReachesTheTableLibrary(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".editorconfig"), []byte("root = true\n[*]\ntab_width = 31\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	p, out := printer(t, render.Options{TTY: true})
	u := fleet[0]
	u.Name = "a\tb"
	if err := render.One(p, view, u); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `  a\tb  c-1     true`) {
		t.Errorf("got\n%s", out)
	}
}

func TestHostileTextMeansTheSameInJSONAndYAML(t *testing.T) {
	for _, text := range []string{hostile[:len(hostile)-1], "a\nb\n", " lead", "trail ", "#x", "- x", "x: y", "\ufeff",
		"\u0085", "a\r\nb", "\"", "'", "{{", "\t", "😀", ""} {
		value := map[string]string{"Text": text, "k" + text: "v"}
		for format, read := range map[string]func([]byte, any) error{render.JSON: json.Unmarshal,
			render.YAML: yaml.Unmarshal} {
			p, out := printer(t, render.Options{Format: format})
			if err := render.One(p, render.View[map[string]string]{}, value); err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			if err := read(out.Bytes(), &got); err != nil || got["Text"] != text || got["k"+text] != "v" {
				t.Errorf("%s: %q was read as %q, %v", format, text, got, err)
			}
			if got := out.String(); got != sanitize.CleanLines(got) {
				t.Errorf("%s: %q", format, got)
			}
		}
	}
}

// What YAML 1.1 or 1.2 would take for something else keeps its quotes, so that every
// reader has a string; numbers keep their spelling.
func TestYAMLKeepsTheKindsOfJSON(t *testing.T) {
	for _, s := range []string{"1", "1.5", "1e3", "0x1f", "0777", "1_000", ".inf", "true", "False", "yes", "NO", "on",
		"Off", "y", "null", "~", "",
		"2026-11-22", "2026-11-22T10:00:00Z", "12:30:45", "=", "<<"} {
		p, out := printer(t, render.Options{Format: render.YAML})
		if err := render.One(p, render.View[string]{}, s); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != `"`+s+"\"\n" {
			t.Errorf("%q: got %s", s, got)
		}
	}
	p, out := printer(t, render.Options{Format: render.YAML})
	raw := json.RawMessage(`{"z": 1, "a": [12345678901234567890, 1e3, -0.0, true, null, {}, []],` +
		` "Zoë": "plain 😀 text", "s": "\ud83d\ude00"}`)
	if err := render.One(p, render.View[json.RawMessage]{}, raw); err != nil {
		t.Fatal(err)
	}
	golden(t, "yaml-kinds", out.String())
}

func TestJSONIsNotMeantForHTML(t *testing.T) {
	p, out := printer(t, render.Options{Format: render.JSONL})
	if err := render.One(p, render.View[string]{}, "<a href=\"x\">&"); err != nil ||
		out.String() != `"<a href=\"x\">&"`+"\n" {
		t.Errorf("got %s, %v", out, err)
	}
}
