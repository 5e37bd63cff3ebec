// Package job carries out an operation over many records, each exactly once,
// whatever happens in between.
//
// A job is an operation over records. The engine knows which records are
// settled, how many requests may be in flight, what to do while the service is
// slow, limited or down, and how a run ends; an Operation knows what is sent
// for a record and what the answer means. Every outcome is in the journal
// before anybody hears of it. Store is the lifecycle: find or create a job, run
// it, resume it, retry its failed rows, list, show, remove and prune.
package job

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Outcome is what became of a record.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"   // the service said so to this job
	Updated   Outcome = "updated"   // the service said so to this job
	Deleted   Outcome = "deleted"   // the service said so to this job
	Moved     Outcome = "moved"     // the service said so to this job
	Existing  Outcome = "existing"  // it was so before; nothing was changed
	Unchanged Outcome = "unchanged" // it was so before; nothing was changed
	Confirmed Outcome = "confirmed" // the user exists; whether this job created it cannot be told
	Failed    Outcome = "failed"    // refused or given up; nothing was done
	Unknown   Outcome = "unknown"   // it cannot be told whether it was done
	Stale     Outcome = "stale"     // the user changed after the plan was made; nothing was sent
	Planned   Outcome = "planned"   // a dry run: it would be sent
)

// Record is one row of a job: a user, and what the operation is to do.
type Record struct {
	N    int // number of the row in the input, from 1
	Line int // line of the input at which the row begins; 0 where it has none

	// DeviceToken is the user's, or the one to be assigned. Where it is zero, the
	// service chooses it, or the operation looks the user up by Key.
	DeviceToken uuid.UUID
	ClientID    string
	KeyField    string // the field that Key is a value of
	Key         string
	Random      bool // this job drew DeviceToken: no other job can have sent it

	Fields  field.Set // what the row says
	Action  string    // which operation, for a job that mixes them; "" otherwise
	Phase   int       // records of a phase are sent when all of earlier phases are settled
	Invalid string    // why the record cannot be sent; it is settled as failed
}

// Attempt is a record that is about to be sent.
type Attempt struct {
	Record
	Lost      bool      // an earlier request for it may have been carried out
	FirstSent time.Time // when the first attempt began, by the clock of this machine; never later than that
}

// Change is one field that the operation changed.
type Change struct {
	Field    string
	From, To any
}

// Result is what one request did to one record.
type Result struct {
	Outcome     Outcome
	DeviceToken uuid.UUID // zero: the record's own
	Changes     []Change
	Detail      []byte // opaque to the engine, kept in the journal with the outcome (what was before, for undo)
	Payload     any    // handed to Emit as it is, never stored
	Err         error  // why the outcome is Failed, Unknown or Stale
}

// Operation is what a job does to a record. It is used by many goroutines.
type Operation interface {
	// Name is the verb, as in "register", "update", "delete": part of what a job
	// is known by.
	Name() string
	// Group is how many records one request takes at most; 1 for most operations.
	// In a group of more than one, records have no DeviceToken: the service chooses.
	Group() int
	// Do makes one request for a group, with the reads that it needs, and does
	// not retry. It returns one Result for each record, in their order; results
	// beyond these are reported as rows without a number. An error is about the
	// whole group: the engine retries, pauses or settles by its failure.Error.
	Do(ctx context.Context, group []Attempt) ([]Result, error)
	// Resendable reports whether a record may be sent again although the answer
	// to an earlier request for it was lost.
	Resendable(r Record) bool
}

// ErrUngroup is in the error of Do when the service takes no groups: nothing of
// the group was done, and the engine sends the records one by one from then on.
var ErrUngroup = errors.New("the service takes no groups")

// Source gives the records of a job.
type Source interface {
	// Records calls yield for each record, ordered by Phase, and ends with the
	// first error. It can be called again, and gives the same records then.
	Records(ctx context.Context, yield func(Record) error) error
}

// SettledSkipper is a Source that is faster for records whose outcome is known.
type SettledSkipper interface {
	Source
	// SkipSettled has Records give only N, Line, Phase and ClientID of records
	// for which settled reports true. nil undoes it.
	SkipSettled(settled func(n int) bool)
}

// Row is a record with its outcome, as Emit gets it.
type Row struct {
	N, Line  int // N is 0 for a user whom the service created beyond what was asked
	ClientID string
	Action   string
	Result
	Retryable bool // another run of the job sends the record again
	Earlier   bool // an earlier run has settled it
}
