package job_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// table is the input of a job.
type table struct {
	header []string
	rows   [][]string
}

func (t table) Header() []string { return t.header }

func (t table) Cells(_ context.Context, yield func(int, []string) error) error {
	for i, cells := range t.rows {
		if err := yield(i+1, cells); err != nil {
			return err
		}
	}
	return nil
}

// csvWriter is a job.RowWriter.
type csvWriter struct{ *csv.Writer }

func (w csvWriter) Flush() error {
	w.Writer.Flush()
	return w.Error()
}

func newCSV(w io.Writer, header []string) job.RowWriter {
	out := csvWriter{csv.NewWriter(w)}
	_ = out.Write(header)
	return out
}

func TestFilesOfResultsHaveTheInputsColumnsAndTheOutcomes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault = func(n int) fault {
		if n == 2 {
			return rejected
		}
		return none
	}
	in := table{[]string{"Name", "outcome", "ClientId"}, [][]string{{"Ada", "x", "c-1"}, {"Bob", "", "c-2"}, {"Cy"}}}
	j, err := b.begin(b.request("register"), 3)
	if err != nil {
		t.Fatal(err)
	}
	o := b.options(&register{service: b.service}, numbered(3))
	o.Concurrency = 1
	if _, err := j.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	blank, err := j.WriteResults(t.Context(), filepath.Join(dir, "results.csv"), in, newCSV)
	if err != nil || blank != 0 {
		t.Fatal(blank, err)
	}
	want := fmt.Sprintf("Name,ClientId,Row,DeviceToken,Outcome,Error\n"+
		"Ada,c-1,1,%s,created,\nBob,c-2,2,,failed,400\nCy,,3,%s,created,\n", tokenOf(1), tokenOf(3))
	if got := readFile(t, filepath.Join(dir, "results.csv")); got != want {
		t.Errorf("the results are\n%s, not\n%s", got, want)
	}
	for withToken, want := range map[bool]string{
		false: "Name,ClientId,Row,Error\nBob,c-2,2,400\n",
		true:  fmt.Sprintf("Name,ClientId,Row,DeviceToken,Error\nBob,c-2,2,%s,400\n", tokenOf(2)),
	} {
		left, err := j.WriteFailed(t.Context(), filepath.Join(dir, "failed.csv"), in, newCSV, withToken)
		if got := readFile(t, filepath.Join(dir, "failed.csv")); err != nil || got != want || left.Failed != 1 {
			t.Errorf("the failed rows are\n%s (%v, %v), not\n%s", got, left, err, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "failed.csv"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// shards splits rows by their numbers.
type shards struct {
	table
	n int
}

func (s shards) Cells(ctx context.Context, yield func(int, int, []string) error) error {
	return s.table.Cells(ctx, func(n int, cells []string) error { return yield(n, (n-1)%s.n+1, cells) })
}

func shardOf(name string, rows ...[]string) job.ShardResults {
	return job.ShardResults{
		Name:   name,
		Header: func() []string { return []string{"Name", "Row", "DeviceToken", "Outcome", "Error"} },
		Rows: func(_ context.Context, yield func([]string) error) error {
			for _, r := range rows {
				if err := yield(r); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func TestMergeJoinsTheResultsOfShards(t *testing.T) {
	t.Parallel()
	in := shards{table{[]string{"Name"}, [][]string{{"Ada"}, {"Bob"}, {"Cy"}}}, 2}
	ada, bob, cy := []string{"Ada", "1", "t1", "created", ""}, []string{"Bob", "2", "", "failed", "400"},
		[]string{"Cy", "3", "", "", ""}
	for name, c := range map[string]struct {
		one, two job.ShardResults
		wrong    string // the file that is named
	}{
		"whole":                  {shardOf("1.csv", ada, cy), shardOf("2.csv", bob), ""},
		"a row is not in them":   {shardOf("1.csv", ada), shardOf("2.csv", bob), "1.csv"},
		"there is one row more":  {shardOf("1.csv", ada, cy), shardOf("2.csv", bob, bob), "2.csv"},
		"they are the wrong way": {shardOf("2.csv", bob), shardOf("1.csv", ada, cy), "2.csv"},
		"two rows alike, the other one's number": {shardOf("1.csv", []string{"Ada", "3", "t1", "created", ""}, cy),
			shardOf("2.csv", bob), "1.csv"},
		"a row that is another's": {shardOf("1.csv", ada, bob), shardOf("2.csv", bob), "1.csv"},
		"a file that cannot be read": {job.ShardResults{Name: "1.csv", Header: shardOf("").Header,
			Rows: func(context.Context,
				func([]string) error) error {
				return errors.New("gone")
			}}, shardOf("2.csv", bob), "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			tally, err := job.Merge(t.Context(), in, []job.ShardResults{c.one, c.two},
				func(h []string) job.RowWriter { return newCSV(&out, h) })
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(),
					c.wrong) || (c.wrong != "gone" && !failure.HasReason(err, job.ReasonShard)) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if want := "Name,Row,DeviceToken,Outcome,Error\nAda,1,t1,created,\nBob,2,,failed,400\nCy,3,,,\n"; err != nil ||
				out.String() != want {
				t.Errorf("%v; it is\n%s", err, out.String())
			}
			if tally.Count(job.Created) != 1 || tally.Count(job.Failed) != 1 || tally.NotSent() != 1 {
				t.Errorf("%+v", tally)
			}
		})
	}
}
