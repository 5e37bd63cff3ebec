package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const testJob = "0123456789ab"

// machine is the machine's own disk with boots that a test chooses, and syncs that
// fail where it wants them to.
type machine struct {
	OS
	boot  string
	fails bool
}

func (m *machine) Boot() string { return m.boot }

func (m *machine) OpenFile(path string, flag int) (File, error) {
	f, err := m.OS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return &failing{f, m}, nil
}

type failing struct {
	File
	machine *machine
}

func (f *failing) Sync() error {
	if f.machine.fails {
		return errors.New("the disk has an error")
	}
	return nil
}

func newJournal(t *testing.T, rows int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := Create(dir, testJob, rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openAt(t *testing.T, m FS, dir string, rows int) *Journal {
	t.Helper()
	j, err := Open(m, dir, testJob, rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// However far the mark has come, a row that may be sent is below the one that a
// power cut leaves, and not far below.
func TestTheMarkIsSyncedBeforeARowMayBeSent(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	j := openAt(t, &machine{boot: "a"}, newJournal(t, rows), rows)
	for row := 1; row <= rows; row += 1 + row%7 {
		if err := j.Reserve(row); err != nil {
			t.Fatal(err)
		}
		if j.mark.writing != nil {
			if err := j.mark.wait(); err != nil { // so that nobody writes while the test reads
				t.Fatal(err)
			}
		}
		after, err := openHighWaterMark(j.mark.file, rows, "b")
		if err != nil || after.indeterminate < row {
			t.Fatalf("row %d may be sent, and a power cut leaves %d rows indeterminate (%v)", row,
				after.indeterminate, err)
		}
		if after.indeterminate > row+longestStep {
			t.Fatalf("%d rows are indeterminate although only %d may be sent", after.indeterminate, row)
		}
	}
}

// What is indeterminate after a run that reserved the first row, by how it ended
// and what came after.
func TestWhatIsIndeterminateAfterARun(t *testing.T) {
	t.Parallel()
	const rows = 1000
	for name, c := range map[string]struct {
		first, then string // the boots of the machine
		killed      bool   // the run did not come to its end
		fails       bool   // its last syncs failed
		torn        bool   // the mark was
		want        int
	}{
		"a run that ended":                     {first: "a", then: "b", want: 0},
		"a run that was killed":                {first: "a", then: "a", killed: true, want: 0},
		"a power cut":                          {first: "a", then: "b", killed: true, want: firstStep},
		"a system that does not tell its boot": {first: "", then: "", killed: true, want: firstStep},
		"a disk that failed to sync":           {first: "a", then: "a", fails: true, want: firstStep},
		"a mark that was torn":                 {first: "a", then: "b", torn: true, want: rows},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newJournal(t, rows)
			path := filepath.Join(dir, highWaterFile)
			m := &machine{boot: c.first}
			j := openAt(t, m, dir, rows)
			if err := j.Reserve(1); err != nil {
				t.Fatal(err)
			}
			if c.fails {
				m.fails = true
				if j.Sync() == nil {
					t.Fatal("the sync did not fail")
				}
			}
			left, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); (err != nil) != c.fails {
				t.Fatal(err)
			}
			if c.killed {
				if err := os.WriteFile(path, left, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.torn {
				if err := os.Truncate(path, headerSize+9); err != nil {
					t.Fatal(err)
				}
			}
			next := openAt(t, &machine{boot: c.then}, dir, rows)
			for row := 1; row <= rows; row++ {
				if next.Indeterminate(row) != (row <= c.want) {
					t.Fatalf("row %d: indeterminate is %v, and the first %d rows are", row, next.Indeterminate(row),
						c.want)
				}
			}
		})
	}
}

// What a power cut left indeterminate stays so in the runs after it, however they
// end: the rows may not have had their turn again.
func TestIndeterminateRowsOutliveTheNextRun(t *testing.T) {
	t.Parallel()
	const rows = 1000
	dir := newJournal(t, rows)
	text := append(fileHeader(highWaterMagic, testJob, rows), encodeMark(700, 0, bootNumber("a"))...)
	if err := os.WriteFile(filepath.Join(dir, highWaterFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, boot := range []string{"b", "b", "c"} {
		j := openAt(t, &machine{boot: boot}, dir, rows)
		if !j.Indeterminate(700) || j.Indeterminate(701) {
			t.Errorf("at boot %s row 700 is indeterminate: %v, row 701: %v", boot, j.Indeterminate(700),
				j.Indeterminate(701))
		}
		if err := errors.Join(j.Reserve(1), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A reason that a power cut took is not replaced by whatever was written in its
// place since.
func TestAReasonThatWasLostIsNotAnother(t *testing.T) {
	t.Parallel()
	dir := newJournal(t, 2)
	for row, text := range []string{"the first", "the other"} {
		j := openAt(t, OS{}, dir, 2)
		if err := errors.Join(j.Put(row+1, Entry{State: Failed, Text: text}), j.Close()); err != nil {
			t.Fatal(err)
		}
		if row == 0 {
			if err := os.Truncate(filepath.Join(dir, textsFile), headerSize); err != nil {
				t.Fatal(err)
			}
		}
	}
	j := openAt(t, OS{}, dir, 2)
	for row, want := range map[int]string{1: lostText, 2: "the other"} {
		if e, err := j.Read().Entry(row); err != nil || e.Text != want {
			t.Errorf("row %d: %q, %v", row, e.Text, err)
		}
	}
}

// A journal whose folder was moved away says so before the next row.
func TestAFolderThatWasReplaced(t *testing.T) {
	t.Parallel()
	dir := newJournal(t, 2)
	j := openAt(t, OS{}, dir, 2)
	if err := j.Put(1, Entry{State: Sent}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + "-") })
	if err := j.Put(2, Entry{State: Sent}); !errors.Is(err, ErrMoved) {
		t.Errorf("it says %v", err)
	}
	if err := j.Put(1, Entry{State: Created}); !errors.Is(err, ErrMoved) {
		t.Errorf("and then %v", err)
	}
}
