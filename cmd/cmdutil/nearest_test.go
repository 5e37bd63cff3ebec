package cmdutil_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"Name", "UserProfile.Email", "LastNameDesc", "json", "jsonl", "ids"}
	for name, c := range map[string]struct{ typed, want string }{
		"two letters swapped":            {"Nmae", "Name"},
		"another case":                   {"NAME", "Name"},
		"without its first part":         {"Emial", "UserProfile.Email"},
		"a letter is missing":            {"jsn", "json"},
		"nothing like it":                {"Shoe", ""},
		"a short word is like anything":  {"x", ""},
		"nothing at all":                 {"", ""},
		"more than two letters differ":   {"LastNameAscending", ""},
		"a long one with two mistakes":   {"LastNmeDsc", "LastNameDesc"},
		"the nearest of two that are it": {"jsonll", "jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := cmdutil.Nearest(c.typed, known); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
