package user

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Limits of the screen.
const (
	browseAtOnce  = 8  // requests in flight: a search, a card, and the four of an explanation
	browseHits    = 50 // users who are shown of a search: one page
	browseChanges = 20 // recorded changes on a card
)

// browsePort is the way of the support screen to the users: each of its methods is what the
// command of the same purpose does.
type browsePort struct {
	app      *cmdutil.App
	session  *cmdutil.Session
	once     *userservice.Client // sends each read once: the screen itself says what it waits for
	instance string
	explain  *explainer
	advise   sync.Once // warns where nothing ends temporary changes
}

var _ browse.Port = (*browsePort)(nil)

func newBrowsePort(k *cmdutil.App, s *cmdutil.Session) (*browsePort, error) {
	id, err := profileInstance(s)
	if err != nil {
		return nil, err
	}
	return &browsePort{app: k, session: s, once: s.API.Once(), instance: id,
		explain: &explainer{app: k, session: s, profile: s.Profile.Name}}, nil
}

// Search implements browse.Port: what looks like a key is found, and everything else, or a key that
// nobody has, is searched for in one page of the list.
func (p *browsePort) Search(ctx context.Context, q browse.Query) (browse.Hits, error) {
	find, exact := userservice.FindQuery{}, true
	switch q.Kind {
	case browse.ByDeviceToken:
		id, err := field.ParseServiceUUID(q.Value)
		if err != nil {
			return browse.Hits{}, err
		}
		find.DeviceToken = id.String()
	case browse.ByEmail:
		find.Email = q.Value
	case browse.ByPhone:
		find.Phone = q.Value
	case browse.ByClientID:
		find.ClientID = q.Value
	default:
		exact = false
	}
	if exact {
		found, err := findAsTyped(ctx, p.once, find)
		if err != nil && !failure.Is(err, failure.NotFound) {
			return browse.Hits{}, err
		}
		var hits browse.Hits
		for _, u := range found {
			if strings.EqualFold(u.AccountInfo.InstanceID, p.instance) {
				hits.Users = append(hits.Users, hitOf(u))
			}
		}
		if hits.Total = len(hits.Users); hits.Total > 0 || q.Kind != browse.ByEmail && q.Kind != browse.ByPhone {
			return hits, nil
		}
	}
	page, err := p.once.ListPage(ctx, userservice.AsAdmin(), userservice.ListQuery{
		InstanceIDs: []string{p.instance}, Search: q.Value, PageSize: browseHits, Sort: "LastName",
	})
	if err != nil {
		return browse.Hits{}, err
	}
	hits := browse.Hits{Total: max(page.TotalUsers, len(page.Users))}
	for _, u := range page.Users[:min(len(page.Users), browseHits)] {
		hits.Users = append(hits.Users, hitOf(u))
	}
	return hits, nil
}

func hitOf(u userservice.User) browse.Hit {
	detail := u.Fields.Text("Email")
	if strings.EqualFold(u.Status, "Inactive") {
		detail = strings.TrimPrefix(detail+", deactivated", ", ")
	}
	return browse.Hit{ID: u.DeviceToken, Name: fullName(u), ClientID: u.ClientID(), Detail: detail}
}

// Explain implements browse.Port.
func (p *browsePort) Explain(ctx context.Context, id string) (browse.Chain, error) {
	facts, err := explain.AsAdmin(p.session.API, p.instance, p.app.Now).Gather(ctx, id)
	if err != nil {
		return browse.Chain{}, err
	}
	said := p.explain.finish(facts)
	chain := browse.Chain{Verdict: said.Verdict}
	seen := facts.Device.Value.HeartbeatDate
	if seen.IsZero() {
		seen = facts.Trips.Value.LatestTrip
	}
	switch {
	case !seen.IsZero():
		chain.LastSeen = explain.Ago(facts.Now, seen)
	case facts.Device.Known:
		chain.LastSeen = "never"
	default:
		chain.LastSeen = "not available"
	}
	for _, c := range said.Checks {
		chain.Checks = append(chain.Checks, browse.Check{Title: c.of.Title, State: c.State, Detail: c.Detail, Fix: c.Fix})
	}
	return chain, nil
}

// notes gives remarks to the screen, once there is one.
type notes struct{ show atomic.Pointer[func(string)] }

func (n *notes) to(show func(string)) { n.show.Store(&show) }

func (n *notes) ofRetry(err error, wait time.Duration) {
	if show := n.show.Load(); show != nil {
		(*show)(failure.From(err).Error() + "; trying again in " + wait.Round(100*time.Millisecond).String())
	}
}
