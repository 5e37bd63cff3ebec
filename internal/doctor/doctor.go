// Package doctor finds out what keeps this program from working on this machine: its
// configuration, its files, the token store, the way to the service, the credentials, and
// what was left undone. Checks run side by side, each with a time limit, and none depends on
// another one's being good. Nothing is changed, except that a check of the token store writes
// a record and deletes it, and that an expired pair is refreshed, as any command would.
package doctor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// State is what a check found.
type State string

// The states.
const (
	Good    State = "good"
	Warning State = "warning" // commands work, but not all, or not for long
	Broken  State = "broken"  // commands fail
	Unknown State = "unknown" // it was not, or could not be, checked; does not count in a verdict
)

// A Remedy names what corrects a finding that has no error of its own.
type Remedy string

// The remedies. The subject of each is given in parentheses.
const (
	RemedyNone          Remedy = ""
	RemedyAddProfile    Remedy = "add-profile"
	RemedyChmod         Remedy = "chmod"       // (the file or folder)
	RemedyStoreKeys     Remedy = "store-keys"  // keys out of the configuration file (the file)
	RemedyEnvironment   Remedy = "environment" // variables (their names)
	RemedyMakeRoom      Remedy = "make-room"   // (the folder)
	RemedyPassphrase    Remedy = "passphrase"  // where it would be asked for
	RemedySetClock      Remedy = "set-clock"
	RemedySignIn        Remedy = "sign-in"        // as the admin
	RemedyInstanceKey   Remedy = "instance-key"   // the service has another one (the InstanceId)
	RemedyResume        Remedy = "resume"         // (the job)
	RemedyRemoveJob     Remedy = "remove-job"     // a damaged one (the job)
	RemedySweep         Remedy = "sweep"          // (the profile; "" for the one in force)
	RemedyTimer         Remedy = "timer"          // nothing ends the open leases
	RemedyUpdate        Remedy = "update-program" // (where it is)
	RemedyServiceStatus Remedy = "service-status" // the host answers with a failure (the host)
)

// A Finding is one line of the report.
type Finding struct {
	Check  string // a stable name, for programs
	Title  string // for people
	State  State
	Detail string
	// What corrects it: an error, whose reason says so and whose code is the exit status, or a remedy.
	Err     *failure.Error
	Remedy  Remedy
	Subject string // of the remedy
}

// A Check makes findings, under a name that stands for all of them if it takes too long.
type Check struct {
	Name, Title string
	Run         func(ctx context.Context) []Finding
}

// Good, broken and unknown findings of a check.
func (c Check) good(detail string) []Finding {
	return []Finding{{Check: c.Name, Title: c.Title, State: Good, Detail: detail}}
}

func (c Check) warning(detail string, remedy Remedy, subject string) []Finding {
	return []Finding{{Check: c.Name, Title: c.Title, State: Warning, Detail: detail, Remedy: remedy, Subject: subject}}
}

func (c Check) unknown(detail string) []Finding {
	return []Finding{{Check: c.Name, Title: c.Title, State: Unknown, Detail: detail}}
}

func (c Check) broken(err error) []Finding {
	f := failure.From(err)
	if errors.Is(err, context.DeadlineExceeded) && f.Reason == "" {
		f = failure.New(failure.Unavailable, "not done in time")
	}
	return []Finding{{Check: c.Name, Title: c.Title, State: Broken, Detail: f.Error(), Err: f}}
}

// Run runs checks side by side and returns what they found, in their order. A check that is
// not done after limit is given up, whatever it waits for.
func Run(ctx context.Context, limit time.Duration, checks ...Check) []Finding {
	found := make([][]Finding, len(checks))
	var wait sync.WaitGroup
	for i, c := range checks {
		wait.Go(func() { found[i] = c.within(ctx, limit) })
	}
	wait.Wait()
	var all []Finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all
}

// graceAfter is how long a check whose time is up may take to say so itself.
const graceAfter = 300 * time.Millisecond

func (c Check) within(ctx context.Context, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.Run(ctx) }()
	late := time.NewTimer(limit + graceAfter)
	defer late.Stop()
	select {
	case found := <-done:
		return found
	case <-late.C:
		return c.broken(failure.New(failure.Unavailable, "not done within "+limit.String()))
	}
}

// Verdict returns the worst state; Unknown does not count, unless there is nothing else.
func Verdict(found []Finding) State {
	rank := map[State]int{Unknown: 0, Good: 1, Warning: 2, Broken: 3}
	worst := 0
	for _, f := range found {
		worst = max(worst, rank[f.State])
	}
	return []State{Unknown, Good, Warning, Broken}[worst]
}
