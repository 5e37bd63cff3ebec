package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// retrier is the life of one group's request, which may be sent several times.
type retrier struct {
	r        *run
	items    []item
	sending  context.Context
	requests context.Context
	waits    *backoff.ExponentialBackOff // nil until the first wait
	tries    int                         // attempts that failed, except while the service was down
	limited  time.Time                   // since when the service has answered 429 to it; zero: it has not
	marked   bool                        // the journal says that it was sent
	begun    bool                        // and will say so after a power cut, where that matters
	last     error                       // of the last attempt
	single   [1]Attempt                  // what is sent of a record that is sent alone
}

// errStop says that the run is ending, and the records keep the state that they have.
var errStop = errors.New("the run is ending")

// send sends a group until it is answered for good, may not be sent again, or is
// out of retries, and settles it. The error is ErrUngroup where nothing was
// settled, or what the request ended in.
func (r *run) send(sending, requests context.Context, items []item) error {
	if len(items) > 1 {
		items = withoutTokens(items)
	}
	t := &retrier{r: r, items: items, sending: sending, requests: requests, marked: items[0].marked}
	results, err := t.results()
	switch {
	case err == nil:
		r.settleGroup(items, results)
		return nil
	case errors.Is(err, ErrUngroup) && len(items) > 1:
		t.undo()
		return err
	case errors.Is(err, errStop):
		t.stopped()
		return err
	}
	results = make([]Result, len(items))
	for i, it := range items {
		results[i] = Result{Outcome: Failed, Err: err, DeviceToken: it.DeviceToken}
		if it.Lost {
			results[i].Outcome = Unknown
			if len(items) > 1 {
				results[i].Err = &failure.Error{Code: failure.CodeOf(err), Cause: err, MayHaveApplied: true,
					Message: fmt.Sprintf("the answer for a group of %d rows (%d to %d) was lost: %s", len(items),
						items[0].N, items[len(items)-1].N, err)}
			}
		}
	}
	r.settleGroup(items, results)
	return err
}

// sendGroup is send, and sends the records one by one where the service takes no
// groups.
func (r *run) sendGroup(sending, requests context.Context, items []item) error {
	err := r.send(sending, requests, items)
	if len(items) == 1 || !errors.Is(err, ErrUngroup) {
		return err
	}
	r.noteUngrouped(err)
	for i := range items {
		if err := sending.Err(); err != nil {
			return err
		}
		_ = r.send(sending, requests, items[i:i+1]) // it has settled whatever came
	}
	return nil
}

func (r *run) noteUngrouped(err error) {
	if r.ungrouped.CompareAndSwap(false, true) {
		r.notify(Notice{Kind: NoticeUngrouped, Err: err})
	}
}

// withoutTokens returns the records of a group: one request for several leaves the
// choice of the DeviceTokens to the service, and cannot be sent again for that.
func withoutTokens(items []item) []item {
	items = slices.Clone(items)
	for i := range items {
		items[i].DeviceToken, items[i].Random = uuid.Nil, false
	}
	return items
}

// stopped settles a group whose run ended before it was answered.
func (t *retrier) stopped() {
	if !t.marked {
		return
	}
	lost := false
	for _, it := range t.items {
		lost = lost || it.Lost
	}
	if !lost {
		t.undo()
		return
	}
	why := t.last
	if why == nil {
		why = failure.New(failure.Interrupted, "the run ended before the answer came")
	}
	results := make([]Result, len(t.items))
	for i := range results {
		results[i] = Result{Outcome: Unknown, Err: why, DeviceToken: t.items[i].DeviceToken}
	}
	t.r.settleGroup(t.items, results)
}

// undo gives a group back the state that it had: nothing of it was done.
func (t *retrier) undo() {
	if !t.marked {
		return
	}
	t.r.unmark(t.items)
}

func (t *retrier) results() ([]Result, error) {
	for {
		permit, err := t.r.pacer.Enter(t.sending)
		if err != nil {
			t.giveUp(err)
			return nil, errStop
		}
		if !t.maySend() { // the service was found to ignore CustomToken meanwhile
			permit.Done(t.items[0].N, pace.Ignored, nil)
			return nil, t.last
		}
		if err := t.begin(); err != nil {
			permit.Done(t.items[0].N, pace.Ignored, nil)
			t.r.end(err)
			return nil, errStop
		}
		results, err := t.attempt()
		t.last = err
		if failure.MayHaveApplied(err) {
			for i := range t.items {
				t.items[i].Lost = true
			}
		}
		down := permit.Done(t.items[0].N, signalOf(err), err)
		t.r.noteCredentials(err)
		switch {
		case err == nil:
			return results, nil
		case errors.Is(err, ErrUngroup), t.final(err):
			return nil, err
		case refused(err) && t.r.rowRefused(t.items[0].before.State == journal.Failed):
			return nil, err
		case failure.Is(err, failure.Interrupted): // it ends the run by itself
			return nil, errStop
		case failure.IsPermanent(err): // no other attempt, of no other record, would end in another way
			t.r.end(err)
			return nil, errStop
		case refused(err):
			t.r.end(err)
			return nil, errStop
		}
		if wait := failure.From(err).RetryAfter; wait > t.r.Patience {
			t.r.end(waitTooLong(err))
			return nil, errStop // nothing was done, and the row is not given up: it is still to be sent
		}
		if !t.shouldRetry(err, down) {
			return nil, err
		}
	}
}

