package job

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

var (
	customToken = field.Get("CustomToken")
	accessToken = field.Get("CreateAccessToken")
)

func parseToken(text string) (uuid.UUID, error) { return uuid.Parse(text) }

// body is what is sent of a row.
func (r *run) body(row Row) field.Set {
	user := row.User
	user.Put(accessToken, r.CreateAccessToken)
	if token := tokenText(row.Token); token != "" {
		user.Put(customToken, token)
	}
	return user
}

// attempts is the life of one request that may be sent several times.
type attempts struct {
	r         *run
	row       int
	sending   context.Context
	waits     *backoff.ExponentialBackOff
	tries     int       // tries that came to nothing, save those of a service that is down
	refused   time.Time // since when the service has answered 429 to it; zero: it has not
	again     bool      // an earlier run has had the row fail
	lost      bool      // an earlier try may have arrived
	mayRepeat bool      // another try cannot make a second user, even where the last may have made one
}

// errStop says that the run is ending, and the row keeps the state that it has.
var errStop = errors.New("the run is ending")

// errDeaf is why a row is not sent again that an earlier run may have sent.
var errDeaf error = failure.New(failure.Failed, "its answer was lost, and the service does not heed CustomToken: it is not sent again, as that could make a second user")

// send tries a request until it is answered for good, may not be sent again, or is out of tries; the error is then the last one's. begin is
// called before the first try, once there is leave to send it. It is errStop where the run ended first.
func (a *attempts) send(begin func() error, try func() error) error {
	last := errDeaf
	for begun := false; ; {
		permit, err := a.r.pacer.Enter(a.sending)
		if err != nil {
			a.giveUp(err)
			return errStop
		}
		if a.lost && a.r.deaf.Load() {
			permit.Done(a.row, pace.Ignored, nil)
			return last
		}
		if !begun {
			if err := begin(); err != nil {
				permit.Done(a.row, pace.Ignored, nil)
				a.r.end(err)
				return errStop
			}
			begun = true
		}
		err = try()
		last, a.lost = err, a.lost || failure.MayHaveApplied(err)
		down := permit.Done(a.row, signalOf(err), err)
		a.r.trust(err)
		switch {
		case err == nil, a.final(err), refused(err) && a.r.refusedAlone(a.again):
			return err
		case failure.Is(err, failure.Interrupted): // it ends the run by itself
			return errStop
		case refused(err):
			a.r.end(err)
			return errStop
		}
		if !a.another(err, down) {
			return err
		}
	}
}

func (a *attempts) giveUp(err error) {
	var lost *pace.CircuitOpenError
	if errors.As(err, &lost) {
		f := *failure.From(lost.Cause)
		f.Message = fmt.Sprintf("the service was down for longer than %s: %s", a.r.Patience, f.Message)
		f.Hint = "wait until the service is back"
		f.Code = failure.Unavailable
		a.r.end(&f)
	}
}

// final tells whether a further try would be answered alike, or could do harm.
func (a *attempts) final(err error) bool {
	f := failure.From(err)
	if a.lost && (!a.mayRepeat || a.r.deaf.Load()) {
		return true
	}
	if f.MayHaveApplied {
		return false
	}
	return f.Code == failure.Rejected || f.Code == failure.NotFound || f.Code == failure.Invalid || (f.Code == failure.Failed && f.Status < 500)
}

// another waits before the next try and tells whether there is to be one. A service that is down, or that wants fewer requests, is not
// counted against the row.
func (a *attempts) another(err error, down bool) bool {
	f := failure.From(err)
	if f.RetryAfter > a.r.Patience {
		f := *f
		f.Message = fmt.Sprintf("the service asks to wait for %s, which is longer than --patience: %s", f.RetryAfter, f.Message)
		f.Hint = "wait until then"
		a.r.end(&f)
		return false
	}
	if f.RetryAfter > 0 {
		a.r.pacer.RetryAfter(f.RetryAfter)
	}
	limited := f.Status == http.StatusTooManyRequests
	switch {
	case limited && a.refused.IsZero():
		a.refused = a.r.Clock.Now()
	case limited && a.r.Clock.Now().Sub(a.refused) > a.r.Patience:
		return false
	case !limited && !down:
		a.tries++
		if a.tries > a.r.Retries {
			return false
		}
	}
	// While the service is down the pacer waits, and other rows try it as well: the fault may be this row's.
	back := a.r.crew.rest()
	defer back()
	if !down {
		a.r.troubleOnce.Do(func() { a.r.Note(f.Message + "; trying again") })
		_ = a.r.Clock.Wait(a.sending, a.waits.NextBackOff()) // a run that is ending is found out by the next Enter
	}
	return true
}

// signalOf says what an attempt tells of the service.
func signalOf(err error) pace.Signal {
	if err == nil {
		return pace.Answered
	}
	f := failure.From(err)
	switch {
	case f.Code == failure.Interrupted:
		return pace.Ignored
	case f.Code == failure.RateLimited:
		return pace.RateLimited
	case userservice.TimedOut(err):
		return pace.TimedOut
	case f.Code == failure.Unavailable || (f.Code == failure.Failed && f.MayHaveApplied):
		return pace.Unavailable
	}
	return pace.Answered
}

func (r *run) attempts(sending context.Context, row int, mayRepeat bool) *attempts {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.Multiplier, waits.RandomizationFactor, waits.MaxInterval = r.First, 2, 0.5, longestWait
	return &attempts{r: r, row: row, sending: sending, waits: waits, mayRepeat: mayRepeat}
}

