package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

const id = "0123456789ab"

func begin(t testing.TB, rows int) (journal.Jobs, *journal.Job) {
	t.Helper()
	jobs := journal.Jobs{Dir: t.TempDir()}
	job, err := jobs.Create(journal.Spec{ID: id, Begun: time.Unix(1_700_000_000, 0).UTC(), Rows: rows, Requested: rows})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = job.Close() })
	return jobs, job
}

func entry(t testing.TB, job *journal.Job, row int) journal.Entry {
	t.Helper()
	e, err := job.Table.Read(false).Entry(row)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatIsWrittenIsReadBackByTheNextProcess(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 5000)
	token := uuid.New()
	entries := map[int]journal.Entry{
		1:    {State: journal.Created, Token: token},
		2:    {State: journal.Sent, Token: token},
		4999: {State: journal.Failed, Text: "the service said no"},
		5000: {State: journal.Unknown, Again: true, Theirs: true, Text: "the service said no"},
	}
	for row, e := range entries {
		if err := job.Table.Put(row, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := jobs.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	for row, want := range entries {
		if got := entry(t, again, row); got != want {
			t.Errorf("row %d is %+v, not %+v", row, got, want)
		}
	}
	if got := entry(t, again, 3); got != (journal.Entry{}) {
		t.Errorf("a row that was never written is %+v", got)
	}
	count, err := again.Table.Count()
	if err != nil || count.States[journal.Created] != 1 || count.States[journal.Untouched] != 4996 || count.Again != 1 || count.Settled() != 2 {
		t.Errorf("the count is %+v, %v", count, err)
	}
}

// A power cut may leave a slot half written: the row was sent at least, and is never taken for settled or for untouched.
func TestATornSlotWasSent(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 3)
	if err := job.Table.Put(2, journal.Entry{State: journal.Created, Token: uuid.New()}); err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(jobs.Dir, id, "rows")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		torn := append([]byte{}, whole...)
		from := rapid.IntRange(32, 63).Draw(t, "from")
		for i := from; i < 64; i++ {
			torn[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "byte"))
		}
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		job, err := jobs.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = job.Close() }()
		for row, theirs := range map[int]bool{1: true, 2: true, 3: false} {
			e, err := job.Table.Read(theirs).Entry(row)
			if err != nil {
				t.Fatal(err)
			}
			if row != 2 && e.State != journal.Untouched {
				t.Fatalf("row %d beside the torn one is %+v", row, e)
			}
			if row == 2 && (e.State != journal.Sent || !e.Theirs) {
				t.Fatalf("the torn row is %+v", e)
			}
		}
	})
}

func TestTheFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	if os.PathSeparator == '\\' {
		t.Skip("files have no such modes here")
	}
	jobs, _ := begin(t, 1)
	for name, want := range map[string]os.FileMode{"": 0o700, "job.json": 0o600, "rows": 0o600, "texts": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(jobs.Dir, id, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, %v", name, info.Mode().Perm(), err)
		}
	}
}

func TestOneProcessAtATimeRunsAJob(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 1)
	if _, err := jobs.Open(id); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second holder gets %v", err)
	}
	if err := jobs.Remove(id); err == nil {
		t.Error("a job that is being run was removed")
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Remove(id); err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.Open(id); !failure.Is(err, failure.NotFound) {
		t.Errorf("a job that was removed gives %v", err)
	}
	if list, err := jobs.List(); err != nil || len(list) != 0 {
		t.Errorf("a job that was removed is listed: %v, %v", list, err)
	}
}

