package user

import (
	"context"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

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
