package user

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
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

// Card implements browse.Port.
func (p *browsePort) Card(ctx context.Context, id string) (browse.Card, error) {
	u, err := p.once.Get(ctx, userservice.AsAdmin(), id, false)
	if err != nil {
		return browse.Card{}, err
	}
	if !strings.EqualFold(u.AccountInfo.InstanceID, p.instance) {
		return browse.Card{}, failure.Newf(failure.NotFound, "user %s is of another instance", id).
			Because(fleet.ReasonOtherPlace, id)
	}
	return p.cardOf(ctx, u)
}

// cardOf is a user as it was read, with what is known of it on this machine.
func (p *browsePort) cardOf(ctx context.Context, u userservice.User) (browse.Card, error) {
	m := u.MobileDevice
	card := browse.Card{
		ID: u.DeviceToken, Name: fullName(u), ClientID: u.ClientID(), Status: u.Status, Activity: u.ActivityStatus,
		Device: joined(", ", m.DeviceModel, joined(" ", m.OsType, m.OsVersion)), SDK: m.SdkVersion, App: m.AppVersion,
		Registered: u.DateCreated, Commands: p.commands(u.DeviceToken),
	}
	for _, s := range switches {
		if value, ok := u.Fields.Get(s.field); ok {
			card.Flags = append(card.Flags, browse.Flag{Name: s.field, On: value == true})
		}
	}
	if err := p.addLeases(&card); err != nil {
		return card, err
	}
	return card, p.addEvents(ctx, &card)
}

func joined(separator string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, separator)
}

func (p *browsePort) addLeases(card *browse.Card) error {
	store, err := p.session.Leases()
	if err != nil {
		return err
	}
	open, err := store.List()
	if err != nil {
		return err
	}
	takes := p.session.OfProfile()
	for _, l := range open {
		if takes(l) && strings.EqualFold(l.DeviceToken, card.ID) {
			card.Leases = append(card.Leases, browse.Lease{Field: l.Field, Value: l.Value, Before: l.Before, Until: l.Until})
		}
	}
	return nil
}

// addEvents reads the audit record.
func (p *browsePort) addEvents(ctx context.Context, card *browse.Card) error {
	cfg, err := p.app.Config()
	if err != nil {
		return err
	}
	filter := audit.Filter{DeviceToken: card.ID, InstanceID: p.instance}
	var last *audit.Entry
	_, err = p.app.AuditOf(cfg, p.session.Profile).Each(ctx, filter, func(e audit.Entry) error {
		card.Events = append(card.Events, browse.Event{})
		copy(card.Events[1:], card.Events)
		card.Events[0] = eventOf(e)
		card.Events = card.Events[:min(len(card.Events), browseChanges)]
		if e.Outcome == "updated" && len(e.Changes) > 0 {
			last = &e
		}
		return nil
	})
	if last != nil {
		card.Last = backOf(last)
	}
	return err
}

func eventOf(e audit.Entry) browse.Event {
	text := cmdutil.ChangesText(e.Changes)
	if text == "" {
		text = e.Operation
	}
	return browse.Event{At: e.Time, By: e.Command, Profile: e.Profile, Changes: text, Outcome: e.Outcome}
}

// backOf returns the change that takes a recorded one back, where that was of one flag.
func backOf(e *audit.Entry) *browse.Change {
	if len(e.Changes) != 1 {
		return nil
	}
	f, ok := field.Lookup(e.Changes[0].Field)
	if !ok || f.Kind != field.Flag {
		return nil
	}
	from, okFrom := fleet.Written(f, e.Changes[0].From).(bool)
	to, okTo := fleet.Written(f, e.Changes[0].To).(bool)
	if !okFrom || !okTo {
		return nil
	}
	back := browse.Change{Field: f.Name, From: from, To: to}.Back()
	return &back
}

// commands are for what the screen does not do itself.
func (p *browsePort) commands(deviceToken string) []browse.Command {
	line := func(args ...string) string { return p.app.CommandLine(p.app.Flags.Profile, args...) }
	return []browse.Command{
		{What: "Show this user in full", Line: line("user", "get", deviceToken)},
		{What: "Explain, for a ticket", Line: line("user", "explain", deviceToken, "-o", "json")},
		{What: "All changes made here", Line: line("audit", "list", "--token", deviceToken)},
		{What: "Undo the last change, whatever it was", Line: line("user", "update", "--undo", deviceToken), Writes: true},
		{What: "Change the email address", Line: line("user", "update", deviceToken, "--email", "ADDRESS"), Writes: true},
		{What: "Move to another instance", Writes: true,
			Line: line("user", "move", deviceToken, "--to-profile", "PROFILE")},
		{What: "Delete for good", Line: line("user", "delete", deviceToken), Writes: true},
	}
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
