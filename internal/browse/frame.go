package browse

import (
	"fmt"
	"slices"
	"strings"
)

// style is how text stands out. None says anything that the text does not.
type style uint8

const (
	plain style = iota
	bold
	faint
	green
	yellow
	red
	marked // the user that is chosen
)

// sgr are the styles as a terminal takes them.
var sgr = [...]string{"", "1", "2", "32", "33", "31", "7"}

// span is text in one style.
type span struct {
	style style
	text  string
}

// row is one line of the screen.
type row []span

func (r row) width() int {
	n := 0
	for _, s := range r {
		n += width(s.text)
	}
	return n
}

// fit cuts or fills a row to a number of columns.
func (r row) fit(columns int, ascii bool) row {
	var out row
	left := columns
	for _, s := range r {
		if left == 0 {
			break
		}
		s.text = clip(s.text, left, ascii)
		left -= width(s.text)
		out = append(out, s)
	}
	if left > 0 {
		out = append(out, span{plain, strings.Repeat(" ", left)})
	}
	return out
}

// Frame is a picture of the state: so many lines of so many columns.
type Frame struct {
	rows             []row
	CursorX, CursorY int // where what is typed goes; -1 for nowhere
}

// Text returns the lines without styles and without blanks at their ends.
func (f Frame) Text() string {
	var b strings.Builder
	for _, r := range f.rows {
		line := ""
		for _, s := range r {
			line += s.text
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// ANSI returns the lines as a terminal takes them, in color or, at least, in bold and reverse.
func (f Frame) ANSI(color bool) string {
	var b strings.Builder
	for i, r := range f.rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, s := range r {
			code := sgr[s.style]
			if !color && s.style != bold && s.style != marked {
				code = ""
			}
			if code == "" {
				b.WriteString(s.text)
				continue
			}
			b.WriteString("\x1b[" + code + "m" + s.text + "\x1b[0m")
		}
	}
	return b.String()
}

// The smallest screens: below two panes, one is shown; below smallest nothing can be.
const (
	twoPanes       = 72
	lowScreen      = 18 // below it there are no rules around the body
	smallestWidth  = 20
	smallestHeight = 6
)

// Frame draws the state.
func (m Model) Frame() Frame {
	w, h := m.size.Width, m.size.Height
	if w < smallestWidth || h < smallestHeight {
		return m.tooSmall()
	}
	f := Frame{CursorX: -1, CursorY: -1}
	input := m.inputRow(&f)
	foot := m.foot(&f)
	body := h - 2 - len(foot)
	f.rows = append(f.rows, m.titleRow(), input)
	ruled := h >= lowScreen
	if ruled {
		body -= 2
		f.rows = append(f.rows, m.rule(w))
	}
	f.rows = append(f.rows, m.body(w, body)...)
	if ruled {
		f.rows = append(f.rows, m.rule(w))
	}
	f.rows = append(f.rows, foot...)
	for i, r := range f.rows {
		f.rows[i] = r.fit(w, m.options.ASCII)
	}
	f.CursorX = min(f.CursorX, w-1)
	return f
}

func (m Model) tooSmall() Frame {
	rows := make([]row, max(m.size.Height, 1))
	rows[0] = row{{plain, clip("enlarge this window", max(m.size.Width, 0), true)}}
	return Frame{rows: rows, CursorX: -1, CursorY: -1}
}

func (m Model) rule(w int) row { return row{{faint, strings.Repeat(m.glyph("─", "-"), w)}} }

// titleRow says where changes are made, and whether they can be.
func (m Model) titleRow() row {
	may := m.accessText()
	left := "telematicsctl " + m.glyph("·", "-") + " profile " + m.options.Profile
	if room := m.size.Width - width(left) - width(may) - 12; room >= len(m.options.Instance) {
		left += ", instance " + m.options.Instance
	}
	left = clip(left, max(0, m.size.Width-width(may)-1), m.options.ASCII)
	return row{{bold, left}, {plain, strings.Repeat(" ", max(1, m.size.Width-width(left)-width(may)))}, {yellow, may}}
}

// accessText says whether changes are possible.
func (m Model) accessText() string {
	switch until := m.unlockedUntil(); {
	case m.readOnly():
		return "read-only"
	case !until.IsZero():
		return "unlocked until " + until.UTC().Format("15:04 UTC")
	}
	return ""
}

func (m Model) inputRow(f *Frame) row {
	const label = "Search: "
	text := clean(m.query)
	for room := m.size.Width - len(label) - 1; width(text) > room; { // the end is what is typed
		_, text, _ = strings.Cut(text, string([]rune(text)[0]))
	}
	if m.mode == searching {
		f.CursorX, f.CursorY = len(label)+width(text), 1
	}
	if text == "" && m.mode == searching {
		return row{{bold, label}, {faint, "a name, email, phone, client:ID or DeviceToken"}}
	}
	return row{{bold, label}, {plain, text}}
}

// foot is the status or the question, and the keys. Of what does not fit, the end is shown.
func (m Model) foot(f *Frame) []row {
	var rows []row
	if m.mode == listing {
		rows = m.commandRows()
	} else {
		for _, s := range m.footTexts() {
			for _, line := range wrap(clean(s.text), m.size.Width-1) {
				rows = append(rows, row{{toneStyles[s.tone], line}})
			}
		}
	}
	if m.size.Height >= lowScreen && len(rows) < 2 { // so that a question moves nothing else
		rows = append(make([]row, 2-len(rows)), rows...)
	}
	if most := max(1, min(6, m.size.Height-5)); len(rows) > most {
		rows = rows[len(rows)-most:]
	}
	if m.mode == asking {
		f.CursorX, f.CursorY = rows[len(rows)-1].width()+1, m.size.Height-2
	}
	return append(rows, m.keysRow())
}

var toneStyles = map[tone]style{plainTone: plain, goodTone: green, badTone: red, askTone: bold}

// footTexts are the question, if there is one, or else the status.
func (m Model) footTexts() []status {
	if m.mode != asking {
		return []status{m.status}
	}
	question := status{askTone, m.question()}
	if m.prompt.wrong != "" {
		return []status{{badTone, m.prompt.wrong}, question}
	}
	return []status{question}
}

// question is what a prompt asks, with what was typed so far.
func (m Model) question() string {
	p := m.prompt
	switch p.kind {
	case askLength:
		return m.changeText(p.change) + ". For how long? " + defaultTime + ", 90m, 7d, or " + always + " [" + defaultTime +
			"]: " + p.text
	case askProfile:
		return "Unlock changes for ten minutes? Type the name of the profile, " + m.options.Profile + ": " + p.text
	}
	return m.changeText(p.change) + "   y/n"
}

func (m Model) keysRow() row {
	var labels []string
	for _, b := range m.bindings() {
		if b.label != "" {
			labels = append(labels, b.label)
		}
	}
	text := strings.Join(labels, "  ")
	for len(labels) > 3 && width(text) > m.size.Width {
		labels = slices.Delete(labels, len(labels)-3, len(labels)-2) // the last are how to see more, and how to leave
		text = strings.Join(labels, "  ")
	}
	return row{{faint, text}}
}

// body is the list and the card, beside each other where there is room.
func (m Model) body(w, h int) []row {
	if w < twoPanes {
		if m.mode == searching || m.mode == asking && m.prompt.back == searching {
			return m.listRows(w, h)
		}
		return m.pane(w, h)
	}
	left := min(40, w*7/20)
	right := w - left - 3
	list, card := m.listRows(left, h), m.window(m.cardRows(right), h, m.scroll)
	if m.mode == helping { // beside the card, not in its place: over ssh it is less to draw again
		list = m.pane(left, h)
	}
	rows := make([]row, h)
	for i := range rows {
		rows[i] = append(list[i].fit(left, m.options.ASCII), span{faint, m.glyph(" │ ", " | ")})
		rows[i] = append(rows[i], card[i].fit(right, m.options.ASCII)...)
	}
	return rows
}

// window is the part of rows that fits, and says how many more there are.
func (m Model) window(rows []row, h, from int) []row {
	from = max(0, min(from, len(rows)-h))
	out := make([]row, h)
	copy(out, rows[from:])
	if below := len(rows) - from - h; below > 0 {
		out[h-1] = row{{faint, fmt.Sprintf("%s %d more lines", m.glyph("↓", "v"), below+1)}}
	}
	return out
}

// pane is the card, or the keys in its place.
func (m Model) pane(w, h int) []row {
	if m.mode == helping {
		return m.window(m.helpRows(w), h, m.helpScroll)
	}
	return m.window(m.cardRows(w), h, m.scroll)
}

// lastScroll is how far the pane can be scrolled.
func (m Model) lastScroll() int {
	w, h := m.size.Width, m.size.Height-2-len(m.foot(&Frame{}))
	if m.size.Height >= lowScreen {
		h -= 2
	}
	left := min(40, w*7/20)
	var rows []row
	switch {
	case m.mode == helping && w >= twoPanes:
		rows = m.helpRows(left)
	case m.mode == helping:
		rows = m.helpRows(w)
	case w >= twoPanes:
		rows = m.cardRows(w - left - 3)
	default:
		rows = m.cardRows(w)
	}
	return max(0, len(rows)-h)
}

// listRows are the users who were found, around the one that is chosen.
func (m Model) listRows(w, h int) []row {
	rows := make([]row, h)
	if len(m.hits.Users) == 0 {
		text := "Type to search."
		switch {
		case m.search:
			text = "Searching."
		case m.found:
			text = "No user matches."
		}
		rows[0] = row{{faint, text}}
		return rows
	}
	from := max(0, min(m.selected-h/2, len(m.hits.Users)-h))
	for i := range rows {
		if from+i == len(m.hits.Users) {
			break
		}
		hit := m.hits.Users[from+i]
		mark, how := "  ", plain
		if from+i == m.selected {
			mark, how = "> ", marked
		}
		text := mark + clean(who(hit.Name, hit.ClientID, hit.ID))
		if hit.Detail != "" {
			text += "  " + clean(hit.Detail)
		}
		rows[i] = row{{how, pad(clip(text, w, m.options.ASCII), w)}}
	}
	return rows
}

func (m Model) helpRows(w int) []row {
	rows := []row{{{bold, "Keys"}}}
	was := m
	was.mode = m.prompt.back
	for _, b := range was.bindings() {
		if b.help != "" && len(b.keys) > 0 {
			rows = append(rows, row{{plain, pad(strings.Join(b.keys, " "), 9) + " " + b.help}})
		}
	}
	if m.readOnly() {
		rows = append(rows, nil)
		for _, line := range wrap("Read-only: the keys that change something are absent.", w) {
			rows = append(rows, row{{plain, line}})
		}
	}
	return rows
}

// commandRows are a command to copy: what a shell takes, over as many lines as it needs.
func (m Model) commandRows() []row {
	all := m.commands()
	at := min(m.command, len(all)-1)
	rows := []row{{{bold, fmt.Sprintf("%s (command %d of %d, to copy):", all[at].What, at+1, len(all))}}}
	lines := wrap(clean(all[at].Line), m.size.Width-2)
	for i, line := range lines {
		if i < len(lines)-1 {
			line += ` \`
		}
		rows = append(rows, row{{plain, line}})
	}
	return rows
}

// commands are those that can be copied; of a read-only screen, only those that read.
func (m Model) commands() []Command {
	all := slices.Clone(m.card.Commands)
	if m.chain != nil {
		for _, c := range m.chain.Checks {
			if c.Fix != "" {
				all = append(all, Command{What: "Correct " + c.Title, Line: c.Fix, Writes: true})
			}
		}
	}
	return slices.DeleteFunc(all, func(c Command) bool { return c.Writes && m.readOnly() })
}
