// Package explain says why a phone does not record: from what the service knows of a user it makes
// a chain of checks, from the registration to the last trip. Explain is a pure function; Sources
// asks the service.
//
// What the values mean is the vendor's word (docs/service.md); thresholds that nobody has
// published are constants here, marked as assumed.
package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// State is how a link of the chain is. "unknown" does not count in a verdict.
type State string

// The states.
const (
	Good    State = "good"
	Warning State = "warning" // it works, but costs something, or may soon fail
	Broken  State = "broken"  // enough to keep the phone from recording
	Unknown State = "unknown" // the source cannot be reached, or does not say
)

// Verdict is the worst state of a chain.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "ok"
	VerdictWarning Verdict = "warning"
	VerdictBroken  Verdict = "broken"
	VerdictUnknown Verdict = "unknown" // nothing is known
)

// A Remedy is a change that corrects what a check found.
type Remedy string

// The remedies.
const (
	RemedyNone         Remedy = ""
	RemedyActivate     Remedy = "activate"       // set Status to Active
	RemedyEnable       Remedy = "enable"         // Enabled on
	RemedyTrack        Remedy = "track"          // EnableTracking on
	RemedyStopLogging  Remedy = "stop-logging"   // EnableLogging off
	RemedyStopRealTime Remedy = "stop-real-time" // EnableRealTimeLocation off
	RemedyMoveHere     Remedy = "move-here"      // move the user into the instance
)

// A Check is one link of the chain.
type Check struct {
	Name   string // the service's own where it has one: EnableTracking
	Title  string // for people: Tracking
	State  State
	Detail string
	Remedy Remedy
	Source Source // where it comes from
}

// Source is a call of the service that checks come from.
type Source string

// The sources.
const (
	FromUser       Source = "User"
	FromDevice     Source = "Device status"
	FromTrips      Source = "Trip dates"
	FromStatistics Source = "Statistics"
)

// An Answer is what a source said, or why it is not known.
type Answer[T any] struct {
	Value T
	Known bool
	Why   string // where it is not known; "" is notAvailable
}

// Said returns a known answer.
func Said[T any](value T) Answer[T] { return Answer[T]{Value: value, Known: true} }

// notAvailable is the detail of a check whose source cannot be reached.
const notAvailable = "not available"

func (a Answer[T]) why() string {
	if a.Why != "" {
		return a.Why
	}
	return notAvailable
}

// Facts are what is known of a user.
type Facts struct {
	Now         time.Time
	DeviceToken string
	InstanceID  string                    // where the user is to be
	User        Answer[*userservice.User] // nil: the user does not exist
	Missing     string                    // why the user does not exist; "" for the usual reason
	Device      Answer[userservice.DeviceStatus]
	Trips       Answer[userservice.TripDates]
	Statistics  Answer[userservice.Statistics]
}

// Report is what Explain makes of the facts.
type Report struct {
	DeviceToken string
	Verdict     Verdict
	Checks      []Check
}

// Explain returns the chain of checks: each source's in the order in which a support
// agent would ask. Where the user does not exist there is nothing after that.
func Explain(f Facts) Report {
	r := Report{DeviceToken: f.DeviceToken}
	c := &chain{facts: f, now: f.Now}
	c.user()
	if !f.User.Known || f.User.Value != nil {
		c.device()
		c.trips()
		c.statistics()
		c.activity()
		c.leftOn()
	}
	r.Checks = c.checks
	r.Verdict = verdict(c.checks)
	return r
}

func verdict(checks []Check) Verdict {
	rank := map[State]int{Unknown: 0, Good: 1, Warning: 2, Broken: 3}
	worst := 0
	for _, c := range checks {
		worst = max(worst, rank[c.State])
	}
	return []Verdict{VerdictUnknown, VerdictOK, VerdictWarning, VerdictBroken}[worst]
}

// chain collects checks.
type chain struct {
	facts  Facts
	now    time.Time
	checks []Check
}

// link names a check.
type link struct{ name, title string }

func (c *chain) add(from Source, l link, state State, detail string, remedy Remedy) {
	c.checks = append(c.checks, Check{l.name, l.title, state, detail, remedy, from})
}

func (c *chain) ago(t time.Time) string { return Ago(c.now, t) }

// Ago returns a time as a person says it, and in full: "2 hours ago, 2026-11-22 10:00 UTC".
func Ago(now, t time.Time) string {
	full := t.UTC().Format("2006-01-02 15:04 UTC")
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now, " + full
	case d < time.Hour:
		return units(d, time.Minute, "minute") + full
	case d < 48*time.Hour:
		return units(d, time.Hour, "hour") + full
	}
	return units(d, 24*time.Hour, "day") + full
}

func units(d, unit time.Duration, name string) string {
	n := int(d / unit)
	if n != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s ago, ", n, name)
}

// words joins what is not empty.
func words(separator string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, separator)
}
