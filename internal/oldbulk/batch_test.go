package job_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// Batches: never more than asked for, a lost one never again, and what surely did not arrive is.
func TestBatches(t *testing.T) {
	t.Parallel()
	g := newRig(t, make([]string, 250)...)
	g.m.batch = true
	g.m.fault = script(status503, none, lostAfter, lostBefore, none)
	g.change = func(r *job.Run) { r.BatchSize, r.Concurrency = 100, 1 }
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
	g.change = func(r *job.Run) { r.BatchSize = 100 }
	if got := g.mustRun(); got.Created != 250 || len(g.notes) != 1 {
		t.Errorf("%+v, %q", got, g.notes)
	}
	g.holds()
}

// Where the service ceases to have the call in the middle of a run, the rows of its batches fail, and the next run registers them one by one.
func TestWhereTheCallForBatchesGoesAwayTheNextRunRegistersTheRest(t *testing.T) {
	t.Parallel()
	g := newRig(t, make([]string, 50)...)
	g.change = func(r *job.Run) { r.BatchSize, r.Concurrency = 10, 1 }
	g.m.batch, g.m.turns = true, 4
	if got := g.mustRun(); got.Created != 30 || got.Failed != 20 || got.Again != 20 || got.NotSent() != 0 {
		t.Errorf("the first run: %+v", got)
	}
	if why := g.results[31].Why; why == "" {
		t.Error("it is not said why a row failed")
	}
	if got := g.mustRun(); got.Created != 50 || !got.Done() || len(g.m.users) != 50 {
		t.Errorf("the second run: %+v, %d users", got, len(g.m.users))
	}
}

// A run that leaves a row without an outcome says so, whatever the reason is.
func TestARunThatLeavesARowOutDoesNotEndWell(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(5)...)
	g.change = func(r *job.Run) { r.Requested = 6 }
	if got, err := g.run(context.Background()); failure.CodeOf(err) != failure.Failed || got.NotSent() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A job that fell back to single registrations, as the service did not have the call, may find it there when it goes on: what it sent alone is repeated
// alone, with its own DeviceToken.
func TestARowThatWasSentAloneIsNeverSentInABatch(t *testing.T) {
	t.Parallel()
	g := newRig(t, make([]string, 50)...)
	g.change = func(r *job.Run) { r.BatchSize, r.Concurrency, r.Retries = 10, 1, 0 }
	g.m.fault = func(n int) fault {
		if n%5 == 0 {
			return lostAfter
		}
		return none
	}
	if got := g.mustRun(); got.Created != 40 || got.Unknown != 10 || got.Again != 10 {
		t.Fatalf("the first run: %+v", got)
	}
	g.m.batch, g.m.fault = true, nil
	if got := g.mustRun(); got.Created != 50 {
		t.Errorf("the second run: %+v", got)
	}
	g.holds()
}

// Whether the service has the call or not, which may change at any time, no crash, power cut or fault makes more users than rows.
func TestACallForBatchesThatComesAndGoesMakesNoUserTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g, disk := newRig(t, make([]string, rapid.IntRange(1, 25).Draw(rt, "rows"))...), newMemory()
		g.jobs.Disk = disk
		size, concurrency := rapid.IntRange(1, 5).Draw(rt, "users in a batch"), rapid.IntRange(1, 4).Draw(rt, "concurrency")
		g.change = func(r *job.Run) { r.BatchSize, r.Concurrency = size, concurrency }
		for range rapid.IntRange(0, 5).Draw(rt, "lives") {
			g.m.batch = rapid.Bool().Draw(rt, "the service has the call")
			g.m.turns = g.m.requests + rapid.IntRange(0, 12).Draw(rt, "until it is otherwise")
			l := drawLife(rt)
			l.late = "" // a batch waits for its sync
			g.live(disk, l)
		}
		g.m.fault, g.m.turns = nil, 0
		totals := g.mustRun()
		if users := len(g.m.users); users > len(g.rows) || users < totals.Created || users > totals.Created+totals.Unknown || !totals.Done() {
			rt.Fatalf("the service has %d users for %d rows, and the last run says %+v", users, len(g.rows), totals)
		}
	})
}
