package cmd_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/render"
)

// hostileValues are what a phone or another client may have written into a user's fields.
var hostileValues = map[string]string{
	"ansi":           "\x1b[31mred\x1b[2J",
	"osc 52":         "\x1b]52;c;ZXZpbA==\x07",
	"line breaks":    "one\r\ntwo\u2028three\u0085four",
	"bidi overrides": "user\u202egnp.exe\u2066x\u2069",
	"c1 and del":     "a\u009b31mb\x7f",
	"ten kilobytes":  strings.Repeat("long", 2560),
	"a formula":      "=HYPERLINK(\"http://x\",\"y\")",
	"a tab":          "a\tb",
	"a null byte":    "a\x00b",
}

// Whatever a user's fields hold, no byte of the output moves the cursor or ends a line that is not
// at its end; JSON and YAML give the value back as it is.
func TestHostileUsersInEveryFormat(t *testing.T) {
	t.Parallel()
	for name, value := range hostileValues {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string]any{"DeviceToken": explainedToken, "UserProfile": map[string]any{"FirstName": value},
				"UserFields": map[string]any{"ClientId": "h-1"}}, nil)
			for _, line := range []string{
				"user list", "user find --device-token " + explainedToken, "user get " + explainedToken,
			} {
				for _, format := range []string{"table", "wide", "csv", "json", "jsonl", "yaml"} {
					for _, width := range []int{0, 80} {
						b.width = width
						out, errs, exit := b.run(append(strings.Fields(line), "-o", format, "--no-color")...)
						what := fmt.Sprintf("%s -o %s, %d columns", line, format, width)
						if exit != 0 {
							t.Fatalf("%s: %d %s", what, exit, errs)
						}
						checkBytes(t, what, format, out, width)
						checkValue(t, what, format, out, value)
					}
				}
			}
		})
	}
}

func checkBytes(t *testing.T, what, format, out string, width int) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: not UTF-8: %q", what, out)
	}
	for _, r := range out {
		moves := r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0
		bidi := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028
		table := format == "table" || format == "wide"
		if moves && (format != "csv" || width > 0) || bidi && table || r == '\t' && width > 0 && table {
			t.Errorf("%s: %U in %.200q", what, r, out)
			return
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if w := render.Width(line); width > 0 && w > width && (format == "table" || format == "wide") {
			t.Errorf("%s: %d columns", what, w)
		}
	}
}

// checkValue holds what a program reads to what the service has.
func checkValue(t *testing.T, what, format, out, value string) {
	t.Helper()
	var found any
	switch format {
	case "json", "jsonl":
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
	case "yaml":
		if err := yaml.Unmarshal([]byte(out), &found); err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
	case "csv":
		if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) != 2 {
			t.Errorf("%s: %v, %d rows", what, err, len(rows))
		}
		return
	default:
		return
	}
	if list, ok := found.([]any); ok && len(list) == 1 {
		found = list[0]
	}
	user, _ := found.(map[string]any)
	fields, _ := user["UserProfile"].(map[string]any)
	if got := fields["FirstName"]; got != value {
		t.Errorf("%s: %.100q, not %.100q", what, got, value)
	}
}
