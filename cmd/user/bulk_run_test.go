package user

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Whose seed it is decides what a DeviceToken that is taken says: of a seed that nobody else has, that the job itself made the user.
func TestASeedIsTheJobsOwnUnlessFilesOrNamedRunsShareIt(t *testing.T) {
	in := userservice.Instance{ID: "11111111-2222-4333-8444-555555555555", Key: secret.New("99999999-2222-4333-8444-555555555555")}
	named := journal.Quantity{Named: true, Run: "monday"}
	for name, c := range map[string]struct {
		spec journal.Spec
		own  bool
	}{
		"a file":                       {journal.Spec{File: &journal.File{}, Seed: "00"}, false},
		"a run without a name":         {journal.Spec{Quantity: &journal.Quantity{Run: "monday"}, Seed: "00"}, true},
		"a named run":                  {journal.Spec{Quantity: &named, Seed: job.RunSeed(in, "monday")}, false},
		"a named run with a drawn one": {journal.Spec{Quantity: &named, Seed: "00"}, true}, // as earlier versions began it
	} {
		r := bulkRun{in: in, spec: c.spec}
		if got := r.ownSeed(); got != c.own {
			t.Errorf("%s: the seed is the job's own: %v", name, got)
		}
	}
}
