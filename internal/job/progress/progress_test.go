package progress_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/progress"
)

// run shows a run for ten seconds, in which it settles 50 of 200 rows at once,
// with a note after them. It returns what was written.
func run(t *testing.T, o progress.Options) string {
	t.Helper()
	var out strings.Builder
	synctest.Test(t, func(*testing.T) {
		o.Out, o.Job, o.Now = &out, "j", time.Now
		m := progress.New(o)
		m.Watch(job.Gauge{
			Tally: func() job.Tally {
				return job.Tally{
					Requested: 200, Settled: 50,
					Outcomes: map[job.Outcome]int{job.Created: 45, job.Existing: 2, job.Failed: 3},
				}
			},
			Limit: func() int { return 8 },
		})
		<-time.After(10 * time.Second)
		synctest.Wait()
		m.Aside(func() { _, _ = io.WriteString(&out, "a note\n") })
		m.Stop()
	})
	return out.String()
}

func width(columns int) func() int { return func() int { return columns } }

func TestPlainProgressIsALineEveryTenSeconds(t *testing.T) {
	t.Parallel()
	got := run(t, progress.Options{Mode: progress.Plain})
	want := "50/200 rows (25%), 5.0/s, 3 failed, 30s left, up to 8 in flight\na note\n"
	if got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestProgressForMachinesIsAnObjectEverySecondAndAtTheEnd(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(run(t, progress.Options{Mode: progress.JSON, TTY: true}), "a note\n", "")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 11 {
		t.Errorf("%d objects", len(lines))
	}
	want := `{"Job":"j","Requested":200,"Done":50,"Created":45,"Existing":2,"Failed":3,"Unknown":0,` +
		`"PerSecond":5,"SecondsLeft":30,"Concurrency":8}`
	if last := lines[len(lines)-1]; last != want {
		t.Errorf("%s\nnot %s", last, want)
	}
	var p progress.Point
	if err := json.Unmarshal([]byte(lines[0]), &p); err != nil || p.PerSecond != 50 {
		t.Errorf("after one second: %s, %v", lines[0], err)
	}
}

func TestLiveLineGivesWayToANoteAndIsRemovedAtTheEnd(t *testing.T) {
	t.Parallel()
	got := run(t, progress.Options{Mode: progress.Auto, TTY: true, Width: width(80)})
	if !strings.HasSuffix(got, "\r"+strings.Repeat(" ", 63)+"\ra note\n") {
		t.Errorf("%q", got)
	}
	before, _, _ := strings.Cut(got, "a note")
	if n := strings.Count(before, "rows"); strings.Contains(before, "\n") || n < 45 || n > 50 {
		t.Errorf("%d frames in ten seconds: %q", n, before)
	}
}

func TestLiveLineIsNeverWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]string{
		200: "50/200 rows (25%), 5.0/s, 3 failed, 30s left, up to 8 in flight",
		64:  "50/200 rows (25%), 5.0/s, 3 failed, 30s left, up to 8 in flight",
		63:  "50/200 rows (25%), 5.0/s, 3 failed, 30s left",
		40:  "50/200 rows (25%), 5.0/s, 3 failed",
		20:  "50/200 rows (25%)",
		10:  "50/200 ro",
		1:   "",
		0:   "",
	} {
		got := run(t, progress.Options{TTY: true, Width: width(columns)})
		shown := false
		for frame := range strings.SplitSeq(strings.TrimSuffix(got, "a note\n"), "\r") {
			shown = shown || strings.TrimRight(frame, " ") == want
			if len(frame) > max(columns-1, 0) {
				t.Errorf("%d columns: %q", columns, frame)
			}
		}
		if !shown {
			t.Errorf("%d columns: no frame is %q: %q", columns, want, got)
		}
	}
}

func TestNothingIsShownUnlessThereIsATerminalOrItIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]progress.Options{
		"not a terminal": {Mode: progress.Auto},
		"none":           {Mode: progress.None, TTY: true},
	} {
		if got := run(t, o); got != "a note\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
