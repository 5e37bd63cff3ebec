package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Run is one run of a job.
type Run struct {
	API      *userservice.Client // one that sends each call once: the run repeats by itself
	Instance userservice.Instance
	Table    *journal.Table // the account of all rows; nil for a dry run of a job that is not begun
	Begun    time.Time      // when the job's first run began

	// Rows gives every row of the job, in order, and ends early with do's error.
	Rows      func(ctx context.Context, do func(Row) error) error
	Requested int // how many rows that is

	Plan              bool // a dry run: say what would be sent, and send nothing
	CreateAccessToken bool
	Theirs            bool      // the service chooses the DeviceTokens, and nothing is sent twice
	BatchSize         int       // users in one call of «register many»; 0: they are registered one by one
	Custom            field.Set // for batches: what is said of every user

	Concurrency int           // requests under way at once, at the most
	Rate        float64       // requests a second, at the most; 0 is no cap
	Retries     int           // how often a row is tried again
	First       time.Duration // the wait before a row's second try, doubled for each further one, ±50 %
	Patience    time.Duration // how long the service may be down, or ask to wait
	MaxFailures int           // more rows that fail in this run than this end it; negative: there is no such limit
	Clock       pace.Clock

	// Lookup finds the user who has a DeviceToken, and is nil where no admin's JWT can be had. A user who is not there is (nil, nil).
	Lookup func(ctx context.Context, deviceToken string) (*userservice.User, error)
	// Trusted tells that an earlier run of the job has registered users: the credentials are good, as far as is known.
	Trusted bool
	// Repeat reports what earlier runs have settled as existing, as is said of a finished job that is given again.
	Repeat bool

	// Emit gets each result as it comes, one at a time; an error ends the run. It owns the pair from then on.
	Emit func(Result) error
	// Note is told what a person who watches should know, one thing at a time.
	Note func(string)
	// Watch, if not nil, is told of the gauge before the first row is sent.
	Watch func(Gauge)
}

// Gauge tells how a run is doing, at any time.
type Gauge struct {
	Totals func() Totals
	Limit  func() int // requests that may be under way now
}

// longestWait bounds the wait between tries.
const longestWait = 30 * time.Second

// run is a Run under way.
type run struct {
	Run
	pacer  *pace.Pacer
	work   chan work
	ending context.CancelCauseFunc

	mu     sync.Mutex
	totals Totals
	failed int // rows that failed or are unknown, in this run
	fatal  error

	crew        crew
	troubleOnce sync.Once
	deafOnce    sync.Once
	doubtOnce   sync.Once
	deaf        atomic.Bool // the service does not heed CustomToken: nothing may be repeated

	trusted  atomic.Bool  // the credentials were good for some row
	refusals atomic.Int32 // of the credentials, since they were last good for one
}

// work is a portion of the job for one worker: a row, or a batch of rows that follow one another.
type work struct {
	row    Row
	size   int  // of a batch; 0 for a single row
	proven bool // the service has had the call for batches in this run
	tried  bool // an earlier run has sent the row, or may have, and its answer was lost
	again  bool // an earlier run has had the row fail
	doubt  bool // tried, but it may not have been: the machine went down, and what was written last may be lost
}

// Run registers the users and counts the outcomes. Its error is what ended the run early: an interrupt, a refusal that every further row would get
// too (see refusedAlone), a service that is down, too many failures, a journal that cannot be written, or Emit's. Rows that failed one by one are in the
// totals alone.
func (o Run) Run(ctx context.Context) (Totals, error) {
	o.Note = oneAtATime(o.Note)
	r := &run{Run: o, totals: Totals{Requested: o.Requested}}
	r.trusted.Store(o.Trusted)
	if o.Table != nil {
		r.deaf.Store(o.Table.Deaf())
	}
	r.pacer = pace.New(pace.Options{
		Ceiling: o.Concurrency, Rate: o.Rate, Patience: o.Patience, ProbeWait: o.First, MaxProbeWait: longestWait, Clock: o.Clock,
		OnOpen: func(cause error) {
			o.Note(fmt.Sprintf("the service is down (%s): the run pauses, and ends if that lasts for %s", failure.From(cause).Message, o.Patience))
		},
		OnClose: func() { o.Note("the service is back: the run goes on") },
	})
	if o.Watch != nil {
		o.Watch(Gauge{Totals: r.account, Limit: r.pacer.Limit})
	}
	requests, stop := lingering(ctx)
	defer stop()
	sending, ending := context.WithCancelCause(ctx)
	defer ending(nil)
	r.ending = ending
	r.work = make(chan work, max(o.Concurrency, 1)) // so that no worker waits for the next row to be read
	r.crew.start(sending, requests, r)
	if err := r.dispatch(sending, requests); err != nil && sending.Err() == nil {
		r.end(err)
	}
	close(r.work)
	r.crew.wait()
	return r.close(ctx)
}

