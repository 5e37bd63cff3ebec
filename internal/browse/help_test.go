package browse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/telematicsctl/telematicsctl/internal/browse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	ada   = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	grace = "0b6a29c4-54a7-4d08-9f2f-7c1f2d3e4a5b"
	name1 = "Ada Lovelace (c-2001)"
)

func options() browse.Options {
	return browse.Options{Profile: "prod", Instance: "11111111-2222-4333-8444-555555555555",
		ParseLength: func(text string) (time.Duration, error) {
			if days, ok := strings.CutSuffix(text, "d"); ok {
				text = days + "h"
				d, err := time.ParseDuration(text)
				return 24 * d, err
			}
			return time.ParseDuration(text)
		}}
}

func readOnly() browse.Options {
	o := options()
	o.ReadOnly = true
	return o
}

func twoHits() browse.Hits {
	return browse.Hits{Total: 2, Users: []browse.Hit{
		{ID: ada, Name: "Ada Lovelace", ClientID: "c-2001", Detail: "ada@example.com"},
		{ID: grace, Name: "Grace Hopper", ClientID: "c-2002", Detail: "deactivated"},
	}}
}

// adaCard is a user whose log was switched on for a time.
func adaCard() browse.Card {
	return browse.Card{
		ID: ada, Name: "Ada Lovelace", ClientID: "c-2001", Status: "Active", Activity: "Active",
		Flags: []browse.Flag{{"EnableTracking", true}, {"EnableLogging", false}, {"EnableRealTimeLocation", true},
			{"Enabled", true}},
		Device: "iPhone17,1, iOS 18.6", SDK: "7.0.4", App: "2.7", Registered: now.AddDate(0, -10, 0),
		Leases: []browse.Lease{{Field: "EnableRealTimeLocation", Value: true, Before: false, Until: now.Add(2 * time.Hour)}},
		Events: []browse.Event{
			{At: now.Add(-time.Hour), By: "user browse", Profile: "prod", Changes: "EnableRealTimeLocation off → on",
				Outcome: "updated"},
			{At: now.Add(-48 * time.Hour), By: "user bulk", Profile: "staging", Changes: "register", Outcome: "created"},
		},
		Last: &browse.Change{Field: "EnableRealTimeLocation", From: true, To: false, Undo: true},
		Commands: []browse.Command{
			{What: "Show this user in full", Line: "telematicsctl user get " + ada},
			{What: "Delete for good", Line: "telematicsctl user delete " + ada, Writes: true},
		},
	}
}

func adaChain() browse.Chain {
	return browse.Chain{Verdict: "broken", LastSeen: "3 hours ago, 2026-11-22 09:00 UTC", Checks: []browse.Check{
		{Title: "User", State: "good", Detail: "registered"}, {Title: "Tracking", State: "good", Detail: "on"},
		{Title: "GPS permission", State: "broken", Fix: "",
			Detail: "not granted: allow location, Always, in the phone's settings"},
		{Title: "Real-time location", State: "warning", Detail: "on: streaming the position drains the battery",
			Fix: "telematicsctl user set-realtime off " + ada},
		{Title: "Last scoring", State: "unknown", Detail: "none yet"},
		{Title: "Permissions level", State: "unknown", Detail: "none yet"},
		{Title: "Network", State: "good", Detail: "on"},
	}}
}

// with returns the card with a flag set.
func with(c browse.Card, field string, on bool) browse.Card {
	flags := make([]browse.Flag, len(c.Flags))
	for i, f := range c.Flags {
		if f.Name == field {
			f.On = on
		}
		flags[i] = f
	}
	c.Flags = flags
	return c
}

// desk is a model at work, without a terminal: what it wants done is kept as text.
type desk struct {
	model browse.Model
	now   time.Time
	did   []string
	cmds  []browse.Cmd
}

func sitDown(o browse.Options, steps ...any) *desk {
	d := &desk{now: now}
	m, cmds := browse.New(o, d.now)
	d.model = m
	d.note(cmds)
	d.do(steps...)
	return d
}

// do presses keys ("enter", "a"; "text:ada" types), tells the model messages, and lets time pass.
func (d *desk) do(steps ...any) {
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			if text, ok := strings.CutPrefix(s, "text:"); ok {
				for _, r := range text {
					d.tell(browse.Key{Name: string(r), Text: string(r)})
				}
				continue
			}
			d.tell(keyOf(s))
		case time.Duration:
			d.now = d.now.Add(s)
		case browse.Msg:
			d.tell(s)
		default:
			panic(fmt.Sprintf("no step: %T", s))
		}
	}
}

