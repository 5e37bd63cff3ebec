package job_test

import (
	"context"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

func TestCredentialsThatWereNeverGoodEndTheRunAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(200)...)
	g.m.fault = func(int) fault { return status401 }
	got, err := g.run(context.Background())
	if failure.CodeOf(err) != failure.Unauthorized || got.Failed != 0 || g.m.requests > 4 {
		t.Errorf("%+v, %v after %d requests", got, err, g.m.requests)
	}
	g.m.fault = nil
	if again := g.mustRun(); again.Created != 200 {
		t.Errorf("with the right key: %+v", again)
	}
	g.holds()
}

// Credentials that cease to be good (a key is withdrawn, a user limit is met) cost four rows their turn, and the run ends.
func TestFiveRefusalsInARowEndTheRun(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(200)...)
	g.change = func(r *job.Run) { r.Concurrency = 1 }
	g.m.fault = func(n int) fault {
		if n > 10 {
			return status401
		}
		return none
	}
	got, err := g.run(context.Background())
	if failure.CodeOf(err) != failure.Unauthorized || got.Created != 10 || got.Failed != 4 || got.Again != 4 || g.m.requests != 15 {
		t.Errorf("%+v, %v after %d requests", got, err, g.m.requests)
	}
	g.m.fault = nil
	if again := g.mustRun(); again.Created != 200 {
		t.Errorf("with the right key: %+v", again)
	}
	g.holds()
}

// A row that is refused among others that are not fails alone, and the next run tries it again.
func TestARowThatIsRefusedAmongOthersFailsAlone(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(40)...)
	g.change = func(r *job.Run) { r.Concurrency = 1 }
	g.m.fault = func(n int) fault {
		if n%5 != 1 || n == 1 {
			return none
		}
		return status401
	}
	if got := g.mustRun(); got.Created != 33 || got.Failed != 7 || got.Again != 7 {
		t.Errorf("%+v", got)
	}
	g.m.fault = nil
	if again := g.mustRun(); again.Created != 40 || !again.Done() {
		t.Errorf("the next run: %+v", again)
	}
	g.holds()
}

// Rows that are refused for good hold the others up for a few runs at most, be they many and in a row: each run comes further.
func TestRowsThatAreRefusedForGoodDoNotStopTheJobForGood(t *testing.T) {
	t.Parallel()
	g := newRig(t, clients(60)...)
	g.change = func(r *job.Run) { r.Concurrency = 1 }
	refused := map[string]bool{}
	for _, row := range g.rows[3:15] { // twelve in a row
		refused[row.Token.String()] = true
	}
	g.m.refuses = refused
	for run := 1; ; run++ {
		got, err := g.run(context.Background())
		if err == nil {
			if got.Created != 48 || got.Failed != 12 || got.Again != 12 {
				t.Errorf("the last run: %+v", got)
			}
			return
		}
		if failure.CodeOf(err) != failure.Unauthorized || run > 3 {
			t.Fatalf("run %d: %+v, %v", run, got, err)
		}
	}
}