// What a killed process leaves behind is a job that can be gone on with, and it says how far it has come.
func TestAJobThatNobodyRunsIsStoppedOrFinished(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 2)
	put := func(row int) {
		if err := job.Table.Put(row, journal.Entry{State: journal.Created, Token: uuid.New()}); err != nil {
			t.Fatal(err)
		}
	}
	state := func() string {
		s, err := jobs.Show(id)
		if err != nil {
			t.Fatal(err)
		}
		return s.Status.State
	}
	put(1)
	if got := state(); got != journal.Running {
		t.Errorf("a job that is held is %s", got)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != journal.Stopped {
		t.Errorf("a job that was left is %s", got)
	}
	var err error
	if job, err = jobs.Open(id); err != nil {
		t.Fatal(err)
	}
	put(2)
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != journal.Finished {
		t.Errorf("a job with nothing left is %s", got)
	}
}

// Rows that were sent, and whose answers are lost with the process, may have made users: once nobody runs the job, they are unknown. So they are after
// a further run that ended before it came to them, whatever it has counted.
func TestRowsThatWereSentAndHaveNoAnswerAreUnknown(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 5)
	for row, s := range []journal.State{journal.Created, journal.Sent, journal.Sent, journal.Unknown} {
		if err := job.Table.Put(row+1, journal.Entry{State: s, Token: uuid.New()}); err != nil {
			t.Fatal(err)
		}
	}
	show := func(state string, unknown int) {
		t.Helper()
		s, err := jobs.Show(id)
		if got := s.Status; err != nil || got.State != state || got.Created != 1 || got.Unknown != unknown {
			t.Errorf("%+v, %v", got, err)
		}
	}
	show(journal.Running, 1)
	if err := job.SetStatus(journal.Status{State: journal.Stopped}); err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	show(journal.Stopped, 3)
}

func TestADamagedJobIsListedAndCanBeRemoved(t *testing.T) {
	t.Parallel()
	jobs, job := begin(t, 2)
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(jobs.Dir, id, "job.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := jobs.List()
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Status.State != journal.Damaged {
		t.Errorf("%+v, %v", list, err)
	}
	if err := jobs.Remove(id); err != nil {
		t.Error(err)
	}
}

func TestALongReasonIsCutAndNotLost(t *testing.T) {
	t.Parallel()
	_, job := begin(t, 1)
	if err := job.Table.Put(1, journal.Entry{State: journal.Failed, Text: strings.Repeat("é", 5000)}); err != nil {
		t.Fatal(err)
	}
	if got := entry(t, job, 1).Text; len(got) < 1000 || len(got) > 2000 || strings.Trim(got, "é") != "" {
		t.Errorf("the reason is %d bytes: %.20q", len(got), got)
	}
}

func TestNothingIsWrittenAfterTheJournalFailed(t *testing.T) {
	t.Parallel()
	_, job := begin(t, 2)
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	first := job.Table.Put(1, journal.Entry{State: journal.Created})
	second := job.Table.Put(2, journal.Entry{State: journal.Created})
	var f *failure.Error
	if !errors.As(first, &f) || f.Hint == "" || !errors.Is(second, first) {
		t.Errorf("writing fails with %v and then with %v", first, second)
	}
}

// A disk that fills up while the run goes on costs no outcome: their room was taken before the first row was sent.
func TestAFullDiskLosesNoOutcome(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	jobs, job := begin(t, 2)
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	texts := filepath.Join(jobs.Dir, id, "texts")
	if err := errors.Join(os.Remove(texts), os.Symlink("/dev/full", texts)); err != nil {
		t.Fatal(err)
	}
	job, err := jobs.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	err = job.Table.Put(1, journal.Entry{State: journal.Failed, Text: "a reason that needs room"})
	if err == nil || !strings.Contains(err.Error(), "no space left") || failure.From(err).Hint == "" {
		t.Errorf("the error is %v", err)
	}
	if got := entry(t, job, 1).State; got != journal.Failed {
		t.Errorf("the outcome is lost: %v", got)
	}
	_ = job.Close()
}

func BenchmarkCountOfAMillionRows(b *testing.B) {
	_, job := begin(b, 1_000_000)
	for b.Loop() {
		if _, err := job.Table.Count(); err != nil {
			b.Fatal(err)
		}
	}
}
