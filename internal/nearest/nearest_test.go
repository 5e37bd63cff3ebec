package nearest_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

func TestOf(t *testing.T) {
	t.Parallel()
	known := []string{"Name", "Email", "LastNameDesc", "json", "jsonl", "ids", "Straße"}
	for name, c := range map[string]struct{ typed, want string }{
		"two letters swapped":            {"Nmae", "Name"},
		"another case":                   {"NAME", "Name"},
		"a letter is missing":            {"jsn", "json"},
		"a letter too many":              {"Emaill", "Email"},
		"its beginning":                  {"LastN", "LastNameDesc"},
		"two letters of its beginning":   {"La", ""},
		"a letter of more than one byte": {"Strase", "Straße"},
		"nothing like it":                {"Shoe", ""},
		"a short word is like anything":  {"x", ""},
		"nothing at all":                 {"", ""},
		"more than two letters differ":   {"LastNameAscending", ""},
		"a long one with two mistakes":   {"LastNmeDsc", "LastNameDesc"},
		"the nearest of two that are it": {"jsonll", "jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := nearest.Of(c.typed, known); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ü", "u", 1}} {
		if got := nearest.Distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: %d, not %d", c.a, c.b, got, c.want)
		}
	}
}
