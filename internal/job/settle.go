package job

import (
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// settle gives a record that is not sent its outcome.
func (r *run) settle(rec Record, result Result, e journal.Entry) error {
	it := item{Attempt: Attempt{Record: rec, Lost: e.Lost, FirstSent: e.FirstSent}}
	if result.DeviceToken == uuid.Nil {
		result.DeviceToken = rec.DeviceToken
	}
	r.settleGroup([]item{it}, []Result{result})
	return nil
}

// answered is a group whose outcomes are known.
type answered struct {
	items   []item
	results []Result
}

// settler gathers the groups that are answered while others are being written, so
// that one write to the journal has all of them.
type settler struct {
	mu      sync.Mutex
	room    *sync.Cond
	waiting []answered
	spare   []answered
	active  bool // a worker writes, and goes on until nothing waits

	rows    []Row // of one turn
	entries []journal.Row
}

// settleGroup writes the outcomes of a group to the journal, and then hands them out.
// While another worker is at it, that one does it for this group as well: what is
// answered and not in the journal yet is never more than the requests in flight.
func (r *run) settleGroup(items []item, results []Result) {
	s := &r.settler
	s.mu.Lock()
	for s.active && len(s.waiting) >= max(r.Concurrency, 1) {
		s.room.Wait()
	}
	s.waiting = append(s.waiting, answered{items, results})
	if s.active {
		r.busy.Add(1) // until it is settled
		s.mu.Unlock()
		return
	}
	s.active = true
	for own := 1; len(s.waiting) > 0; own = 0 {
		if r.Concurrency > 1 {
			s.mu.Unlock()
			runtime.Gosched() // who is about to have an answer has it now, and one write has them all
			s.mu.Lock()
		}
		groups := s.waiting
		s.waiting = s.spare[:0]
		s.mu.Unlock()
		s.room.Broadcast()
		r.settleAll(groups)
		for range len(groups) - own {
			r.busy.Done()
		}
		clear(groups)
		s.mu.Lock()
		s.spare = groups
	}
	s.active = false
	s.mu.Unlock()
}

// settleAll writes the outcomes of groups to the journal, all in one write, and then
// hands them out.
func (r *run) settleAll(groups []answered) {
	s := &r.settler
	s.rows, s.entries = s.rows[:0], s.entries[:0]
	for _, g := range groups {
		s.rows, s.entries = r.outcomesOf(g, s.rows, s.entries)
	}
	if err := r.journal.PutRows(s.entries); err != nil {
		r.end(r.journalError(err))
		return
	}
	for i := range s.rows {
		r.emit(s.rows[i])
	}
	r.flush()
	clear(s.rows)
	clear(s.entries)
}

// outcomesOf appends the rows of a group, and what the journal keeps of them.
func (r *run) outcomesOf(g answered, rows []Row, entries []journal.Row) ([]Row, []journal.Row) {
	items, results := g.items, g.results
	for len(results) < len(items) {
		results = append(results, Result{Outcome: Unknown, Err: &failure.Error{Code: failure.Failed,
			MayHaveApplied: true,
			Message: fmt.Sprintf("the service returned %d of the %d users asked for in rows %d to %d", len(results),
				len(items), items[0].N, items[len(items)-1].N)}})
	}
	for i, result := range results {
		if i >= len(items) {
			rows = append(rows, Row{Result: result})
			continue
		}
		r.checkCustomToken(items[i].Record, result)
		row := r.rowFor(&items[i], result)
		rows = append(rows, row)
		entries = append(entries, journal.Row{N: row.N, Entry: entryFor(&items[i], &row)})
	}
	return rows, entries
}

// flush has what was emitted written.
func (r *run) flush() {
	if r.Flush == nil {
		return
	}
	r.mu.Lock()
	err := r.Flush()
	r.mu.Unlock()
	if err != nil {
		r.end(err)
	}
}

// rowFor completes the result of a record.
func (r *run) rowFor(it *item, result Result) Row {
	if result.Outcome == "" {
		result.Outcome = Failed
	}
	if result.DeviceToken == uuid.Nil {
		result.DeviceToken = it.DeviceToken
	}
	lost := it.Lost || failure.MayHaveApplied(result.Err)
	if result.Outcome == Unknown && r.ignores.Load() && r.Operation.Name() == registerName {
		result.DeviceToken = uuid.Nil // the user, if there is one, has another
	}
	row := Row{N: it.N, Line: it.Line, ClientID: it.ClientID, Action: it.Action, Result: result}
	if result.Outcome == Failed || result.Outcome == Unknown {
		row.Retryable = result.Err != nil && transient(result.Err) && (!lost || r.resendable(it.Record))
	}
	return row
}

// registerName is the operation that assigns DeviceTokens.
const registerName = "register"

func entryFor(it *item, row *Row) journal.Entry {
	e := journal.Entry{
		State: states[row.Outcome], Retryable: row.Retryable, DeviceToken: row.DeviceToken, FirstSent: it.FirstSent,
		Lost:     (it.Lost || failure.MayHaveApplied(row.Err)) && row.Outcome == Unknown,
		ClientID: it.ClientID, Action: it.Action, Detail: row.Detail,
	}
	if row.Err != nil {
		e.Code, e.Text = string(failure.CodeOf(row.Err)), row.Err.Error()
	}
	if len(row.Changes) > 0 {
		e.Changes, _ = json.Marshal(row.Changes) // values of fields can be marshaled
	}
	return e
}

// rowOf is the row that an entry of the journal tells of.
func rowOf(n int, e journal.Entry) Row {
	row := Row{N: n, ClientID: e.ClientID, Action: e.Action, Retryable: e.Retryable,
		Result: Result{Outcome: outcomeOf(e), DeviceToken: e.DeviceToken, Detail: e.Detail}}
	if e.State == journal.Sent && e.Text == "" {
		row.Err = &failure.Error{Code: failure.Unavailable, MayHaveApplied: true, Message: noAnswer}
	}
	if e.Text != "" {
		row.Err = failure.New(failure.Code(e.Code), e.Text)
	}
	if len(e.Changes) > 0 {
		_ = json.Unmarshal(e.Changes, &row.Changes) // it was written by entryFor
	}
	return row
}

// noAnswer is why a row is unknown that was sent and has no outcome.
const noAnswer = "it was sent, and the answer is not known: the run ended before it came, or is still running"

// emit counts a row of this run and hands it out.
func (r *run) emit(row Row) {
	r.mu.Lock()
	if row.N > 0 {
		r.tally.Outcomes[row.Outcome]++
		r.tally.Settled++
	}
	if row.Retryable {
		r.tally.Retryable++
	}
	var stop error
	if row.Outcome == Failed || row.Outcome == Unknown || row.Outcome == Stale {
		r.bad++
		r.single = row.Err
		if r.MaxFailures >= 0 && r.bad > r.MaxFailures {
			stop = failure.Newf(failure.Partial, "the run was stopped: more than %d rows failed", r.MaxFailures).
				Because(ReasonFailures, "")
		}
	}
	err := r.Emit(row)
	if err == nil && stop == nil && r.Check != nil {
		stop = r.Check(r.tally)
	}
	r.mu.Unlock()
	switch {
	case err != nil:
		r.end(err)
	case stop != nil:
		r.end(stop)
	}
}

// checkCustomToken notices a service that assigns DeviceTokens of its own although
// it was sent one: there, nothing can be sent again.
func (r *run) checkCustomToken(rec Record, result Result) {
	if result.Outcome != Created || rec.DeviceToken == uuid.Nil || result.DeviceToken == uuid.Nil ||
		result.DeviceToken == rec.DeviceToken {
		return
	}
	if !r.ignores.CompareAndSwap(false, true) {
		return
	}
	if err := r.journal.SetIgnoresCustomToken(); err != nil {
		r.end(r.journalError(err))
	}
	r.notify(Notice{Kind: NoticeIgnoresCustomToken})
}
