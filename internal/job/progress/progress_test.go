package progress_test

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job/progress"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// written is a stream that tells of each write.
type written struct {
	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{}
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.wrote <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// run shows a run that has settled 50 of 200 rows in ten seconds, once.
func run(t *testing.T, mode string, tty bool) string {
	t.Helper()
	now, tick := time.Unix(0, 0), make(chan time.Time)
	out := &written{wrote: make(chan struct{}, 100)}
	m := progress.New(progress.Options{Mode: mode, Out: out, TTY: tty, Job: "j", Now: func() time.Time { return now }, Tick: tick})
	m.Watch(job.Gauge{
		Totals: func() job.Totals { return job.Totals{Requested: 200, Created: 45, Existing: 2, Failed: 3, Sent: 50} },
		Limit:  func() int { return 8 },
	})
	now = now.Add(10 * time.Second)
	if mode != progress.None {
		tick <- now
		tick <- now // it is taken when the first has been shown
	}
	m.Aside(func() { _, _ = io.WriteString(out, "a note\n") })
	m.Stop()
	return out.String()
}

func TestWithoutATerminalProgressIsAPlainLine(t *testing.T) {
	t.Parallel()
	got := strings.ReplaceAll(run(t, progress.Auto, false), "a note\n", "")
	line := "50 of 200 rows (25%), 5.0 a second, 3 failed, 30s left, up to 8 at once\n"
	if got != line && got != line+line {
		t.Errorf("%q", got)
	}
}

func TestProgressForMachinesIsAnObjectALine(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(run(t, progress.JSON, true), "a note\n", "")
	if strings.Count(text, "\n") < 2 {
		t.Errorf("there is a line a tick and one at the end: %q", text)
	}
	for line := range strings.Lines(text) {
		var p progress.Point
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		if p.Done != 50 || p.Requested != 200 || p.PerSecond != 5 || p.SecondsLeft == nil || *p.SecondsLeft != 30 || p.Concurrency != 8 || p.Job != "j" {
			t.Errorf("%+v", p)
		}
	}
}

// The live line gives way to a note, and nothing of it is left at the end.
func TestALiveLineIsTakenAway(t *testing.T) {
	t.Parallel()
	got := run(t, progress.Auto, true)
	before, after, ok := strings.Cut(got, "a note\n")
	if !ok || strings.Contains(before, "\n") || !strings.Contains(before, "50/200") {
		t.Errorf("%q", got)
	}
	if after != "" && !strings.HasSuffix(after, "  \r") {
		t.Errorf("something is left: %q", after)
	}
}

func TestNoProgressIsNothing(t *testing.T) {
	t.Parallel()
	if got := run(t, progress.None, true); got != "a note\n" {
		t.Errorf("%q", got)
	}
}
