package job

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// dispatch goes through the rows in order: what is settled is reported, the rest goes to the workers.
func (r *run) dispatch(sending, requests context.Context) error {
	d := &dispatcher{run: r, sending: sending, requests: requests, batches: r.BatchSize > 0}
	if r.Table != nil {
		d.known = r.Table.Read(r.Theirs || d.batches)
	}
	if err := r.Rows(sending, d.take); err != nil {
		return err
	}
	return d.flush()
}

type dispatcher struct {
	*run
	sending, requests context.Context // it lives for one dispatch
	known             *journal.Reader
	batches           bool // rows are sent in batches
	proven            bool // the service has the call for batches
	held              []held
}

// held is a row that waits for its batch to be full.
type held struct {
	row   Row
	entry journal.Entry
}

func (d *dispatcher) take(row Row) error {
	if err := d.sending.Err(); err != nil {
		return err
	}
	if d.Table == nil {
		return d.plan(row)
	}
	e, err := d.known.Entry(row.N)
	switch {
	case err != nil:
		return err
	case e.Settled():
		return d.report(row, e)
	case d.Plan:
		return d.plan(row)
	case e.State == journal.Sent && e.Theirs:
		d.settle(row, Result{Row: row.N, ClientID: row.ClientID, Outcome: Unknown,
			Why: "the last run ended before the answer came; it is not sent again, as that could make a second user"}, false)
		return nil
	case row.Wrong != "":
		d.settle(row, Result{Row: row.N, ClientID: row.ClientID, Outcome: Failed, Why: row.Wrong}, false)
		return nil
	case d.batches && !d.repeats(row, e):
		return d.gather(held{row, e})
	}
	if err := d.flush(); err != nil { // what is held comes before it
		return err
	}
	return d.alone(row, e)
}

// repeats tells of a row whether it may have been sent alone before, with a DeviceToken of ours: by a run which was cut off, or got no answer, or to
// which the service said that it has no call for batches. In a batch its user would be made anew.
func (d *dispatcher) repeats(row Row, e journal.Entry) bool {
	return e.State == journal.Sent || e.State == journal.Unknown || (row.Token != uuid.Nil && d.Table.InDoubt(row.N))
}

// alone gives a row to the workers that is sent alone. A row that failed without doubt was not made: the next try is the first again.
func (d *dispatcher) alone(row Row, e journal.Entry) error {
	w := work{row: row, tried: e.State == journal.Sent || e.State == journal.Unknown, again: e.State == journal.Failed}
	if row.Token == uuid.Nil {
		return d.give(w) // it is synced by itself before it is sent
	}
	if err := d.Table.Reserve(row.N); err != nil {
		return err
	}
	w.doubt = !w.tried && d.Table.InDoubt(row.N)
	w.tried = w.tried || w.doubt
	return d.give(w)
}

// plan is a dry run's account of a row.
func (d *dispatcher) plan(row Row) error {
	result := Result{Row: row.N, DeviceToken: tokenText(row.Token), ClientID: row.ClientID, Outcome: Planned}
	if row.Wrong != "" {
		result.Outcome, result.Why = Failed, row.Wrong
	} else if !d.batches {
		user := d.body(row)
		body, err := user.Body(field.Create)
		if err != nil {
			return err
		}
		result.Body = body
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.totals.add(result.Outcome)
	return d.Emit(result)
}

func (d *dispatcher) give(w work) error {
	select {
	case d.work <- w:
		return nil
	case <-d.sending.Done():
		return d.sending.Err()
	}
}

// gather fills a batch with rows that follow one another.
func (d *dispatcher) gather(h held) error {
	if n := len(d.held); n > 0 && (n == d.BatchSize || d.held[n-1].row.N+1 != h.row.N) {
		if err := d.flush(); err != nil {
			return err
		}
		if !d.batches {
			return d.alone(h.row, h.entry)
		}
	}
	d.held = append(d.held, h)
	return nil
}

func (d *dispatcher) flush() error {
	all := d.held
	d.held = nil
	if len(all) == 0 {
		return nil
	}
	batch := work{row: all[0].row, size: len(all), proven: d.proven}
	if batch.proven {
		return d.give(batch)
	}
	// The first batch is sent alone, as the service may not have the call.
	switch err := d.batch(d.sending, d.requests, batch); {
	case userservice.NoSuchCall(err):
		d.Note("the service has no call to register many users at once: registering them one by one")
		d.batches = false
		for _, h := range all {
			if err := d.alone(h.row, h.entry); err != nil {
				return err
			}
		}
	case err == nil:
		d.proven = true
	}
	return d.sending.Err()
}

// mostWaiting is how many workers may wait for another try of their row, besides those that send.
const mostWaiting = 1024

// crew is the workers. One that waits for another try of its row is replaced meanwhile, so that a row that fares badly holds nobody up.
type crew struct {
	group  sync.WaitGroup
	mu     sync.Mutex
	active int // workers that are not waiting
	all    int
	most   int // active
	start1 func()
}

func (c *crew) start(sending, requests context.Context, r *run) {
	c.most = max(r.Concurrency, 1)
	c.start1 = func() {
		c.group.Add(1)
		go func() {
			defer c.group.Done()
			for w := range r.work {
				r.carryOut(sending, requests, w)
				if c.enough() {
					return
				}
			}
		}()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.most {
		c.active++
		c.all++
		c.start1()
	}
}

// enough tells a worker to leave, as one that took its place is at work.
func (c *crew) enough() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active <= c.most {
		return false
	}
	c.active--
	c.all--
	return true
}

// rest is called by a worker that begins to wait, and its result when the wait is over.
func (c *crew) rest() (back func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.all < c.most+mostWaiting {
		c.active++
		c.all++
		c.start1()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.active++
	}
}

func (c *crew) wait() { c.group.Wait() }

func (r *run) carryOut(sending, requests context.Context, w work) {
	if w.size > 0 {
		_ = r.batch(sending, requests, w) // it has settled whatever came
		return
	}
	r.single(sending, requests, w)
}
