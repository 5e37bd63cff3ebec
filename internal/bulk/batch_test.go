package bulk_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/bulk"
)

// Batches: never more than asked for, a lost one never again, and what surely did not arrive is.
func TestBatches(t *testing.T) {
	t.Parallel()
	g := newRig(t, make([]string, 250)...)
	g.m.batch = true
	g.m.fault = script(status503, none, lostAfter, lostBefore, none)
	g.change = func(r *bulk.Run) { r.BatchSize, r.Concurrency = 100, 1 }
	got := g.mustRun()
	// The first answer, a 503, may come after the work: those hundred are unknown; so are the next that were lost.
	if got.Unknown != 150 || got.Created != 100 || g.m.largest != 100 {
		t.Errorf("%+v, the largest batch is %d", got, g.m.largest)
	}
	before := g.m.requests
	if again := g.mustRun(); again.Unknown != 150 || g.m.requests != before {
		t.Errorf("the second run sends %d requests: %+v", g.m.requests-before, again)
	}
}

func TestWithoutTheCallForBatchesUsersAreRegisteredOneByOne(t *testing.T) {
	t.Parallel()
	g := newRig(t, make([]string, 250)...)
	g.change = func(r *bulk.Run) { r.BatchSize = 100 }
	if got := g.mustRun(); got.Created != 250 || len(g.notes) != 1 {
		t.Errorf("%+v, %q", got, g.notes)
	}
	g.holds()
}
