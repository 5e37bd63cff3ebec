package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// batch registers the users of rows that follow one another by one call. A batch whose answer was lost is unknown as a whole and is never
// sent again. The error is what the call ended in; where the service has never had such a call, nothing is settled.
func (r *run) batch(sending, requests context.Context, w work) error {
	first, size := w.row.N, w.size
	begun := false
	var users []userservice.Registered
	begin := func() error {
		begun = true
		if err := r.mark(first, size, journal.Entry{State: journal.Sent, Theirs: true}); err != nil {
			return err
		}
		return r.Table.Sync() // it must never be sent twice, not even after a power cut
	}
	var last error
	err := r.attempts(sending, first, false).send(begin, func() error {
		users, last = r.API.RegisterMany(requests, r.Instance, size, r.CreateAccessToken, r.Custom)
		return last
	})
	stopped := errors.Is(err, errStop)
	if (stopped && !failure.MayHaveApplied(last)) || (userservice.NoSuchCall(err) && !w.proven) {
		if begun {
			if err := r.mark(first, size, journal.Entry{}); err != nil { // it made nobody
				r.end(err)
			}
		}
		return err
	}
	if stopped {
		err = last
	}
	r.settleBatch(first, size, users, err)
	return err
}

func (r *run) mark(first, size int, e journal.Entry) error {
	entries := make([]journal.Entry, size)
	for i := range entries {
		entries[i] = e
	}
	return r.Table.PutAll(first, entries)
}

// settleBatch gives each row of a batch its outcome: all in one write to the journal, and then one by one to whoever listens.
func (r *run) settleBatch(first, size int, users []userservice.Registered, err error) {
	rest, again := restOfBatch(first, size, len(users), err)
	results := make([]Result, max(size, len(users)))
	entries := make([]journal.Entry, size)
	for i := range results {
		results[i] = rest
		if i < len(users) {
			results[i] = Result{DeviceToken: users[i].DeviceToken, Pair: users[i].Pair, Outcome: Created}
		}
		if i >= size {
			continue
		}
		results[i].Row = first + i
		entries[i] = journal.Entry{State: stateOf(results[i].Outcome), Theirs: true, Text: results[i].Why, Again: again && i >= len(users)}
		if token, err := parseToken(results[i].DeviceToken); err == nil {
			entries[i].Token = token
		}
	}
	if err := r.Table.PutAll(first, entries); err != nil {
		r.end(err)
		return
	}
	for i, result := range results {
		r.emit(result, again && i >= len(users))
	}
}

// restOfBatch is what becomes of the rows for which the service returned no user; again tells that they may be sent once more.
func restOfBatch(first, size, returned int, err error) (rest Result, again bool) {
	last := first + size - 1
	switch {
	case err == nil && returned == size:
		return rest, false
	case err == nil:
		rest.Outcome = Unknown
		rest.Why = fmt.Sprintf("register many users: the service returned %d of the %d users asked for in rows %d to %d", returned, size, first, last)
	case failure.MayHaveApplied(err):
		rest.Outcome, rest.Cause = Unknown, err
		rest.Why = fmt.Sprintf("the answer to a batch of %d users (rows %d to %d) was lost: %s", size, first, last, err)
	default:
		rest.Outcome, rest.Why, rest.Cause, again = Failed, err.Error(), err, passing(err) || userservice.NoSuchCall(err)
	}
	return rest, again
}
