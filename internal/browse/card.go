package browse

import (
	"strings"
	"time"
)

// labelWidth is the column of a card's values.
const labelWidth = 12

// line is one thing that a card says: both views show all of them.
type line struct {
	label string
	text  string
	style style
	value string // of a list's line, in a style: "broken"
}

// cardRows draws the card.
func (m Model) cardRows(w int) []row {
	if m.card == nil {
		if m.loading != "" {
			return []row{{{faint, "Loading the user."}}}
		}
		return nil
	}
	rows := []row{{{bold, clip(clean(m.card.Who()), w, m.options.ASCII)}}}
	for _, l := range m.cardLines() {
		rows = append(rows, m.lineRows(l, w)...)
	}
	return rows
}

func (m Model) lineRows(l line, w int) []row {
	var rows []row
	indent := labelWidth
	head := row{{plain, pad(l.label, labelWidth-1) + " "}}
	if l.value != "" {
		indent, head = 2, row{{plain, "  "}}
	}
	text := clean(m.drawn(l.text))
	if l.value != "" {
		head = append(head, span{l.style, pad(l.value, 8) + " "})
		indent += 9
	}
	for i, part := range wrap(text, max(1, w-indent)) {
		how := plain
		if l.value == "" {
			how = l.style
		}
		if i == 0 {
			rows = append(rows, append(head, span{how, part}))
			continue
		}
		rows = append(rows, row{{plain, strings.Repeat(" ", indent)}, {how, part}})
	}
	return rows
}

// cardLines is everything that is known of the user: who, what is on, the phone, why it does not
// record, what was changed here.
func (m Model) cardLines() []line {
	c := m.card
	lines := []line{{label: "DeviceToken", text: c.ID}}
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, line{label: label, text: text})
		}
	}
	add("ClientId", c.ClientID)
	status := c.Status
	if c.Activity != "" {
		status += ", activity " + c.Activity
	}
	add("Status", status)
	var flags []string
	for _, f := range c.Flags {
		flags = append(flags, f.Name+" "+onOff(f.On))
	}
	add("Flags", strings.Join(flags, ", "))
	for _, l := range c.Leases {
		add("Temporary", l.Field+" is "+onOff(l.Value)+" until "+m.clock(l.Until)+", then "+onOff(l.Before))
	}
	if m.chain != nil {
		add("Last seen", m.chain.LastSeen)
	}
	newest, earlier := m.eventLines()
	lines = append(lines, newest...)
	lines = append(lines, m.chainLines()...)
	add("Device", c.Device)
	var versions []string
	if c.SDK != "" {
		versions = append(versions, "SDK "+c.SDK)
	}
	if c.App != "" {
		versions = append(versions, "app "+c.App)
	}
	add("Versions", strings.Join(versions, ", "))
	if !c.Registered.IsZero() {
		add("Registered", c.Registered.UTC().Format(time.DateOnly))
	}
	return append(lines, earlier...)
}

// clock is a time, without its day where that is today.
func (m Model) clock(t time.Time) string {
	t, today := t.UTC(), m.now.UTC()
	if t.YearDay() == today.YearDay() && t.Year() == today.Year() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

var stateStyles = map[string]style{"good": green, "ok": green, "warning": yellow, "broken": red, "unknown": faint}

// chainLines are what keeps the phone from recording, and then what is good.
func (m Model) chainLines() []line {
	switch {
	case m.chain == nil && m.noChain != "":
		return []line{{label: "Recording", text: m.noChain}}
	case m.chain == nil:
		return []line{{label: "Recording", text: "being checked", style: faint}}
	}
	verdicts := map[string]string{
		"ok": "ok: the phone records", "warning": "warning: it records, but something costs or may soon fail",
		"broken": "broken: it does not record", "unknown": "unknown",
	}
	lines := []line{{label: "Recording", text: verdicts[m.chain.Verdict], style: stateStyles[m.chain.Verdict]}}
	var good []string
	var whys []string
	unknown := map[string][]string{} // by why
	for _, c := range m.chain.Checks {
		switch c.State {
		case "good":
			good = append(good, c.Title)
		case "unknown":
			if unknown[c.Detail] == nil {
				whys = append(whys, c.Detail)
			}
			unknown[c.Detail] = append(unknown[c.Detail], c.Title)
		default:
			lines = append(lines, line{value: c.State, style: stateStyles[c.State], text: c.Title + ": " + c.Detail})
		}
	}
	for _, why := range whys {
		lines = append(lines, line{value: "unknown", style: faint, text: strings.Join(unknown[why], ", ") + ": " + why})
	}
	if good != nil {
		lines = append(lines, line{value: "good", style: green, text: strings.Join(good, ", ")})
	}
	return lines
}

// newestEvents is how many changes are shown before everything else.
const newestEvents = 2

// eventLines are the changes that are recorded here, the newest apart.
func (m Model) eventLines() (newest, earlier []line) {
	if len(m.card.Events) == 0 {
		return []line{{label: "Changes", text: "none are recorded here"}}, nil
	}
	for i, e := range m.card.Events {
		l := line{text: m.clock(e.At) + ": " + e.Changes + " by " + e.By}
		if e.Profile != m.options.Profile {
			l.text += " (profile " + e.Profile + ")"
		}
		if e.Outcome != "updated" {
			l.text += ", " + e.Outcome
		}
		switch i {
		case 0:
			l.label = "Changes"
		case newestEvents:
			l.label = "Earlier"
		}
		if i < newestEvents {
			newest = append(newest, l)
			continue
		}
		earlier = append(earlier, l)
	}
	return newest, earlier
}

// drawn is text with arrows that the screen may draw.
func (m Model) drawn(text string) string {
	if m.options.ASCII {
		return strings.ReplaceAll(text, "→", "->")
	}
	return text
}
