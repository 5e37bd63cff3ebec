package browse

import (
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The flags that can be switched, by their keys.
const (
	tracking = "EnableTracking"
	logging  = "EnableLogging"
	realTime = "EnableRealTimeLocation"
	enabled  = "Enabled"
)

// drains are the flags that drain the battery while they are on: how long is asked.
var drains = []string{logging, realTime}

// always is the answer to how long that switches a flag for good.
const always = "always"

// ask begins a switch of a flag.
func (m Model) ask(field string) (Model, []Cmd) {
	flag, ok := m.card.Flag(field)
	if !ok {
		m.status = status{badTone, "the service does not say how " + field + " is"}
		return m, nil
	}
	return m.askFor(Change{ID: m.card.ID, Who: m.card.Who(), Field: field, From: flag.On, To: !flag.On}), nil
}

// askFor asks for a change, and first how long it lasts where it drains the battery.
func (m Model) askFor(c Change) Model {
	m.prompt = prompt{kind: askYes, change: c, back: reading}
	if c.To && slices.Contains(drains, c.Field) {
		m.prompt.kind = askLength
	}
	m.mode = asking
	return m
}

// undo asks whether the last own change is taken back.
func (m Model) undo() (Model, []Cmd) {
	back := m.lastOwn()
	if back == nil {
		m.status = status{badTone, "no change of this user is recorded here"}
		return m, nil
	}
	c := *back
	c.ID, c.Who = m.card.ID, m.card.Who()
	if flag, _ := m.card.Flag(c.Field); flag.On != c.From {
		m.status = status{badTone, c.Field + " is " + onOff(flag.On) +
			": somebody else has changed it since, and nothing is undone"}
		return m, nil
	}
	return m.askFor(c), nil
}

// changeText says what a change does: "EnableLogging of Ada (c-2001): off → on for 4h".
func (m Model) changeText(c Change) string {
	text := c.Field + " of " + clip(clean(c.Who), 40, m.options.ASCII) + ": " + onOff(c.From) + m.arrow() + onOff(c.To)
	if c.For > 0 {
		text += " for " + lengthText(c.For)
	}
	if c.Undo {
		text = "undo: " + text
	}
	return text
}

func (m Model) arrow() string {
	if m.options.ASCII {
		return " -> "
	}
	return " → "
}

// entered takes the answer to a prompt that is typed.
func (m Model) entered() (Model, []Cmd) {
	p := &m.prompt
	answer := strings.TrimSpace(p.text)
	switch p.kind {
	case askLength:
		return m.enteredLength(answer), nil
	case askProfile:
		if answer != m.options.Profile {
			p.text, p.wrong = "", "that is not the name of the profile"
			return m, nil
		}
		m.mode, m.until = p.back, m.now.Add(unlockTime)
		m.status = status{text: "changes are possible until " + m.until.UTC().Format("15:04 UTC")}
		return m, []Cmd{Later{unlockTime, Due{Wait: Locking}}}
	}
	return m, nil // Enter answers no question of yes or no
}

func (m Model) enteredLength(answer string) Model {
	p := &m.prompt
	if answer == "" {
		answer = defaultTime
	}
	if !strings.EqualFold(answer, always) {
		length, err := m.options.ParseLength(answer)
		if err == nil && length < time.Minute {
			err = failure.New(failure.Invalid, "must be at least a minute")
		}
		if err != nil {
			p.text, p.wrong = "", failure.From(err).Message
			return m
		}
		p.change.For = length
	}
	p.kind, p.text, p.wrong = askYes, "", ""
	return m
}

// yes makes the change that was asked for.
func (m Model) yes() (Model, []Cmd) {
	c := m.prompt.change
	c.Seen = m.card.seen()
	m.mode, m.changing = m.prompt.back, &c
	m.writeSeq++
	m.status = status{text: m.changeText(c) + ": reading the user again"}
	return m, []Cmd{Write{m.writeSeq, c}}
}

func (m Model) no() (Model, []Cmd) {
	m.mode, m.status = m.prompt.back, status{text: "nothing was changed"}
	return m, nil
}

// changeDone says what became of a change.
func (m Model) changeDone(d Done) (Model, []Cmd) {
	if m.changing == nil || d.Seq != m.writeSeq {
		return m, nil
	}
	c := *m.changing
	m.changing = nil
	next, cmds := m.changeResult(c, d)
	if m.quitting && !slices.ContainsFunc(cmds, func(c Cmd) bool { _, ends := c.(Quit); return ends }) {
		cmds = append(cmds, Quit{Err: d.Err})
	}
	return next, cmds
}

func (m Model) changeResult(c Change, d Done) (Model, []Cmd) {
	text := m.changeText(c)
	if d.Err != nil {
		next, cmds := m.failed(text, d.Err, nil)
		if !failure.MayHaveApplied(d.Err) || len(cmds) > 0 {
			return next, cmds
		}
		next.status.text += "; it may have been made anyway: look at the card, which is read again"
		said := next.status
		next, cmds = next.reload()
		next.status = said
		return next, cmds
	}
	m.card = &d.Changed.Card
	switch d.Changed.Outcome {
	case Stale:
		return m.askStale(c), nil
	case Unread:
		next, cmds := m.failed(text+": sent, but it cannot be read back", d.Changed.Err, nil)
		next.remember(c)
		return next, cmds
	case Unconfirmed:
		now, _ := m.card.Flag(c.Field)
		m.status = status{badTone, text + ": sent, but it reads back " + onOff(now.On)}
	default:
		m.status = status{goodTone, text + ": sent" + m.arrow() + "confirmed"}
	}
	m.remember(c)
	m.cardSeq++
	m.chain, m.noChain = nil, ""
	return m, []Cmd{LoadChain{m.cardSeq, m.card.ID}}
}

// askStale says what was changed meanwhile, and asks again where the change is still to be made.
func (m Model) askStale(c Change) Model {
	flag, _ := m.card.Flag(c.Field)
	changed := "changed meanwhile by somebody else (" + differences(c.Seen, m.card.seen(), m.arrow()) + ")"
	if flag.On != c.From || m.readOnly() {
		m.status = status{badTone, changed + ": nothing was sent"}
		return m
	}
	m.prompt = prompt{kind: askYes, change: c, back: reading, wrong: changed}
	m.mode = asking
	return m
}

// remember keeps an own change for z. One that takes another back takes its place.
func (m *Model) remember(c Change) {
	if c.Undo {
		for i, own := range slices.Backward(m.own) {
			if own.ID == c.ID && own.Field == c.Field {
				m.own = slices.Delete(slices.Clone(m.own), i, i+1)
				return
			}
		}
		return
	}
	m.own = append(slices.Clone(m.own), c)
}
