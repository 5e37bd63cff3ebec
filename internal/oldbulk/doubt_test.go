package job_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// afterAPowerCut is a job whose rows were all sent, and whose slots a power cut took.
func afterAPowerCut(t *testing.T, names ...string) *rig {
	t.Helper()
	g, disk := newRig(t, names...), newMemory()
	g.jobs.Disk, disk.late = disk, "rows"
	var image map[string][]byte
	g.change = func(r *job.Run) { r.Concurrency = 1 }
	g.m.fault = func(n int) fault {
		if n == len(names) {
			image = disk.image(true, rand.New(nothingLeft{}))
		}
		return none
	}
	g.mustRun()
	disk.restore(image, true)
	g.m.fault = nil
	return g
}

// nothingLeft are dice by which a power cut takes all that was not synced.
type nothingLeft struct{}

func (nothingLeft) Uint64() uint64 { return 0 }

func TestARowOfWhichAPowerCutTookEveryTraceWasMadeByTheJobWhichSaysThatItIsNotSure(t *testing.T) {
	t.Parallel()
	g := afterAPowerCut(t, clients(3)...)
	if totals := g.mustRun(); totals.Created != 3 {
		t.Errorf("%+v", totals)
	}
	g.holds()
	if notes := strings.Join(g.notes, "\n"); strings.Count(notes, "an earlier run was cut off") != 1 {
		t.Errorf("it is not said once: %q", notes)
	}
}

// Nobody but the job knows a DeviceToken that it drew: a user who has it was made by the job, whatever became of its journal.
func TestAUserWithADrawnDeviceTokenWasMadeByTheJob(t *testing.T) {
	t.Parallel()
	g := newRig(t, "", "c-2")
	for _, row := range g.rows {
		g.m.users[row.Token.String()] = row.ClientID
	}
	if totals := g.mustRun(); totals.Created != 1 || totals.Existing != 1 || g.results[1].Outcome != job.Created {
		t.Errorf("%+v: %+v", totals, g.results)
	}
}

// Where the service chooses the DeviceTokens, no crash and no power cut makes it be asked twice for a row: it never has more users than rows, and each
// that it has is known, or is said to be unknown.
func TestNoCrashOrPowerCutMakesAUserTwiceWhereTheServiceChooses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g, disk := newRig(t, make([]string, rapid.IntRange(1, 25).Draw(rt, "rows"))...), newMemory()
		g.jobs.Disk = disk
		for i := range g.rows {
			g.rows[i].Token, g.rows[i].Drawn = uuid.Nil, false
		}
		batch := rapid.SampledFrom([]int{0, 1, 4}).Draw(rt, "users in a batch")
		g.m.batch = rapid.Bool().Draw(rt, "the service has batches")
		g.change = func(r *job.Run) { r.Theirs, r.BatchSize, r.Concurrency = true, batch, 3 }
		for range rapid.IntRange(0, 4).Draw(rt, "lives") {
			l := drawLife(rt)
			l.late = "" // here it is waited for each sync
			g.live(disk, l)
		}
		g.m.fault = nil
		totals := g.mustRun()
		if users := len(g.m.users); users > len(g.rows) || users < totals.Created || users > totals.Created+totals.Unknown {
			rt.Fatalf("the service has %d users for %d rows, and the last run says %+v", users, len(g.rows), totals)
		}
	})
}
