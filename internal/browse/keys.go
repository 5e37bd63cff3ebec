package browse

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A binding is something that can be done in a state, and the keys that do it.
type binding struct {
	keys   []string
	label  string // in the line of keys: "l logging"; "" is not shown there
	help   string // in the list of keys
	action string // what the dialogue offers as a numbered action; "" for what only a screen has
	writes bool   // absent where the screen is read-only
	do     func(Model) (Model, []Cmd)
}

// bindings are what can be done in a state. Nothing else is.
func (m Model) bindings() []binding {
	var all []binding
	switch m.mode {
	case searching:
		all = m.searchKeys()
	case reading:
		all = m.cardKeys()
	case asking:
		all = m.promptKeys()
	case helping:
		all = append(scrollKeys(), backKey("esc", "q", "?", "enter"))
	case listing:
		next := func(by int) func(Model) (Model, []Cmd) {
			return func(m Model) (Model, []Cmd) {
				n := len(m.commands())
				m.command = (m.command + by + n) % n
				return m, nil
			}
		}
		all = []binding{
			{keys: []string{"c", "down", "j", "space"}, label: "c next", help: "the next command", do: next(1)},
			{keys: []string{"up", "k"}, label: m.glyph("↑", "Up") + " previous", help: "the one before", do: next(-1)},
			backKey("esc", "q", "enter"),
		}
	}
	all = append(all, binding{keys: []string{"ctrl+c"}, help: "interrupt", do: func(m Model) (Model, []Cmd) {
		if m.changing != nil {
			return m.quit()
		}
		return m, []Cmd{Quit{failure.New(failure.Interrupted, "interrupted")}}
	}})
	return slices.DeleteFunc(all, func(b binding) bool { return b.writes && m.readOnly() })
}

// key does what a key is bound to; one that is bound to nothing is typed.
func (m Model) key(k Key) (Model, []Cmd) {
	for _, b := range m.bindings() {
		if slices.Contains(b.keys, k.Name) {
			return b.do(m)
		}
	}
	if k.Text == "" {
		return m, nil
	}
	return m.typed(k.Text)
}

func backKey(keys ...string) binding {
	return binding{keys: keys, label: "Esc back", help: "back",
		do: func(m Model) (Model, []Cmd) { m.mode = m.prompt.back; return m, nil }}
}

func (m Model) searchKeys() []binding {
	move := func(by int) func(Model) (Model, []Cmd) {
		return func(m Model) (Model, []Cmd) {
			m.selected = max(0, min(m.selected+by, len(m.hits.Users)-1))
			return m, nil
		}
	}
	edit := func(cut func(string) string) func(Model) (Model, []Cmd) {
		return func(m Model) (Model, []Cmd) { return m.setQuery(cut(m.query)) }
	}
	all := []binding{
		{keys: []string{"enter"}, label: "Enter open", help: "open the user", do: Model.enterSearch},
		{keys: []string{"up", "ctrl+p"}, help: "up", do: move(-1)},
		{keys: []string{"down", "ctrl+n"}, label: m.glyph("↑↓", "Up/Down") + " choose", help: "choose a user",
			do: move(1)},
		{keys: []string{"pgup"}, help: "ten up", do: move(-10)},
		{keys: []string{"pgdown"}, help: "ten down", do: move(10)},
		{keys: []string{"esc", "ctrl+u"}, label: "Esc clear", help: "clear the search",
			do: edit(func(string) string { return "" })},
		{keys: []string{"backspace", "ctrl+h"}, help: "delete", do: edit(withoutLast)},
		{keys: []string{"ctrl+w"}, help: "delete a word", do: edit(func(s string) string {
			s = strings.TrimRight(s, " ")
			return s[:strings.LastIndexByte(s, ' ')+1]
		})},
	}
	if m.card != nil {
		all = append(all, binding{keys: []string{"tab"}, label: "Tab card", help: "back to the card",
			do: func(m Model) (Model, []Cmd) { m.mode = reading; return m, nil }})
	}
	return append(all, m.unlockKey("ctrl+l"), helpKey("f1"),
		binding{keys: []string{"ctrl+d"}, label: "Ctrl-D quit", help: "quit", do: Model.quit})
}

func withoutLast(s string) string {
	_, size := utf8.DecodeLastRuneInString(s)
	return s[:len(s)-size]
}

// enterSearch opens the user that is marked; a search that is not sent yet is sent.
func (m Model) enterSearch() (Model, []Cmd) {
	switch {
	case !m.found || m.asked != m.query:
		if m.search && m.asked == m.query {
			return m, nil // it is in flight
		}
		return m.searchNow()
	case len(m.hits.Users) == 0:
		return m, nil
	}
	return m.open(m.hits.Users[m.selected].ID)
}

