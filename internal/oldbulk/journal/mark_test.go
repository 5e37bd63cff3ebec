package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// starts is the machine's own disk with starts of the machine that a test chooses, and syncs that fail where it wants them to.
type starts struct {
	disk
	boot  string
	fails bool
	onto  *[]byte // what the mark's file has kept by its last sync
}

func (s *starts) Boot() string { return s.boot }

func (s *starts) OpenFile(path string, flag int) (DiskFile, error) {
	f, err := s.disk.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return &syncing{DiskFile: f, starts: s, isMark: filepath.Base(path) == markFile}, nil
}

type syncing struct {
	DiskFile
	starts *starts
	isMark bool
}

func (f *syncing) Sync() error {
	if f.starts.fails {
		return errors.New("the disk has an error")
	}
	if f.isMark && f.starts.onto != nil {
		record := make([]byte, markSize)
		if _, err := f.ReadAt(record, 0); err != nil {
			return err
		}
		*f.starts.onto = record
	}
	return nil
}

func newTable(t *testing.T, rows int) tablePaths {
	t.Helper()
	dir := t.TempDir()
	at := tablePaths{slots: filepath.Join(dir, slotsFile), texts: filepath.Join(dir, textsFile), mark: filepath.Join(dir, markFile), deaf: filepath.Join(dir, deafFile)}
	if err := createTable(at, rows); err != nil {
		t.Fatal(err)
	}
	return at
}

func open(t *testing.T, d Disk, at tablePaths, rows int) *Table {
	t.Helper()
	table, err := openTable(d, at, rows)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// However far the reservation of the next rows has come, a row that may be sent is below the mark that a power cut leaves.
func TestTheMarkIsSyncedBeforeARowMayBeSent(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	var onto []byte
	table := open(t, &starts{boot: "a", onto: &onto}, newTable(t, rows), rows)
	for row := 1; row <= rows; row += 1 + row%7 {
		if err := table.Reserve(row); err != nil {
			t.Fatal(err)
		}
		if table.mark.coming != nil {
			if err := table.mark.arrive(); err != nil { // so that nobody writes while the test reads
				t.Fatal(err)
			}
		}
		after, err := openMark(memo(onto), rows, "b")
		if err != nil || after.doubt < row {
			t.Fatalf("row %d may be sent, and a power cut leaves %d rows in doubt (%v)", row, after.doubt, err)
		}
		if after.doubt > row+longestStep {
			t.Fatalf("%d rows are in doubt although only %d may be sent", after.doubt, row)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
}

// memo is a file that only has a content.
type memo []byte

func (m memo) ReadAt(p []byte, at int64) (int, error) { return copy(p, m[at:]), nil }
func (m memo) WriteAt([]byte, int64) (int, error)     { return 0, errors.ErrUnsupported }
func (m memo) Size() (int64, error)                   { return int64(len(m)), nil }
func (m memo) Sync() error                            { return nil }
func (m memo) Close() error                           { return nil }

// What is in doubt after a run that reserved the first row, by how it ended and what came after.
func TestWhatIsInDoubtAfterARun(t *testing.T) {
	t.Parallel()
	const rows = 1000
	for name, c := range map[string]struct {
		first, then string                  // the starts of the machine
		killed      bool                    // the run did not come to its end
		fails       bool                    // its last syncs failed
		damage      func(path string) error // to the mark
		want        int
	}{
		"a run that ended":                      {first: "a", then: "b", want: 0},
		"a run that was killed":                 {first: "a", then: "a", killed: true, want: 0},
		"a power cut":                           {first: "a", then: "b", killed: true, want: firstStep},
		"a system that does not tell its start": {first: "", then: "", killed: true, want: firstStep},
		"a disk that failed to sync":            {first: "a", then: "a", fails: true, want: firstStep},
		"a mark that was torn":                  {first: "a", then: "b", damage: func(p string) error { return os.Truncate(p, 9) }, want: rows},
		"a mark that is gone":                   {first: "a", then: "b", damage: os.Remove, want: rows},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newTable(t, rows)
			machine := &starts{boot: c.first}
			table := open(t, machine, at, rows)
			if err := table.Reserve(1); err != nil {
				t.Fatal(err)
			}
			if c.fails {
				machine.fails = true
				if table.Sync() == nil {
					t.Fatal("the sync did not fail")
				}
			}
			if c.killed {
				left, err := os.ReadFile(at.mark)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = table.Close() }()
				at.mark += " as it was left"
				if err := os.WriteFile(at.mark, left, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if err := table.Close(); (err != nil) != c.fails {
				t.Fatal(err)
			}
			if c.damage != nil {
				if err := c.damage(at.mark); err != nil {
					t.Fatal(err)
				}
			}
			next := open(t, &starts{boot: c.then}, at, rows)
			defer func() { _ = next.Close() }()
			for row := 1; row <= rows; row++ {
				if next.InDoubt(row) != (row <= c.want) {
					t.Fatalf("row %d: in doubt is %v, and the first %d rows are", row, next.InDoubt(row), c.want)
				}
			}
		})
	}
}

// What a power cut left in doubt stays so in the runs after it, however they end: the rows may not have had their turn again.
func TestDoubtOutlivesTheNextRun(t *testing.T) {
	t.Parallel()
	const rows = 1000
	at := newTable(t, rows)
	if err := os.WriteFile(at.mark, encodeMark(700, 0, bootNumber("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, boot := range []string{"b", "b", "c"} {
		table := open(t, &starts{boot: boot}, at, rows)
		if !table.InDoubt(700) || table.InDoubt(701) {
			t.Errorf("at start %s of the machine row 700 is in doubt: %v, row 701: %v", boot, table.InDoubt(700), table.InDoubt(701))
		}
		if err := table.Reserve(1); err != nil {
			t.Fatal(err)
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reason that a power cut took is not replaced by whatever was written in its place since.
func TestAReasonThatWasLostIsNotAnother(t *testing.T) {
	t.Parallel()
	at := newTable(t, 2)
	for row, text := range []string{"the first", "the other"} {
		table := open(t, nil, at, 2)
		if err := table.Put(row+1, Entry{State: Failed, Text: text}); err != nil {
			t.Fatal(err)
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		if row == 0 {
			if err := os.Truncate(at.texts, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	table := open(t, nil, at, 2)
	defer func() { _ = table.Close() }()
	for row, want := range map[int]string{1: "the reason was lost when the machine went down", 2: "the other"} {
		if e, err := table.Read(false).Entry(row); err != nil || e.Text != want {
			t.Errorf("row %d: %q, %v", row, e.Text, err)
		}
	}
}
