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
	if h >= lowScreen {
		body -= 2
		f.rows = append(f.rows, m.rule(w))
	}
	f.rows = append(f.rows, m.body(w, body)...)
	if h >= lowScreen {
		f.rows = append(f.rows, m.rule(w))
	}
	if f.CursorY >= 1<<10 { // counted from the foot
		f.CursorY += len(f.rows) - 1<<10
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

// foot is the status or the question, and the keys.
func (m Model) foot(f *Frame) []row {
	const most = 4
	var rows []row
	for i, s := range m.footTexts() {
		lines := wrap(clean(s.text), m.size.Width-1)
		for _, line := range lines[:min(len(lines), most)] {
			rows = append(rows, row{{toneStyles[s.tone], line}})
		}
		if m.mode == asking && i == 0 {
			last := rows[len(rows)-1]
			f.CursorX, f.CursorY = last.width()+1, 1<<10+len(rows)-1
		}
	}
	if len(rows) == 0 {
		rows = append(rows, nil)
	}
	return append(rows, m.keysRow())
}

var toneStyles = map[tone]style{plainTone: plain, goodTone: green, badTone: red, askTone: bold}

// footTexts are the question, if there is one, or else the status.
func (m Model) footTexts() []status {
	if m.mode != asking {
		return []status{m.status}
	}
	out := []status{{askTone, m.question()}}
	if m.prompt.wrong != "" {
		out = append(out, status{badTone, m.prompt.wrong})
	}
	return out
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
	for len(labels) > 2 && width(text) > m.size.Width {
		labels = append(labels[:len(labels)-2], labels[len(labels)-1]) // the last is how to get out
		text = strings.Join(labels, "  ")
	}
	return row{{faint, text}}
}

// body is the list and the card, beside each other where there is room.
func (m Model) body(w, h int) []row {
	switch m.mode {
	case helping:
		return m.window(m.helpRows(w), h, m.scroll)
	case listing:
		return m.window(m.commandRows(w), h, m.scroll)
	}
	if w < twoPanes {
		if m.mode == searching || m.mode == asking && m.prompt.back == searching {
			return m.listRows(w, h)
		}
		return m.window(m.cardRows(w), h, m.scroll)
	}
	left := min(40, w*7/20)
	right := w - left - 3
	list, card := m.listRows(left, h), m.window(m.cardRows(right), h, m.scroll)
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

// lastScroll is how far the body can be scrolled.
func (m Model) lastScroll() int {
	f := Frame{}
	h := m.size.Height - 2 - len(m.foot(&f))
	if m.size.Height >= lowScreen {
		h -= 2
	}
	w := m.size.Width
	var rows []row
	switch {
	case m.mode == helping:
		rows = m.helpRows(w)
	case m.mode == listing:
		rows = m.commandRows(w)
	case w >= twoPanes:
		rows = m.cardRows(w - min(40, w*7/20) - 3)
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
			rows = append(rows, row{{plain, pad(strings.Join(b.keys, ", "), 16) + " " + b.help}})
		}
	}
	if m.readOnly() {
		rows = append(rows, nil, row{{plain, clip("Read-only: the keys that change something are absent.", w, m.options.ASCII)}})
	}
	return rows
}

func (m Model) commandRows(w int) []row {
	rows := []row{{{bold, "Commands to copy"}}}
	for _, c := range m.commands() {
		rows = append(rows, row{{plain, c.What + ":"}})
		for _, line := range wrap(clean(c.Line), w-2) {
			rows = append(rows, row{{plain, "  " + line}})
		}
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
