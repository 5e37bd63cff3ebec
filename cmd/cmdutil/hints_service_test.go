package cmdutil

import (
	"os"
	"regexp"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Every reason of the service's client that a person can do something about has a hint.
func TestEveryReasonOfTheServiceHasAHint(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../internal/userservice/reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`failure\.Reason = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(reasons) < 10 {
		t.Fatalf("%d reasons", len(reasons))
	}
	for _, m := range reasons {
		if serviceHints[failure.Reason(m[1])] == nil {
			t.Errorf("no hint for %s", m[1])
		}
	}
}
