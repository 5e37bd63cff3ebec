package job

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// maxWait bounds the wait between attempts, and between probes of a service that is down.
const maxWait = 30 * time.Second

// run is one run of a job.
type run struct {
	RunOptions
	journal *journal.Journal // nil for a dry run of a job that does not exist
	begun   time.Time        // when the job was created
	dir     string           // the folder of jobs, for errors
	repeat  bool             // a finished job is reported as it stands: what it created is existing

	pacer  *pace.Pacer
	work   chan []item
	ending context.CancelCauseFunc
	pool   workerPool
	busy   sync.WaitGroup // groups that were given to the workers and are not settled

	settler settler

	mu     sync.Mutex
	tally  Tally
	bad    int // failed, unknown and stale rows of this run
	fatal  error
	single error

	noticeMu  sync.Mutex
	retryOnce sync.Once
	ungrouped atomic.Bool  // the service takes no groups
	ignores   atomic.Bool  // the service ignores CustomToken: nothing is sent again after a lost answer
	trusted   atomic.Bool  // the credentials were good for some row
	refusals  atomic.Int32 // of the credentials, since they were last good
}

// item is a record on its way.
type item struct {
	Attempt
	before journal.Entry // what the journal had of it
	marked bool          // the journal says that it is sent
}

// execute sends the records and returns the error that ended the run early: an
// interrupt, a refusal that every further row would get too, a service that is
// down, too many failures, a journal that cannot be written, or Emit's.
func (r *run) execute(ctx context.Context) error {
	if r.journal != nil {
		r.ignores.Store(r.journal.IgnoresCustomToken())
		if err := r.countSettled(); err != nil {
			return err
		}
	}
	r.settler.room = sync.NewCond(&r.settler.mu)
	r.pacer = pace.New(pace.Options{
		Ceiling: r.Concurrency, Rate: r.Rate, Patience: r.Patience, ProbeWait: r.FirstWait, MaxProbeWait: maxWait,
		Clock:   r.Clock,
		OnOpen:  func(cause error) { r.notify(Notice{Kind: NoticeDown, Err: cause, Patience: r.Patience}) },
		OnClose: func() { r.notify(Notice{Kind: NoticeUp}) },
	})
	if r.Watch != nil {
		r.Watch(Gauge{Tally: r.current, Limit: r.pacer.Limit})
	}
	requests, stop := wait.Grace(ctx, wait.AnswerGrace)
	defer stop()
	sending, ending := context.WithCancelCause(ctx)
	defer ending(nil)
	r.ending = ending
	r.work = make(chan []item, max(r.Concurrency, 1)) // so that no worker waits for the next record to be read
	r.pool.start(max(r.Concurrency, 1), r.work, func(items []item) {
		defer r.busy.Done()
		_ = r.sendGroup(sending, requests, items) // it has settled whatever came
	})
	if err := r.dispatch(sending, requests); err != nil && sending.Err() == nil {
		r.end(err)
	}
	close(r.work)
	r.pool.wait()
	r.flush()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal != nil {
		return r.fatal
	}
	if err := ctx.Err(); err != nil && (r.DryRun || r.tally.NotSent() > 0) {
		return err
	}
	return nil
}

// countSettled begins the tally by what earlier runs have settled.
func (r *run) countSettled() error {
	count, err := r.journal.Count()
	if err != nil {
		return err
	}
	for state, outcome := range outcomes {
		if n := count.States[state] - count.Retryable[state]; n > 0 {
			r.tally.Outcomes[r.reported(outcome)] += n
		}
		if outcome != Failed && outcome != Unknown && count.States[state] > 0 {
			r.trusted.Store(true)
		}
	}
	return nil
}

// reported is the outcome of an earlier run as this one reports it.
func (r *run) reported(o Outcome) Outcome {
	if r.repeat && o == Created {
		return Existing
	}
	return o
}

func (r *run) current() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tally
	t.Outcomes = maps.Clone(t.Outcomes)
	return t
}

// end stops the run: what is in flight is finished, nothing new is sent.
func (r *run) end(err error) {
	r.mu.Lock()
	if r.fatal == nil {
		r.fatal = err
	}
	r.mu.Unlock()
	r.ending(err)
}

func (r *run) notify(n Notice) {
	if r.Notify == nil {
		return
	}
	r.noticeMu.Lock()
	defer r.noticeMu.Unlock()
	r.Notify(n)
}

func (r *run) resendable(rec Record) bool { return !r.ignores.Load() && r.Operation.Resendable(rec) }

var outcomes = map[journal.State]Outcome{
	journal.Created: Created, journal.Updated: Updated, journal.Deleted: Deleted, journal.Moved: Moved,
	journal.Existing: Existing, journal.Unchanged: Unchanged, journal.Confirmed: Confirmed,
	journal.Failed: Failed, journal.Unknown: Unknown, journal.Stale: Stale,
}

var states = func() map[Outcome]journal.State {
	m := map[Outcome]journal.State{}
	for s, o := range outcomes {
		m[o] = s
	}
	return m
}()

// outcomeOf returns the outcome of an entry; "" for a row that was never sent. Of
// one that was sent and has no answer it is unknown what became of it.
func outcomeOf(e journal.Entry) Outcome {
	if e.State == journal.Sent {
		return Unknown
	}
	return outcomes[e.State]
}

// journalError is the error of a journal that cannot be used.
func (r *run) journalError(err error) error { return unwritable(err, r.dir) }

// unwritable is the error of a journal that cannot be written.
func unwritable(err error, dir string) error {
	var known *failure.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, journal.ErrMoved):
		return &failure.Error{Code: failure.Failed, Message: "the run was stopped: " + err.Error(), Cause: err,
			Reason: ReasonFolderGone, Subject: dir}
	}
	return journalFailure(dir, err)
}

func tokenText(u uuid.UUID) string {
	if u == uuid.Nil {
		return ""
	}
	return u.String()
}
