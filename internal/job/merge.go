package job

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// ReasonShard is the reason of a file that is not the results of its shard; the
// subject is its name.
const ReasonShard failure.Reason = "shard-results"

// Sharded is the input of several jobs that are its shards.
type Sharded interface {
	Header() []string
	// Cells gives each row with its shard, from 1.
	Cells(ctx context.Context, yield func(n, shard int, cells []string) error) error
}

// ShardResults are the results of one shard, as a file has them.
type ShardResults struct {
	Name   string
	Header func() []string // known once the first row was given
	Rows   func(ctx context.Context, yield func(cells []string) error) error
}

// Merge joins the results of all shards of an input into those of the whole, in
// the order of the input. Every row must be in the results of its shard: otherwise
// failure.Invalid names the row and the file. The tally counts the outcomes; a row
// without one counts as not sent.
func Merge(ctx context.Context, in Sharded, shards []ShardResults, create func(header []string) RowWriter) (Tally,
	error) {
	m := &merger{in: in, shards: shards, create: create, tally: Tally{Outcomes: map[Outcome]int{}}}
	for _, s := range shards {
		next, stop := iter.Pull2(shardRows(ctx, s))
		defer stop()
		m.next = append(m.next, next)
	}
	if err := in.Cells(ctx, m.take); err != nil {
		return m.tally, err
	}
	for i, next := range m.next {
		if _, err, more := next(); err != nil || more {
			return m.tally, m.wrong(i, "it has more rows than its shard of the input", err)
		}
	}
	if m.out == nil {
		return m.tally, nil
	}
	return m.tally, m.out.Flush()
}

var errEnough = errors.New("enough")

func shardRows(ctx context.Context, s ShardResults) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		err := s.Rows(ctx, func(cells []string) error {
			if !yield(slices.Clone(cells), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

type merger struct {
	in      Sharded
	shards  []ShardResults
	next    []func() ([]string, error, bool)
	create  func([]string) RowWriter
	out     RowWriter
	row     int   // the column of the row's number
	outcome int   // the column of the outcome
	keep    []int // the input's columns that files of results repeat
	tally   Tally
}

func (m *merger) wrong(i int, why string, cause error) error {
	if cause != nil {
		return cause
	}
	return failure.Newf(failure.Invalid, "%s is not the results of shard %d/%d of the input: %s", m.shards[i].Name,
		i+1, len(m.shards), why).
		Because(ReasonShard, m.shards[i].Name)
}

func (m *merger) take(n, shard int, cells []string) error {
	m.tally.Requested++
	i := shard - 1
	got, err, ok := m.next[i]()
	if err != nil || !ok {
		return m.wrong(i, fmt.Sprintf("row %d is not in it", n), err)
	}
	if m.out == nil {
		if err := m.begin(i); err != nil {
			return err
		}
	}
	if cellAt(got, m.row) != strconv.Itoa(n) {
		return m.wrong(i, fmt.Sprintf("it has row %s in place of row %d", cellAt(got, m.row), n), nil)
	}
	for column, from := range m.keep {
		if column >= len(got) || got[column] != cellAt(cells, from) {
			return m.wrong(i, fmt.Sprintf("it has another row in place of row %d", n), nil)
		}
	}
	if o := Outcome(cellAt(got, m.outcome)); o != "" {
		m.tally.Outcomes[o]++
	}
	return m.out.Write(got)
}

// begin takes the columns from the first results.
func (m *merger) begin(i int) error {
	head := slices.Clone(m.shards[i].Header())
	for _, name := range []string{RowColumn, DeviceTokenColumn, OutcomeColumn, ErrorColumn} {
		if !slices.Contains(head, name) {
			return m.wrong(i, "it has no column "+name, nil)
		}
	}
	m.row, m.outcome = slices.Index(head, RowColumn), slices.Index(head, OutcomeColumn)
	for from, name := range m.in.Header() {
		if !isOneOf(name, []string{RowColumn, DeviceTokenColumn, OutcomeColumn, ErrorColumn}) {
			m.keep = append(m.keep, from)
		}
	}
	m.out = m.create(head)
	return nil
}