func keyOf(name string) browse.Key {
	k := browse.Key{Name: name}
	if len([]rune(name)) == 1 {
		k.Text = name
	}
	if name == "space" {
		k.Text = " "
	}
	return k
}

func (d *desk) tell(m browse.Msg) {
	next, cmds := d.model.Update(d.now, m)
	d.model = next
	d.note(cmds)
}

func (d *desk) note(cmds []browse.Cmd) {
	d.cmds = append(d.cmds, cmds...)
	for _, c := range cmds {
		d.did = append(d.did, textOf(c))
	}
}

// textOf is a command in a few words.
func textOf(c browse.Cmd) string {
	switch c := c.(type) {
	case browse.Search:
		return fmt.Sprintf("search %d %q", c.Query.Kind, c.Query.Value)
	case browse.Later:
		return fmt.Sprintf("in %s %d", c.After, c.Due.Wait)
	case browse.LoadCard:
		return "load " + c.ID[:4]
	case browse.LoadChain:
		return "explain " + c.ID[:4]
	case browse.Write:
		ch := c.Change
		return fmt.Sprintf("write %s %t→%t for %s undo %t", ch.Field, ch.From, ch.To, ch.For, ch.Undo)
	case browse.Quit:
		return fmt.Sprint("quit ", c.Err)
	}
	return fmt.Sprintf("%T", c)
}

// screen is what is drawn now.
func (d *desk) screen(w, h int) string {
	d.tell(browse.Size{Width: w, Height: h})
	return d.model.Frame().Text()
}

// typingOver is the end of the pause after the last key.
func (d *desk) typingOver() {
	for i := len(d.cmds) - 1; i >= 0; i-- {
		if l, ok := d.cmds[i].(browse.Later); ok && l.Due.Wait == browse.Typing {
			d.tell(l.Due)
			return
		}
	}
}

// answered gives the newest search its answer.
func (d *desk) answered(hits browse.Hits, err error) {
	for i := len(d.cmds) - 1; i >= 0; i-- {
		if s, ok := d.cmds[i].(browse.Search); ok {
			d.tell(browse.Found{Seq: s.Seq, Hits: hits, Err: err})
			return
		}
	}
}

// loaded gives the newest load its card and chain.
func (d *desk) loaded(card browse.Card, chain browse.Chain) {
	for i := len(d.cmds) - 1; i >= 0; i-- {
		if l, ok := d.cmds[i].(browse.LoadChain); ok {
			d.tell(browse.Loaded{Seq: l.Seq, Card: card})
			d.tell(browse.Explained{Seq: l.Seq, Chain: chain})
			return
		}
	}
}

// written says what became of the newest change.
func (d *desk) written(changed browse.Changed, err error) {
	for i := len(d.cmds) - 1; i >= 0; i-- {
		if w, ok := d.cmds[i].(browse.Write); ok {
			d.tell(browse.Sent{Seq: w.Seq})
			d.tell(browse.Done{Seq: w.Seq, Changed: changed, Err: err})
			return
		}
	}
}

// atAda is a desk with Ada's card open.
func atAda(o browse.Options) *desk {
	d := sitDown(o, "text:ada")
	d.typingOver()
	d.answered(twoHits(), nil)
	d.do("enter")
	d.loaded(adaCard(), adaChain())
	d.did = nil
	return d
}

// fakePort is a service that a test plays.
type fakePort struct {
	search  func(context.Context, browse.Query) (browse.Hits, error)
	card    func(context.Context, string) (browse.Card, error)
	explain func(context.Context, string) (browse.Chain, error)
	change  func(context.Context, browse.Change, func()) (browse.Changed, error)
}

func (p fakePort) Search(ctx context.Context, q browse.Query) (browse.Hits, error) {
	if p.search == nil {
		return twoHits(), nil
	}
	return p.search(ctx, q)
}

func (p fakePort) Card(ctx context.Context, id string) (browse.Card, error) {
	if p.card == nil {
		return adaCard(), nil
	}
	return p.card(ctx, id)
}

func (p fakePort) Explain(ctx context.Context, id string) (browse.Chain, error) {
	if p.explain == nil {
		return adaChain(), nil
	}
	return p.explain(ctx, id)
}

func (p fakePort) Change(ctx context.Context, c browse.Change, sent func()) (browse.Changed, error) {
	if p.change == nil {
		sent()
		return browse.Changed{Card: with(adaCard(), c.Field, c.To)}, nil
	}
	return p.change(ctx, c, sent)
}

func (p fakePort) Undo(ctx context.Context, c browse.Change, sent func()) (browse.Changed, error) {
	return p.Change(ctx, c, sent)
}
