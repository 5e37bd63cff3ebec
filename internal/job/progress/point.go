package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/job"
)

// A Point is how a run stands, with the members of its JSON. Counts are of all
// rows of the job, those of earlier runs included.
type Point struct {
	Job         string
	Requested   int
	Done        int // rows that have an outcome
	Created     int `json:",omitempty"`
	Confirmed   int `json:",omitempty"`
	Existing    int `json:",omitempty"`
	Updated     int `json:",omitempty"`
	Unchanged   int `json:",omitempty"`
	Deleted     int `json:",omitempty"`
	Moved       int `json:",omitempty"`
	Stale       int `json:",omitempty"`
	Failed      int
	Unknown     int
	PerSecond   float64  // rows settled by this run
	SecondsLeft *float64 // nil: not known yet
	Concurrency int      // requests that may be in flight now
}

func (m *Meter) point() Point {
	t := m.gauge.Tally()
	p := Point{
		Job: m.o.Job, Requested: t.Requested, Done: t.Done(),
		Created: t.Count(job.Created), Confirmed: t.Count(job.Confirmed), Existing: t.Count(job.Existing),
		Updated: t.Count(job.Updated), Unchanged: t.Count(job.Unchanged), Deleted: t.Count(job.Deleted),
		Moved: t.Count(job.Moved), Stale: t.Count(job.Stale), Failed: t.Count(job.Failed), Unknown: t.Count(job.Unknown),
		Concurrency: m.gauge.Limit(),
	}
	if s := m.o.Now().Sub(m.began).Seconds(); s > 0 {
		p.PerSecond = float64(t.Settled) / s
	}
	if p.PerSecond > 0 {
		left := float64(t.NotSent()) / p.PerSecond
		p.SecondsLeft = &left
	}
	return p
}

// parts are what a line says, the most important first.
func (p Point) parts() []string {
	rows := fmt.Sprintf("%d/%d rows", p.Done, p.Requested)
	if p.Requested > 0 {
		rows += fmt.Sprintf(" (%d%%)", p.Done*100/p.Requested)
	}
	parts := []string{rows, rate(p.PerSecond)}
	if p.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", p.Failed))
	}
	if p.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", p.Unknown))
	}
	if p.Stale > 0 {
		parts = append(parts, fmt.Sprintf("%d stale", p.Stale))
	}
	if p.SecondsLeft != nil {
		parts = append(parts, remaining(*p.SecondsLeft)+" left")
	}
	return append(parts, fmt.Sprintf("up to %d in flight", p.Concurrency))
}

// String returns the point in words.
func (p Point) String() string { return strings.Join(p.parts(), ", ") }

// fit returns as much of the point in words as fits into so many columns.
func (p Point) fit(columns int) string {
	parts := p.parts()
	for n := len(parts); n > 0; n-- {
		if line := strings.Join(parts[:n], ", "); len(line) <= columns {
			return line
		}
	}
	return parts[0][:max(0, columns)]
}

func rate(perSecond float64) string {
	if perSecond < 10 {
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.0f/s", perSecond)
}

// remaining returns seconds as "less than 1s", "42s", "3m05s", "2h10m" or "3d4h".
func remaining(seconds float64) string {
	if seconds < 1 {
		return "less than 1s"
	}
	const day = 24 * time.Hour
	d := time.Duration(min(seconds, 1e9)) * time.Second
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}