// attempt makes one request. Of a record that is sent alone, an error of its
// result without an outcome is the request's.
func (t *retrier) attempt() ([]Result, error) {
	group := t.single[:1]
	if len(t.items) > 1 {
		group = make([]Attempt, len(t.items))
	}
	for i := range t.items {
		group[i] = t.items[i].Attempt
	}
	results, err := t.r.Operation.Do(t.requests, group)
	if err == nil && len(t.items) == 1 && len(results) == 1 && results[0].Outcome == "" {
		if results[0].Err == nil {
			return nil, failure.New(failure.Failed, "the operation gave no outcome")
		}
		return nil, results[0].Err
	}
	return results, err
}

// maySend reports whether no record of the group could be done twice.
func (t *retrier) maySend() bool {
	for _, it := range t.items {
		if it.Lost && !t.r.resendable(it.Record) {
			if t.last == nil {
				t.last = failure.New(failure.Failed,
					"its answer was lost, and the service ignores CustomToken: it is not sent again, as that could do it twice")
			}
			return false
		}
	}
	return true
}

// begin records that the group is sent, before the first attempt.
func (t *retrier) begin() error {
	if t.begun {
		return nil
	}
	t.begun = true
	if !t.marked {
		t.marked = true
		if err := t.r.mark(t.items, nil); err != nil {
			return err
		}
	}
	for i := range t.items {
		if !t.r.resendable(t.items[i].Record) { // it must not be sent twice, not even after a power cut
			return t.r.journalError(t.r.journal.Sync())
		}
	}
	return nil
}

// mark records that rows are sent, all in one write. buffer may be nil; it is for one
// goroutine.
func (r *run) mark(items []item, buffer []journal.Row) error {
	now := r.Clock.Now()
	rows := slices.Grow(buffer[:0], len(items))[:len(items)]
	for i := range items {
		it := &items[i]
		if it.FirstSent.IsZero() {
			it.FirstSent = now
		}
		rows[i] = journal.Row{N: it.N, Entry: journal.Entry{State: journal.Sent, Lost: it.Lost,
			DeviceToken: it.DeviceToken, FirstSent: it.FirstSent, ClientID: it.ClientID, Action: it.Action}}
	}
	return r.journalError(r.journal.PutRows(rows))
}

// unmark gives rows back the state that they had: nothing of them was done.
func (r *run) unmark(items []item) {
	rows := make([]journal.Row, len(items))
	for i, it := range items {
		rows[i] = journal.Row{N: it.N, Entry: it.before}
	}
	if err := r.journal.PutRows(rows); err != nil {
		r.end(r.journalError(err))
	}
}

func (t *retrier) giveUp(err error) {
	var down *pace.CircuitOpenError
	if errors.As(err, &down) {
		f := failure.Prefix(down.Cause, fmt.Sprintf("the service was down for longer than %s", t.r.Patience))
		f.Code = failure.Unavailable
		t.r.end(f.Because(ReasonDown, ""))
	}
}

// final reports whether a further attempt would be answered alike, or could do
// harm.
func (t *retrier) final(err error) bool {
	f := failure.From(err)
	if !t.maySend() {
		return true
	}
	if f.MayHaveApplied {
		return false
	}
	switch f.Code {
	case failure.Rejected, failure.NotFound, failure.Invalid:
		return true
	case failure.Failed:
		return f.Status < 500
	default:
		return false
	}
}

// shouldRetry waits before the next attempt and reports whether there is to be
// one. A service that is down, or that wants fewer requests, does not count
// against the group.
func (t *retrier) shouldRetry(err error, down bool) bool {
	f := failure.From(err)
	if f.RetryAfter > 0 {
		t.r.pacer.RetryAfter(f.RetryAfter)
	}
	limited := f.Code == failure.RateLimited
	switch {
	case limited && t.limited.IsZero():
		t.limited = t.r.Clock.Now()
	case limited && t.r.Clock.Now().Sub(t.limited) > t.r.Patience:
		return false
	case !limited && !down:
		t.tries++
		if t.tries > t.r.Retries {
			return false
		}
	}
	// While the service is down the pacer waits, and other records probe it as
	// well: the fault may be this one's.
	unpark := t.r.pool.park()
	defer unpark()
	if !down {
		t.r.retryOnce.Do(func() { t.r.notify(Notice{Kind: NoticeRetry, Err: err, Patience: t.r.Patience}) })
		_ = t.r.Clock.Wait(t.sending, t.nextWait()) // a run that is ending is noticed by the next Enter
	}
	return true
}

func waitTooLong(err error) error {
	f := failure.Copy(err)
	f.Message = fmt.Sprintf("the service asks to wait for %s: %s", f.RetryAfter, f.Message)
	return f.Because(ReasonWaitTooLong, f.RetryAfter.String())
}

func (t *retrier) nextWait() time.Duration {
	if t.waits == nil {
		t.waits = backoff.NewExponentialBackOff()
		t.waits.InitialInterval, t.waits.Multiplier, t.waits.RandomizationFactor, t.waits.MaxInterval = t.r.FirstWait, 2,
			0.5, maxWait
	}
	return t.waits.NextBackOff()
}