// oneAtATime lets the workers and the pacer say something without a thought of one another.
func oneAtATime(note func(string)) func(string) {
	var mu sync.Mutex
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		note(text)
	}
}

func (r *run) close(ctx context.Context) (Totals, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.Table != nil && !r.Plan {
		err = r.Table.Sync()
	}
	switch {
	case r.fatal != nil:
		return r.totals, r.fatal
	case ctx.Err() != nil && r.totals.NotSent() > 0:
		return r.totals, ctx.Err()
	case err == nil && r.totals.NotSent() > 0 && !r.Plan:
		return r.totals, failure.Newf(failure.Failed, "the run came to its end, and yet %d of its %d rows have no outcome", r.totals.NotSent(), r.totals.Requested)
	}
	return r.totals, err
}

func (r *run) account() Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.totals
}

// end stops the run: what is under way is finished, nothing new is sent.
func (r *run) end(err error) {
	r.mu.Lock()
	if r.fatal == nil {
		r.fatal = err
	}
	r.mu.Unlock()
	r.ending(err)
}

// errTooMany ends a run that is going wrong.
func errTooMany(limit int) error {
	return failure.Newf(failure.Partial, "the run was stopped: more than %d rows failed", limit).
		WithHint("mend what is wrong, or raise --max-failures")
}

// settle writes the outcome of a row to the journal and then hands it out. again tells that another run may try the row once more.
func (r *run) settle(row Row, result Result, again bool) {
	e := journal.Entry{State: stateOf(result.Outcome), Again: again, Theirs: r.Theirs, Text: result.Why, Token: row.Token}
	if token, err := parseToken(result.DeviceToken); err == nil {
		e.Token = token
	}
	if result.Outcome == Unknown && r.deaf.Load() { // the user, if there is one, has another
		e.Token, result.DeviceToken = uuid.Nil, ""
	}
	if err := r.Table.Put(row.N, e); err != nil {
		r.end(err)
		return
	}
	r.emit(result, again)
}

// emit counts a result of this run and hands it out.
func (r *run) emit(result Result, again bool) {
	r.mu.Lock()
	r.totals.add(result.Outcome)
	r.totals.Sent++
	if again {
		r.totals.Again++
	}
	tooMany := false
	if result.Outcome == Failed || result.Outcome == Unknown {
		r.failed++
		tooMany = r.MaxFailures >= 0 && r.failed > r.MaxFailures
	}
	err := r.Emit(result)
	r.mu.Unlock()
	switch {
	case err != nil:
		r.end(err)
	case tooMany:
		r.end(errTooMany(r.MaxFailures))
	}
}

// report hands out what an earlier run has settled.
func (r *run) report(row Row, e journal.Entry) error {
	result := Result{Row: row.N, DeviceToken: tokenText(e.Token), ClientID: row.ClientID, Outcome: OutcomeOf(e), Why: e.Text, Earlier: true}
	if r.Repeat && result.Outcome == Created {
		result.Outcome = Existing
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.add(result.Outcome)
	return r.Emit(result)
}

// refused tells whether an error is about who sends the row (401, 403), and not about what it says.
func refused(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Code == failure.Unauthorized
}

// mostRefusals is how many rows in a row may be refused before it is the credentials that are no longer good.
const mostRefusals = 5

// refusedAlone tells of a row whose sender was refused whether that is this row's matter: it fails, and another run may try it again. Else the
// credentials are bad, and no further row would fare better: none was registered with them so far, or the fifth in a row is refused. One that was
// refused in an earlier run already (before) says nothing new: so each run comes further than the last.
func (r *run) refusedAlone(before bool) bool {
	if !r.trusted.Load() {
		return false
	}
	return before || r.refusals.Add(1) < mostRefusals
}

// trust notes what an answer says of the credentials.
func (r *run) trust(err error) {
	if err == nil || userservice.TokenTaken(err) {
		r.trusted.Store(true)
		r.refusals.Store(0)
	}
}
