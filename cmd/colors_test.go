package cmd_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sgr finds what sets a color or a style.
var sgr = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// lineEnds finds blanks before the end of a line.
var lineEnds = regexp.MustCompile(` +\n`)

// allowedStyles are bold, faint and three of the 16 colors of the terminal's own palette, which is
// legible on dark and on light: nothing sets a background.
var allowedStyles = []string{"0", "1", "2", "31", "32", "33"}

// Color is never the only sign: without it every screen says the same. The screens with color are
// in testdata/screens/color.txt, with the styles in angle brackets (go test ./cmd -run Color
// -update).
func TestColorIsNeverTheOnlySign(t *testing.T) {
	t.Parallel()
	with, without := newScreen(t, 80), newScreen(t, 80)
	with.color = []string{"CLICOLOR_FORCE=1"} // on standard error too, which is not a terminal here
	var golden strings.Builder
	styled := 0
	for _, line := range screenLines {
		colored, plain := with.show(t, line), without.show(t, line)
		if strings.HasPrefix(line, "profile show") { // which prints folders
			continue
		}
		for _, m := range sgr.FindAllStringSubmatch(colored, -1) {
			styled++
			if !slices.Contains(allowedStyles, m[1]) {
				t.Errorf("%s: style %q", line, m[1])
			}
		}
		if text := lineEnds.ReplaceAllString(sgr.ReplaceAllString(colored, ""), "\n"); text != plain {
			t.Errorf("%s: color says more: %s", line, firstDifference(text, plain))
		}
		golden.WriteString(sgr.ReplaceAllString(colored, "<$1>"))
	}
	if styled < 100 {
		t.Errorf("only %d styles", styled)
	}
	path := filepath.Join("testdata", "screens", "color.txt")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(golden.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := golden.String(); got != string(want) {
		t.Errorf("the screens differ from %s:\n%s", path, firstDifference(got, string(want)))
	}
}

// What is piped is data and has no color, as with gh; CLICOLOR_FORCE colors what is for people.
func TestWhenThereIsColor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pipe     bool
		env      string
		flags    string
		out, err bool // a table, and an error, are colored
	}{
		"a terminal":                           {false, "TERM=xterm", "", true, true},
		"a terminal, NO_COLOR":                 {false, "NO_COLOR=1", "", false, false},
		"a terminal, CLICOLOR=0":               {false, "CLICOLOR=0", "", false, false},
		"a terminal, CLICOLOR=1":               {false, "CLICOLOR=1", "", true, true},
		"a terminal that cannot":               {false, "TERM=dumb", "", false, false},
		"a terminal, --no-color":               {false, "TERM=xterm", " --no-color", false, false},
		"a pipe":                               {true, "TERM=xterm", "", false, false},
		"a pipe, CLICOLOR=1":                   {true, "CLICOLOR=1", "", false, false},
		"a pipe, CLICOLOR_FORCE":               {true, "CLICOLOR_FORCE=1", "", false, true},
		"a pipe, CLICOLOR_FORCE=0":             {true, "CLICOLOR_FORCE=0", "", false, false},
		"a pipe, CLICOLOR_FORCE, --no-color":   {true, "CLICOLOR_FORCE=1", " --no-color", false, false},
		"a pipe, CLICOLOR_FORCE over NO_COLOR": {true, "CLICOLOR_FORCE=1 NO_COLOR=1", "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, 80)
			s.pipe, s.both, s.color = c.pipe, !c.pipe, strings.Fields(c.env)
			for line, want := range map[string]bool{"profile list": c.out, "user get client:nobody": c.err} {
				out := s.show(t, line+c.flags)
				if got := sgr.MatchString(out); got != want {
					t.Errorf("%s: color %v:\n%q", line, got, out)
				}
			}
		})
	}
}
