package job

import "github.com/telematicsctl/telematicsctl/internal/failure"

// Tally counts the outcomes of all rows of a job, those of earlier runs
// included.
type Tally struct {
	Requested int             // rows of the job
	Outcomes  map[Outcome]int // rows that have an outcome
	Retryable int             // of the failed and unknown: what the next run sends again
	Settled   int             // rows that this very run has settled
}

// Count returns how many rows have one of the outcomes.
func (t Tally) Count(of ...Outcome) int {
	n := 0
	for _, o := range of {
		n += t.Outcomes[o]
	}
	return n
}

// Done returns how many rows have an outcome.
func (t Tally) Done() int {
	n := 0
	for _, c := range t.Outcomes {
		n += c
	}
	return n
}

// NotSent returns how many rows have none: the run ended before their turn.
func (t Tally) NotSent() int { return max(0, t.Requested-t.Done()) }

// Finished reports whether nothing is left to be done, by this run or another.
func (t Tally) Finished() bool { return t.NotSent()+t.Retryable == 0 }

// Summary is how a job stands after a run, by the state of all of its rows.
type Summary struct {
	Job string // its ID
	Tally
	// Single is why the one row of a job of one row failed; nil otherwise.
	Single error
}

// Gauge tells how a run is doing, at any time.
type Gauge struct {
	Tally func() Tally
	Limit func() int // requests that may be in flight now
}

// Reasons of errors whose subject is the ID of a job.
const (
	ReasonPartial     failure.Reason = "job-partial"       // rows failed, and the next run would not send them
	ReasonUnfinished  failure.Reason = "job-unfinished"    // it can be resumed
	ReasonRunning     failure.Reason = "job-running"       // another process runs it
	ReasonNoJob       failure.Reason = "job-not-found"     // the subject is what was given as the ID
	ReasonAmbiguous   failure.Reason = "job-ambiguous"     // several jobs have IDs that begin so
	ReasonAbandoned   failure.Reason = "job-abandoned"     // unfinished for more than a day
	ReasonReplaced    failure.Reason = "job-replaced"      // it was restarted: a newer job took its place
	ReasonDamaged     failure.Reason = "job-damaged"       // its files are damaged
	ReasonNewer       failure.Reason = "job-newer-version" // it is of a newer version of this program
	ReasonInputGone   failure.Reason = "job-input-gone"    // its copy of the input was removed
	ReasonInputLarge  failure.Reason = "job-input-large"   // the input is larger than Request.MaxInput
	ReasonOtherKey    failure.Reason = "job-begun-with-other-key"
	ReasonIdentityKey failure.Reason = "identity-key-changed"  // the subject is the InstanceId
	ReasonFailures    failure.Reason = "job-too-many-failures" // more rows failed than RunOptions.MaxFailures
	ReasonDown        failure.Reason = "service-down"          // for longer than RunOptions.Patience
	ReasonWaitTooLong failure.Reason = "retry-after-too-long"  // longer than RunOptions.Patience
	ReasonFolderGone  failure.Reason = "job-folder-gone"       // removed or replaced during the run
	ReasonOtherJob    failure.Reason = "job-other-instance"    // the subject is the job's profile
)

// Err returns what the exit status of a command is chosen by when a run came to
// its end: nil where every row is well; the row's own error for a job of one
// row; else a failure.Partial that counts what is wrong.
func (s Summary) Err() error {
	bad := s.Count(Failed, Unknown, Stale)
	switch {
	case bad == 0:
		return nil
	case s.Requested == 1 && s.Single != nil:
		return s.Single
	}
	reason := ReasonPartial
	if s.Retryable > 0 {
		reason = ReasonUnfinished
	}
	return failure.Newf(failure.Partial, "%d of %d rows are failed, unknown or stale", bad, s.Requested).
		Because(reason, s.Job)
}
