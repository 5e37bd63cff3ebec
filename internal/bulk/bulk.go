// Package bulk registers many users and keeps account of each: rows in, outcomes out.
package bulk

import (
	"context"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Outcome is what became of a row.
type Outcome string

// The outcomes.
const (
	Created  Outcome = "created"  // this run made the user
	Existing Outcome = "existing" // the service had its DeviceToken before
	Failed   Outcome = "failed"   // no user was made
	Unknown  Outcome = "unknown"  // it cannot be told: the answer was lost
)

// Result is one row with its outcome.
type Result struct {
	Row         int // from 1; 0 for a user that the service made beyond what was asked
	DeviceToken string
	ClientID    string
	Outcome     Outcome
	Pair        *userservice.Pair // nil where none was asked for, or got
	Err         error             // why a row failed, or is unknown
}

// Totals count the outcomes.
type Totals struct{ Requested, Created, Existing, Failed, Unknown int }

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

// NotSent is how many of the rows were never sent: the run ended before their turn.
func (t Totals) NotSent() int {
	return max(0, t.Requested-t.Created-t.Existing-t.Failed-t.Unknown)
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

// one registers the user of a row. It draws the DeviceToken here unless the row has one, and sends it as CustomToken, so that an answer
// that is lost can be asked for again without making two users.
func one(ctx context.Context, api *userservice.Client, in userservice.Instance, row int, user field.Set) Result {
	r := Result{Row: row, DeviceToken: user.Text("CustomToken"), ClientID: user.Text("ClientId")}
	made, err := api.Register(ctx, in, user)
	switch {
	case err == nil:
		r.DeviceToken, r.Pair, r.Outcome = made.DeviceToken, made.Pair, Created
	case userservice.TokenTaken(err):
		r.Outcome = Existing
	case failure.IsUnclear(err):
		r.Outcome, r.Err = Unknown, err
	default:
		r.Outcome, r.Err = Failed, err
	}
	return r
}