// single registers the user of one row.
func (r *run) single(sending, requests context.Context, w work) {
	user := r.body(w.row)
	chosen := w.row.Token != uuid.Nil
	begun := false
	var made userservice.Registered
	begin := func() error {
		begun = true
		if err := r.Table.Put(w.row.N, journal.Entry{State: journal.Sent, Token: w.row.Token, Theirs: !chosen}); err != nil || chosen {
			return err
		}
		return r.Table.Sync() // it must never be sent twice, not even after a power cut
	}
	tries := r.attempts(sending, w.row.N, chosen)
	tries.again, tries.lost = w.again, w.tried
	err := tries.send(begin, func() (err error) {
		made, err = r.API.Register(requests, r.Instance, user)
		return err
	})
	arrived := tries.lost
	result := Result{Row: w.row.N, DeviceToken: tokenText(w.row.Token), ClientID: w.row.ClientID, Outcome: Failed}
	if arrived {
		result.Outcome = Unknown
	}
	switch {
	case err == nil:
		result.Outcome, result.DeviceToken, result.Pair = Created, made.DeviceToken, made.Pair
		r.checkHeeded(w.row, made)
		r.settle(w.row, result, false)
	case chosen && userservice.TokenTaken(err):
		r.settleTaken(requests, w, result, arrived)
	case !errors.Is(err, errStop):
		result.Why, result.Cause = err.Error(), err
		r.settle(w.row, result, passing(err) && (!arrived || chosen && !r.deaf.Load()))
	case begun && arrived:
		result.Why = "the run ended before the answer came"
		r.settle(w.row, result, chosen && !r.deaf.Load())
	case begun:
		if err := r.Table.Put(w.row.N, journal.Entry{}); err != nil { // it was never sent
			r.end(err)
		}
	}
}

// passing tells whether another run may fare better with a row: the service or the way to it failed, or the credentials, not the row.
func passing(err error) bool {
	switch f := failure.From(err); f.Code {
	case failure.Unavailable, failure.RateLimited, failure.Interrupted, failure.Unauthorized:
		return true
	default:
		return f.MayHaveApplied || f.Status >= 500
	}
}

// settleTaken gives a row its outcome whose DeviceToken the service has refused as taken. After a try of ours that may have arrived, that try made
// the user, and nobody but this job can have made one whose DeviceToken it drew. Else the user was there before; where an admin can look, that is
// looked up rather than believed.
func (r *run) settleTaken(ctx context.Context, w work, result Result, arrived bool) {
	row := w.row
	result.Outcome, result.Why = Existing, ""
	if arrived || row.Drawn {
		result.Outcome = Created
	}
	if r.Lookup == nil {
		r.tellDoubt(w)
		r.settle(row, result, false)
		return
	}
	user, err := r.lookUp(ctx, w.row.N, result.DeviceToken)
	switch {
	case err != nil: // what cannot be looked up is believed
		r.tellDoubt(w)
	case user == nil && (arrived || row.Nameless): // by us or a job of the same content: what an admin is shown lags behind
		r.tellDoubt(w)
	case user == nil:
		result.Outcome, result.Why = Failed, "the service refuses its DeviceToken as taken, yet shows no such user: it belongs to a user out of reach"
	case arrived && !user.DateCreated.IsZero() && user.DateCreated.Before(r.Begun.Add(-clockError)):
		result.Outcome = Existing // the user is older than the job
	}
	r.settle(row, result, false)
}

// lookUp asks who has a DeviceToken, at the pace of the run: it is a request like any other.
func (r *run) lookUp(ctx context.Context, row int, deviceToken string) (*userservice.User, error) {
	permit, err := r.pacer.Enter(ctx)
	if err != nil {
		return nil, err
	}
	user, err := r.Lookup(ctx, deviceToken)
	signal := pace.Ignored // how long it takes says nothing of registrations
	if err != nil {
		signal = signalOf(err)
	}
	permit.Done(row, signal, err)
	if f := failure.From(err); f != nil && f.RetryAfter > 0 && f.RetryAfter <= r.Patience {
		r.pacer.RetryAfter(f.RetryAfter)
	}
	return user, err
}

// tellDoubt says once what cannot be told of a user who is there already.
func (r *run) tellDoubt(w work) {
	if w.doubt && !w.row.Drawn {
		r.doubtOnce.Do(func() {
			r.Note(fmt.Sprintf("an earlier run was cut off, by a power cut for all that can be told, perhaps after row %d and others near it were sent: they count as created, though their users may have been there before. "+
				"Signed in as an admin, such users are looked up", w.row.N))
		})
	}
}

// clockError is how much the service's clock and ours may differ.
const clockError = 5 * time.Minute

// checkHeeded finds out a service that makes DeviceTokens of its own although it was sent one: there nothing can be repeated.
func (r *run) checkHeeded(row Row, made userservice.Registered) {
	if row.Token == uuid.Nil || made.DeviceToken == row.Token.String() {
		return
	}
	r.deafOnce.Do(func() {
		r.deaf.Store(true)
		if err := r.Table.SetDeaf(); err != nil {
			r.end(err)
		}
		r.Note("the service does not heed CustomToken: from here on a registration whose answer is lost is not repeated")
	})
}
