package cmdutil_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// How words are compared is internal/nearest's: what is added here is a member named by its last
// part.
func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"Name", "UserProfile.Email", "json"}
	for name, c := range map[string]struct{ typed, want string }{
		"with its first part left out": {"Emial", "UserProfile.Email"},
		"the whole":                    {"Nmae", "Name"},
		"nothing like it":              {"Shoe", ""},
		"nothing at all":               {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := cmdutil.Nearest(c.typed, known); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
