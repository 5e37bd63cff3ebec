package job

import (
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job/pace"
)

// RunOptions say how a job is run.
type RunOptions struct {
	Operation Operation
	Source    Source
	DryRun    bool // report every row that would be sent as Planned, and send nothing

	Concurrency int           // requests in flight at most
	Rate        float64       // requests a second at most; 0: unlimited
	Retries     int           // how often a record is sent again after an attempt that failed
	FirstWait   time.Duration // before the first retry of a record; it doubles, ±50 %
	Patience    time.Duration // how long the service may be down, or ask to wait
	MaxFailures int           // more failed and unknown rows in this run end it; negative: no limit
	Clock       pace.Clock

	// Emit gets every row as it is settled, one at a time; its error ends the run.
	Emit func(Row) error
	// Flush, if not nil, is called when no further row is at hand: what Emit has
	// gathered is to be written now. Its error ends the run.
	Flush func() error
	// Check, if not nil, is called with the tally after each row of this run; its
	// error ends the run.
	Check func(Tally) error
	// Notify gets what a person who watches should know, one thing at a time.
	Notify func(Notice)
	// Watch, if not nil, gets the gauge before the first row is sent.
	Watch func(Gauge)
}

// NoticeKind names something that happens during a run.
type NoticeKind string

// The kinds of notices.
const (
	NoticeRetry              NoticeKind = "retry"                // a record is sent again; once a run; Err says why
	NoticeDown               NoticeKind = "down"                 // Err: the run pauses, for Patience at most
	NoticeUp                 NoticeKind = "up"                   // it is back: the run continues
	NoticeUngrouped          NoticeKind = "ungrouped"            // records are sent one by one
	NoticeIgnoresCustomToken NoticeKind = "ignores-custom-token" // nothing is sent again after a lost answer
)

// Notice is something that happens during a run.
type Notice struct {
	Kind     NoticeKind
	Err      error
	Patience time.Duration
}
