package job

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// dispatcher goes through the records in order: what is settled is reported, the
// rest goes to the workers. It lives for one dispatch.
type dispatcher struct {
	*run
	sending, requests context.Context
	known             *journal.Reader
	size              int  // records in a group at most
	proven            bool // the service has taken a group
	phase             int
	group             []item // gathered for one request, in the order of their numbers
	next              []item // gathered for one write to the journal, to be sent one by one
	marks             [markedTogether]journal.Row
}

// markedTogether is how many records are marked as sent by one write to the journal.
const markedTogether = 16

func (r *run) dispatch(sending, requests context.Context) error {
	d := &dispatcher{run: r, sending: sending, requests: requests, size: max(r.Operation.Group(), 1)}
	if r.journal != nil {
		d.known = r.journal.Read()
		if s, ok := r.Source.(SettledSkipper); ok {
			ahead := r.journal.Read()
			s.SkipSettled(func(n int) bool {
				e, err := ahead.Bare(n)
				return err == nil && e.Settled()
			})
			defer s.SkipSettled(nil)
		}
	}
	if r.Source == nil {
		return d.reportAll()
	}
	if err := r.Source.Records(sending, d.take); err != nil {
		return err
	}
	return d.flush()
}

func (d *dispatcher) take(rec Record) error {
	if err := d.sending.Err(); err != nil {
		return err
	}
	var e journal.Entry
	if d.journal != nil {
		var err error
		if e, err = d.known.Entry(rec.N); err != nil {
			return d.journalError(err)
		}
		if e.Settled() {
			if err := d.inTurn(); err != nil {
				return err
			}
			return d.report(rec, e)
		}
	}
	if d.DryRun {
		return d.plan(rec)
	}
	if rec.Phase != d.phase {
		if err := d.flush(); err != nil {
			return err
		}
		d.busy.Wait()
		d.phase = rec.Phase
		if err := d.sending.Err(); err != nil {
			return err
		}
	}
	if rec.Invalid != "" && e.State != journal.Sent {
		if err := d.inTurn(); err != nil {
			return err
		}
		err := failure.New(failure.Invalid, rec.Invalid)
		return d.settle(rec, Result{Outcome: Failed, Err: err}, journal.Entry{})
	}
	return d.prepare(rec, e)
}

