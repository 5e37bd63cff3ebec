package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/audit"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const (
	instance = "5a4db0c5-0000-4000-8000-000000000001"
	ada      = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	grace    = "c9f0f895-fb98-4b91-99f4-1f5a2b3c4d5e"
)

func newLog(dir string) *audit.Log {
	return &audit.Log{Dir: dir, Now: func() time.Time { return noon }, Keep: 90 * 24 * time.Hour}
}

func logging(token string, from, to bool, at time.Time) audit.Entry {
	return audit.Entry{
		Time: at, Profile: "prod", InstanceID: instance, Command: "user set-logging", Operation: "update", DeviceToken: token,
		Changes: []audit.Change{{Field: "EnableLogging", From: from, To: to}}, Outcome: "updated",
	}
}

func record(t *testing.T, l *audit.Log, entries ...audit.Entry) {
	t.Helper()
	if err := l.Add(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func tokens(t *testing.T, l *audit.Log, f audit.Filter) (list []string, unreadable int) {
	t.Helper()
	unreadable, err := l.Each(t.Context(), f, func(e audit.Entry) error {
		list = append(list, e.DeviceToken)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, unreadable
}

func TestWhatWasChangedIsListedOldestFirst(t *testing.T) {
	t.Parallel()
	l := newLog(t.TempDir())
	if list, _ := tokens(t, l, audit.Filter{}); list != nil {
		t.Errorf("nothing was recorded, and %v is listed", list)
	}
	record(t, l, logging(ada, false, true, noon.Add(-8*24*time.Hour)), logging(grace, false, true, noon.Add(-time.Hour)))
	record(t, l, logging(ada, true, false, noon))
	for name, c := range map[string]struct {
		filter audit.Filter
		want   string
	}{
		"all":               {audit.Filter{}, ada + grace + ada},
		"of a week":         {audit.Filter{Since: noon.Add(-7 * 24 * time.Hour)}, grace + ada},
		"of a user":         {audit.Filter{DeviceToken: strings.ToUpper(grace)}, grace},
		"of another folder": {audit.Filter{InstanceID: ada}, ""},
	} {
		if list, bad := tokens(t, l, c.filter); strings.Join(list, "") != c.want || bad != 0 {
			t.Errorf("%s: %v, %d unreadable", name, list, bad)
		}
	}
}

func TestTheLastChangeThatCanBeUndone(t *testing.T) {
	t.Parallel()
	l := newLog(t.TempDir())
	failed := logging(ada, true, false, noon.Add(3*time.Second))
	failed.Outcome = "failed"
	blind := logging(ada, true, false, noon.Add(4*time.Second))
	blind.Changes = nil
	record(t, l, logging(ada, false, true, noon), logging(grace, true, false, noon.Add(time.Second)), failed, blind)
	last, err := l.Last(t.Context(), instance, ada)
	if err != nil || last == nil || !last.Time.Equal(noon) || last.Changes[0].From != false || last.Changes[0].To != true {
		t.Errorf("%+v, %v", last, err)
	}
	if last, err := l.Last(t.Context(), ada, ada); last != nil || err != nil {
		t.Errorf("in another instance: %+v, %v", last, err)
	}
}

// A line that was flipped, cut off by a crash, or written by a newer version is skipped
// and counted; what comes after it is read.
func TestLinesThatCannotBeReadAreSkipped(t *testing.T) {
	t.Parallel()
	l := newLog(t.TempDir())
	record(t, l, logging(ada, false, true, noon))
	path := filepath.Join(l.Dir, "audit.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]string{
		"flipped":       strings.Replace(string(whole), `"To":true`, `"To":null`, 1),
		"newer version": strings.Replace(string(whole), `"V":1`, `"V":2`, 1),
		"cut off":       string(whole[:len(whole)/2]),
		"empty object":  "{}\n",
	} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		record(t, l, logging(grace, false, true, noon))
		if list, bad := tokens(t, l, audit.Filter{}); len(list) != 1 || list[0] != grace || bad != 1 {
			t.Errorf("%s: %v, %d unreadable", name, list, bad)
		}
	}
}

// The format is pinned: a line of this version must be readable forever.
func TestFormat(t *testing.T) {
	t.Parallel()
	l := newLog(t.TempDir())
	record(t, l, logging(ada, false, true, noon))
	got, err := os.ReadFile(filepath.Join(l.Dir, "audit.jsonl"))
	const want = `{"V":1,"Sum":"da896a00","Entry":{"Time":"2026-11-28T12:00:00Z","Profile":"prod",` +
		`"InstanceId":"5a4db0c5-0000-4000-8000-000000000001","Command":"user set-logging","Operation":"update",` +
		`"DeviceToken":"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70","Changes":[{"Field":"EnableLogging","From":false,"To":true}],` +
		`"Outcome":"updated"}}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %swant %s", err, got, want)
	}
	info, err := os.Stat(filepath.Join(l.Dir, "audit.jsonl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Large files are rotated, old ones removed, and nothing is lost between goroutines.
func TestRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const writers, each = 4, 8000
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			l := newLog(dir)
			for i := range each {
				e := logging(ada, false, true, noon)
				e.RequestID = fmt.Sprint(i)
				if err := l.Add(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
			if err := l.Flush(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, bad := tokens(t, newLog(dir), audit.Filter{})
	files, _ := filepath.Glob(filepath.Join(dir, "audit*.jsonl"))
	if len(list) != writers*each || bad != 0 || len(files) < 2 {
		t.Errorf("%d of %d lines, %d unreadable, in %d files", len(list), writers*each, bad, len(files))
	}
	later := newLog(dir)
	later.Now = func() time.Time { return time.Now().Add(91 * 24 * time.Hour) }
	record(t, later, logging(grace, false, true, later.Now()))
	if list, _ := tokens(t, later, audit.Filter{}); len(list) != 1 {
		t.Errorf("%d lines are listed after they should be gone", len(list))
	}
	left, _ := filepath.Glob(filepath.Join(dir, "audit*.jsonl"))
	if len(left) >= len(files) {
		t.Errorf("%d files before, %d after the time that they are kept", len(files), len(left))
	}
}

func TestARecordThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLog(filepath.Join(file, "state"))
	if err := l.Add(t.Context(), logging(ada, false, true, noon)); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(t.Context()); err == nil {
		t.Error("no error")
	}
}
