package cmdutil

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Every reason for which a job is not run, or does not end well, has a hint. The scripts job-hints and
// job-reasons make some of them happen.
func TestEveryReasonOfAJobHasAHint(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/job/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`failure\.Reason += "([a-z-]+)"`).FindAllSubmatch(source, -1) {
			found++
			if jobHints[failure.Reason(m[1])] == nil {
				t.Errorf("no hint for %s", m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("%d reasons", found)
	}
}
