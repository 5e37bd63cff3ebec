package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/lease"
)

// Guard checks whether sign-ins may be sent to a host.
func Guard(g *auth.Guard, host string) Check {
	check := Check{Name: "sign-in-guard", Title: "Sign-in guard"}
	check.Run = func(context.Context) []Finding {
		sent, err := g.Standing(host)
		if err != nil {
			return check.broken(err)
		}
		return check.good(fmt.Sprintf("no block; %d of 5 sign-ins in the last minute", sent))
	}
	return check
}

// Jobs checks for jobs that stopped before their end, and for damaged ones.
func Jobs(s *job.Store) Check {
	check := Check{Name: "jobs", Title: "Jobs"}
	check.Run = func(ctx context.Context) []Finding {
		all, err := s.List(ctx)
		if err != nil {
			return check.broken(err)
		}
		var stopped, damaged []string
		running := 0
		for _, j := range all {
			switch j.State {
			case job.Stopped:
				stopped = append(stopped, j.ID)
			case job.Damaged:
				damaged = append(damaged, j.ID)
			case job.Running:
				running++
			}
		}
		switch {
		case len(damaged) > 0:
			return check.warning(count(len(damaged), "job is", "jobs are")+" damaged: "+few(damaged), RemedyRemoveJob,
				damaged[0])
		case len(stopped) > 0:
			return check.warning(count(len(stopped), "job has", "jobs have")+" not finished: "+few(stopped), RemedyResume,
				stopped[0])
		case running > 0:
			return check.good(fmt.Sprintf("%d in all, %d running", len(all), running))
		}
		return check.good(fmt.Sprintf("%d in all, none unfinished", len(all)))
	}
	return check
}

// Leases checks for temporary changes whose time is over, of every profile, and whether a
// timer will end those that are open.
func Leases(s *lease.Store, timer bool) Check {
	check := Check{Name: "leases", Title: "Temporary changes"}
	check.Run = func(context.Context) []Finding {
		open, err := s.List()
		if err != nil {
			return check.broken(err)
		}
		overdue, profile := 0, ""
		for _, l := range open {
			if l.Overdue(s.Now()) {
				overdue++
				profile = l.Profile
			}
		}
		switch {
		case overdue > 0:
			return check.warning(count(overdue, "is", "are")+" overdue", RemedySweep, profile)
		case len(open) > 0 && !timer:
			return check.warning(count(len(open), "is", "are")+" open, the next ends "+
				open[0].Until.UTC().Format(time.RFC3339)+"; no timer ends them", RemedyTimer, open[0].Profile)
		case len(open) > 0:
			return check.good(count(len(open), "is", "are") + " open; a timer ends them")
		}
		return check.good("none open")
	}
	return check
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// few lists the first three.
func few(ids []string) string {
	if len(ids) > 3 {
		return strings.Join(ids[:3], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}

// Failed is a check that cannot begin: what it needs is not there.
func Failed(name, title string, err error) Check {
	check := Check{Name: name, Title: title}
	check.Run = func(context.Context) []Finding { return check.broken(failure.From(err)) }
	return check
}

// Skipped is a check that is of no use here.
func Skipped(name, title, why string) Check {
	check := Check{Name: name, Title: title}
	check.Run = func(context.Context) []Finding { return check.unknown(why) }
	return check
}
