// Package job registers many users and keeps account of each: rows in, outcomes out, each user exactly once whatever happens in
// between. A run reads its rows in order, leaves out those that its journal knows to be settled, and sends the rest side by side; each
// row's DeviceToken is settled before it is sent, and each outcome is in the journal before anybody hears of it.
package job

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Outcome is what became of a row.
type Outcome string

// The outcomes.
const (
	Created  Outcome = "created"  // this job made the user
	Existing Outcome = "existing" // the service had its DeviceToken before
	Failed   Outcome = "failed"   // no user was made
	Unknown  Outcome = "unknown"  // it cannot be told: the answer was lost
	Planned  Outcome = "planned"  // a dry run: it would be sent
)

// Row is one user that is to be registered.
type Row struct {
	N        int       // its number in the job, from 1
	User     field.Set // what is said of it; the receiver's own
	Token    uuid.UUID // the DeviceToken chosen for it; zero where the service is to choose
	Nameless bool      // Token is of a seed, as the row has neither a ClientId nor a DeviceToken given
	Drawn    bool      // and the seed is this job's own: nobody but this job knows Token
	ClientID string
	Wrong    string // why it cannot be sent; "" where it can
}

// Result is one row with its outcome.
type Result struct {
	Row         int // from 1; 0 for a user that the service made beyond what was asked
	DeviceToken string
	ClientID    string
	Outcome     Outcome
	Pair        *userservice.Pair // nil where none was asked for, or got
	Why         string            // why a row failed, or is unknown
	Cause       error             // the error behind Why, where it came in this run
	Body        []byte            // of a dry run: what would be sent
	Earlier     bool              // an earlier run has settled the row
}

// Totals count the outcomes of a whole job, those of earlier runs included.
type Totals struct {
	Requested, Created, Existing, Failed, Unknown int
	Again                                         int // of the failed and unknown: what the same command will try again
	Sent                                          int // rows that this very run has settled
}

func (t *Totals) add(o Outcome) {
	switch o {
	case Created:
		t.Created++
	case Existing:
		t.Existing++
	case Failed:
		t.Failed++
	case Unknown:
		t.Unknown++
	}
}

// Settled is how many rows have an outcome.
func (t Totals) Settled() int { return t.Created + t.Existing + t.Failed + t.Unknown }

// NotSent is how many of the rows have none: the run ended before their turn.
func (t Totals) NotSent() int { return max(0, t.Requested-t.Settled()) }

// Done tells whether nothing is left to be done, by this run or another.
func (t Totals) Done() bool { return t.NotSent()+t.Again == 0 }

var outcomes = map[journal.State]Outcome{
	journal.Created: Created, journal.Existing: Existing, journal.Failed: Failed, journal.Unknown: Unknown,
}

// OutcomeOf is what the journal says of a row as an outcome; "" for a row that was never sent. Of one that was sent, and has no answer, it is unknown
// whether it has a user.
func OutcomeOf(e journal.Entry) Outcome {
	if e.State == journal.Sent {
		return Unknown
	}
	return outcomes[e.State]
}

func stateOf(o Outcome) journal.State {
	for s, of := range outcomes {
		if of == o {
			return s
		}
	}
	return journal.Untouched
}

// grace is how long, after an interrupt, requests that are under way may still be answered: long enough for a service that is well, short
// enough for the person who pressed Ctrl-C.
const grace = 600 * time.Millisecond

// lingering makes the context of the requests: it outlives ctx by the grace.
func lingering(ctx context.Context) (requests context.Context, stop context.CancelFunc) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopAfter := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return requests, func() {
		stopAfter()
		cancel()
	}
}

// tokenText is a DeviceToken as text, "" for none.
func tokenText(u uuid.UUID) string {
	if u == uuid.Nil {
		return ""
	}
	return u.String()
}
