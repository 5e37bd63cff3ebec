package job

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// Merge joins the results of all shards of one file into the results of the whole, in the order of the file. shards are the results files in the order
// of the shards. Every row must be in the results of its shard: else failure.Invalid names the row and the file. The totals count the outcomes; a row
// without one counts as not sent.
func Merge(ctx context.Context, w io.Writer, format string, in FileRows, shards []*input.File, names []string) (Totals, error) {
	m := &merger{in: in, names: names, out: newCSV(w, format)}
	if format == input.JSONLines {
		m.json = json.NewEncoder(w)
	}
	for _, f := range shards {
		next, stop := iter.Pull2(records2(ctx, f))
		defer stop()
		m.next = append(m.next, next)
	}
	err := in.Each(ctx, func(row Row, cells *input.Row) error { return m.take(row, cells, shards) })
	if err != nil {
		return m.totals, err
	}
	for i, next := range m.next {
		if _, err, more := next(); err != nil || more {
			return m.totals, m.wrong(i, "it has more rows than its shard of the file", err)
		}
	}
	m.out.Flush()
	return m.totals, m.out.Error()
}

// records2 gives the rows of a results file one by one.
func records2(ctx context.Context, f *input.File) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		err := f.Each(ctx, 1, func(r *input.Row) error {
			if !yield(slices.Clone(r.Cells), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough { //nolint:errorlint // it is this very one, from above
			yield(nil, err)
		}
	}
}

type merger struct {
	in     FileRows
	names  []string
	next   []func() ([]string, error, bool)
	out    *csv.Writer
	json   *json.Encoder
	head   []string
	at     [3]int // where the added columns are
	keep   []int  // the input's columns that results files repeat
	totals Totals
}

func (m *merger) wrong(shard int, why string, cause error) error {
	if cause != nil {
		return cause
	}
	return failure.Newf(failure.Invalid, "%s is not the results of shard %d/%d of the file: %s", m.names[shard], shard+1, len(m.names), why).
		WithHint("name the results of all shards in the order of the shards, and the file and its options as they were")
}

func (m *merger) take(row Row, in *input.Row, shards []*input.File) error {
	m.totals.Requested++
	shard := ShardOf(len(m.next), in.Set.Text("CustomToken"), row.ClientID, row.N) - 1
	got, err, ok := m.next[shard]()
	if err != nil || !ok {
		return m.wrong(shard, fmt.Sprintf("row %d is missing in it", row.N), err)
	}
	if m.head == nil {
		if err := m.begin(shard, shards[shard].Header()); err != nil {
			return err
		}
	}
	for n, i := range m.keep {
		if n >= len(got) || got[n] != cell(Record{Cells: in.Cells}, i) {
			return m.wrong(shard, fmt.Sprintf("it has another row where row %d of the file is to be", row.N), nil)
		}
	}
	m.totals.add(Outcome(cellAt(got, m.at[1])))
	return m.write(got)
}

func cellAt(cells []string, i int) string { return cell(Record{Cells: cells}, i) }

// begin takes the columns from the first results file.
func (m *merger) begin(shard int, head []string) error {
	m.head = slices.Clone(head)
	for i, name := range m.in.Header() {
		if !isAdded(name) {
			m.keep = append(m.keep, i)
		}
	}
	for i, name := range added {
		if m.at[i] = slices.Index(head, name); m.at[i] < 0 {
			return m.wrong(shard, "it has no column "+name, nil)
		}
	}
	if m.json != nil {
		return nil
	}
	return m.out.Write(m.head)
}

func (m *merger) write(cells []string) error {
	if m.json == nil {
		return m.out.Write(cells)
	}
	object := map[string]string{}
	for i, name := range m.head {
		object[name] = cellAt(cells, i)
	}
	return m.json.Encode(object)
}