// inTurn waits for the records before one that is not sent, where one request is in flight
// at a time: rows are handed out in the order of the input then.
func (d *dispatcher) inTurn() error {
	if d.Concurrency > 1 {
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	d.busy.Wait()
	return d.sending.Err()
}

// prepare gives a record to the workers, alone or in a group.
func (d *dispatcher) prepare(rec Record, e journal.Entry) error {
	if err := d.journal.Reserve(rec.N); err != nil {
		return d.journalError(err)
	}
	it := item{Attempt: Attempt{Record: rec, Lost: e.Lost || e.State == journal.Sent || e.State == journal.Unknown,
		FirstSent: e.FirstSent}, before: e}
	if !it.Lost && d.journal.Indeterminate(rec.N) && d.resendable(rec) {
		it.Lost = true // one that cannot be sent again is synced by itself before it is sent
	}
	if it.Lost && it.FirstSent.IsZero() {
		it.FirstSent = d.begun
	}
	if it.Lost && !d.resendable(d.sentAs(rec, e)) {
		why := failure.New(failure.Failed,
			"the last run ended before the answer came; it is not sent again, as that could do it twice")
		return d.settle(rec, Result{Outcome: Unknown, Err: why}, journal.Entry{FirstSent: it.FirstSent, Lost: true})
	}
	if d.size == 1 || it.Lost || d.ungrouped.Load() {
		if err := d.flushGroup(); err != nil { // what was gathered comes before it
			return err
		}
		return d.gather(it)
	}
	if err := d.flushNext(); err != nil {
		return err
	}
	if n := len(d.group); n > 0 && (n == d.size || d.group[n-1].N+1 != rec.N) {
		if err := d.flushGroup(); err != nil {
			return err
		}
	}
	d.group = append(d.group, it)
	return nil
}

// sentAs returns a record as it was sent before: in a group, without its DeviceToken.
func (d *dispatcher) sentAs(rec Record, e journal.Entry) Record {
	if d.size > 1 && e.State != journal.Untouched && e.DeviceToken == uuid.Nil {
		rec.DeviceToken = uuid.Nil
	}
	return rec
}

// Previewer is an Operation that can say what it would send.
type Previewer interface {
	Preview(Record) (payload any, err error)
}

// plan is a dry run's report of a record.
func (d *dispatcher) plan(rec Record) error {
	result := Result{Outcome: Planned, DeviceToken: rec.DeviceToken}
	if p, ok := d.Operation.(Previewer); ok && rec.Invalid == "" {
		payload, err := p.Preview(rec)
		if err != nil {
			return err
		}
		result.Payload = payload
	}
	if rec.Invalid != "" {
		result.Outcome, result.Err = Failed, failure.New(failure.Invalid, rec.Invalid)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.Outcomes[result.Outcome]++
	return d.Emit(Row{N: rec.N, Line: rec.Line, ClientID: rec.ClientID, Action: rec.Action, Result: result})
}

func (d *dispatcher) give(items []item) error {
	d.busy.Add(1)
	select {
	case d.work <- items:
		return nil
	case <-d.sending.Done():
		d.busy.Done()
		return d.sending.Err()
	}
}

// gather has a record sent by itself. Those that may be sent again are marked as sent
// several at a time: of these, a run that is killed leaves a few that were not sent.
func (d *dispatcher) gather(it item) error {
	if !d.resendable(it.Record) {
		if err := d.flushNext(); err != nil {
			return err
		}
		return d.give([]item{it})
	}
	d.next = append(d.next, it)
	if len(d.next) < min(markedTogether, d.Concurrency) && len(d.work) > 0 { // no worker waits for it
		return nil
	}
	return d.flushNext()
}

// flushNext marks what was gathered to be sent one by one, and gives it to the workers.
func (d *dispatcher) flushNext() error {
	if len(d.next) == 0 {
		return nil
	}
	next := d.next
	d.next = make([]item, 0, len(next))
	if err := d.mark(next, d.marks[:]); err != nil {
		return err
	}
	for i := range next {
		next[i].marked = true
		if err := d.give(next[i : i+1 : i+1]); err != nil {
			d.unmark(next[i:])
			return err
		}
	}
	return nil
}

// flush sends all that was gathered.
func (d *dispatcher) flush() error {
	if err := d.flushNext(); err != nil {
		return err
	}
	return d.flushGroup()
}

// flushGroup sends the group that was gathered. The first one is sent alone, as the
// service may take none.
func (d *dispatcher) flushGroup() error {
	group := d.group
	d.group = nil
	switch {
	case len(group) == 0:
		return nil
	case d.proven || d.ungrouped.Load():
		return d.give(group)
	}
	d.busy.Wait()
	d.busy.Add(1)
	err := d.send(d.sending, d.requests, group)
	d.busy.Done()
	if len(group) == 1 || !errors.Is(err, ErrUngroup) {
		d.proven = err == nil && len(group) > 1
		return d.sending.Err()
	}
	d.noteUngrouped(err)
	for _, it := range group {
		if err := d.give([]item{it}); err != nil {
			return err
		}
	}
	return nil
}

// reportAll reports a job whose input is gone by its journal alone.
func (d *dispatcher) reportAll() error {
	for n := 1; n <= d.journal.Rows(); n++ {
		e, err := d.known.Entry(n)
		if err != nil {
			return d.journalError(err)
		}
		if !e.Settled() {
			continue
		}
		if err := d.report(Record{N: n}, e); err != nil {
			return err
		}
	}
	return nil
}

// report hands out what an earlier run has settled.
func (r *run) report(rec Record, e journal.Entry) error {
	row := rowOf(rec.N, e)
	row.Line, row.Earlier = rec.Line, true
	row.Outcome = r.reported(row.Outcome)
	if row.ClientID == "" {
		row.ClientID = rec.ClientID
	}
	if row.Action == "" {
		row.Action = rec.Action
	}
	if row.DeviceToken == uuid.Nil && row.Outcome != Unknown {
		row.DeviceToken = rec.DeviceToken
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if row.Err != nil {
		r.single = row.Err
	}
	return r.Emit(row)
}
