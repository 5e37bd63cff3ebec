package user

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// planInFlight is how many requests are in flight while a plan is made.
const planInFlight = 4

// users gives the users of the instance: all of them, listed completely; or, where the rows are few
// and nobody is removed, those whom the rows name, one by one.
func (p *planning) users(o *apply.Options) apply.Users {
	return func(ctx context.Context, do func(*userservice.User) error) (int, error) {
		fetch := fleet.FetchInstanceOnly(p.session.API, userservice.AsAdmin(), p.id, o.Reads())
		first, err := fetch(ctx, 1, fleet.PageSize)
		if err != nil {
			return 0, err
		}
		size := len(first.Users)
		if o.Absent == apply.AbsentIgnore && first.More && size > 0 && p.in.Rows <= first.Total/size {
			return first.Total, p.lookUp(ctx, do)
		}
		total := first.Total
		for page, err := range fleet.Pages(ctx, fetch, fleet.PageOptions{Complete: true, Seen: apply.Seen(first.Total)}) {
			if err != nil {
				return 0, err
			}
			total = page.Total
			for i := range page.Users {
				if err := do(&page.Users[i]); err != nil {
					return 0, err
				}
			}
		}
		return total, nil
	}
}

// lookUp gives the users whom rows name.
func (p *planning) lookUp(ctx context.Context, do func(*userservice.User) error) error {
	find := fleet.FindIn(p.session.API, userservice.AsAdmin())
	given := map[string]bool{}
	return p.file.Each(ctx, nil, func(r *apply.Row) error {
		f, value := r.KeyField, r.Key
		if r.DeviceToken != [16]byte{} {
			f, value = nil, r.DeviceToken.String()
		}
		users, err := find(ctx, f, value)
		if err != nil && !failure.Is(err, failure.NotFound) {
			return err
		}
		for i := range users {
			u := &users[i]
			if !strings.EqualFold(u.AccountInfo.InstanceID, p.id) || given[u.DeviceToken] {
				continue
			}
			given[u.DeviceToken] = true
			if err := do(u); err != nil {
				return err
			}
		}
		return nil
	})
}

// lastSeen completes the removals that are printed by the last trip; where it cannot be read, there
// is none.
func (p *planning) lastSeen(ctx context.Context, plan *apply.Plan) {
	var group errgroup.Group
	group.SetLimit(planInFlight)
	n := map[apply.Kind]int{}
	for i := range plan.Actions {
		a := &plan.Actions[i]
		if n[a.Action]++; !a.Action.Removes() || !p.o.all && n[a.Action] > mostOfKind {
			continue
		}
		group.Go(func() error {
			dates, err := p.session.API.Once().TripDates(ctx, userservice.AsAdmin(), a.DeviceToken.String())
			if err == nil && !dates.LatestTrip.IsZero() {
				a.LastSeen = &dates.LatestTrip
			}
			return nil
		})
	}
	_ = group.Wait() // no function has an error
}