func helpKey(key string) binding {
	return binding{keys: []string{key}, label: map[string]string{"?": "? keys", "f1": "F1 keys"}[key],
		help: "list the keys",
		do: func(m Model) (Model, []Cmd) {
			m.prompt = prompt{back: m.mode}
			m.mode, m.helpScroll = helping, 0
			return m, nil
		}}
}

// unlockKey is bound to nothing where nothing is locked.
func (m Model) unlockKey(key string) binding {
	if !m.readOnly() {
		return binding{}
	}
	b := binding{keys: []string{key}, help: "unlock changes", action: "Unlock changes for ten minutes",
		do: func(m Model) (Model, []Cmd) {
			m.prompt = prompt{kind: askProfile, back: m.mode}
			m.mode = asking
			return m, nil
		}}
	if key == "w" {
		b.label = "w unlock"
	}
	return b
}

func scrollKeys() []binding {
	by := func(lines int) func(Model) (Model, []Cmd) {
		return func(m Model) (Model, []Cmd) {
			at := &m.scroll
			if m.mode == helping {
				at = &m.helpScroll
			}
			*at = max(0, min(*at+lines, m.lastScroll()))
			return m, nil
		}
	}
	return []binding{
		{keys: []string{"up", "k"}, help: "scroll up", do: by(-1)},
		{keys: []string{"down", "j"}, help: "scroll down", do: by(1)},
		{keys: []string{"pgup"}, help: "page up", do: by(-10)},
		{keys: []string{"pgdown", "space"}, help: "page down", do: by(10)},
	}
}

// cardKeys are what can be done with a card.
func (m Model) cardKeys() []binding {
	back := func(m Model) (Model, []Cmd) {
		m.mode = searching
		if m.loading != "" {
			m.loading, m.status = "", status{}
			m.cardSeq++
		}
		return m, nil
	}
	all := []binding{{keys: []string{"esc", "/"}, label: "Esc back", help: "back to search",
		action: "Search again", do: back}}
	if m.card != nil && m.changing == nil {
		for _, f := range []struct{ key, field, name string }{
			{"t", tracking, "track"}, {"l", logging, "log"}, {"r", realTime, "realtime"}, {"e", enabled, "enable"},
		} {
			flag, ok := m.card.Flag(f.field)
			if !ok {
				continue
			}
			all = append(all, binding{keys: []string{f.key}, label: f.key + " " + f.name, help: f.name + " on or off",
				action: "Switch " + f.field + " " + onOff(!flag.On), writes: true,
				do: func(m Model) (Model, []Cmd) { return m.ask(f.field) }})
		}
		if back := m.lastOwn(); back != nil {
			all = append(all, binding{keys: []string{"z"}, label: "z undo", help: "undo own change",
				action: "Undo the last change of " + back.Field, writes: true, do: Model.undo})
		}
		all = append(all,
			binding{keys: []string{"c"}, label: "c copy", help: "commands to copy", action: "Show commands to copy",
				do: func(m Model) (Model, []Cmd) {
					m.prompt = prompt{back: reading}
					m.mode, m.command = listing, 0
					return m, nil
				}},
			binding{keys: []string{"u", "ctrl+r"}, help: "load again", action: "Load the user again",
				do: Model.reload})
	}
	all = append(all, m.unlockKey("w"), helpKey("?"),
		binding{keys: []string{"q", "ctrl+d"}, label: "q quit", help: "quit", action: "Quit", do: Model.quit})
	return append(all, scrollKeys()...)
}

// promptKeys are what answers a question. Of yes and no only y is a yes, and no key that asks is
// one that answers.
func (m Model) promptKeys() []binding {
	if m.prompt.kind == askYes {
		return []binding{
			{keys: []string{"y"}, label: "y yes", help: "yes", writes: true, do: Model.yes},
			{keys: []string{"n", "esc"}, label: "n no", help: "no", do: Model.no},
		}
	}
	edit := func(cut func(string) string) func(Model) (Model, []Cmd) {
		return func(m Model) (Model, []Cmd) { m.prompt.text = cut(m.prompt.text); return m, nil }
	}
	return []binding{
		{keys: []string{"enter"}, label: "Enter accept", help: "accept", do: Model.entered},
		{keys: []string{"esc"}, label: "Esc cancel", help: "cancel", do: Model.no},
		{keys: []string{"backspace", "ctrl+h"}, help: "delete", do: edit(withoutLast)},
		{keys: []string{"ctrl+u"}, help: "clear", do: edit(func(string) string { return "" })},
	}
}

// unlockedUntil is zero where changes need no unlocking, or are locked.
func (m Model) unlockedUntil() time.Time {
	if !m.options.ReadOnly || m.readOnly() {
		return time.Time{}
	}
	return m.until
}

// glyph is what is drawn, or its ASCII.
func (m Model) glyph(text, ascii string) string {
	if m.options.ASCII {
		return ascii
	}
	return text
}
