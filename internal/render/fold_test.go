package render_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/render"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
		width      int
	}{
		"what fits stays": {"short\nlines\n", "short\nlines\n", 20},
		"at a space":      {"one two three four five\n", "one two three\n    four five\n", 20},
		"no space":        {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnop\n    qrstuvwxyz", 20},
		"wide characters count as two": {"日本語日本語日本語日本語",
			"日本語日本語日本\n    語日本語", 20},
		"no width":                         {"one two three four five", "one two three four five", 0},
		"a terminal too narrow to wrap at": {"one two three four five", "one two three four five", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := render.Fold(c.text, c.width); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
