// Package picture draws what a terminal shows as an SVG image, for documents whose pictures are
// made by tests from the program's real output. It is test support: the program does not import it.
package picture

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/render"
)

// The geometry of a cell, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 14
	barHeight  = 30
)

// colors are those of a dark terminal, by their ANSI numbers.
var colors = map[int]string{
	31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 37: "#e6edf3",
	90: "#8b949e",
}

const (
	foreground = "#e6edf3"
	background = "#0d1117"
)

// look is the state that escape sequences have set.
type look struct {
	bold, faint, reverse bool
	color                string
}

// run is text in one look, at a column.
type run struct {
	look
	column, columns int
	text            string
}

// SVG draws lines of text with ANSI colors in a window with a title. columns is how wide it is at
// least. Escape sequences that set no color are an error of the caller's, and are shown.
func SVG(title, text string, columns int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	all := make([][]run, len(lines))
	var now look
	for i, line := range lines {
		all[i], now = runs(line, now)
		for _, r := range all[i] {
			columns = max(columns, r.column+r.columns)
		}
	}
	width := float64(columns)*cellWidth + 2*margin
	height := len(lines)*cellHeight + barHeight + margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img">`+
		"\n<title>%s</title>\n", width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s" stroke="#30363d"/>`+"\n", background)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="15" r="5" fill="%s"/>`+"\n", 18+16*i, color)
	}
	fmt.Fprintf(&b, `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',`+
		`monospace" font-size="14" fill="%s" xml:space="preserve">`+
		"\n", foreground)
	fmt.Fprintf(&b, `<text x="%.0f" y="20" text-anchor="middle" fill="#8b949e" font-size="13">%s</text>`+"\n", width/2,
		html.EscapeString(title))
	for i, line := range all {
		y := barHeight + (i+1)*cellHeight - 5
		for _, r := range line {
			b.WriteString(r.svg(y))
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// svg draws a run: its text is as wide as its cells, whatever the font.
func (r run) svg(y int) string {
	x, wide := margin+float64(r.column)*cellWidth, float64(r.columns)*cellWidth
	out := ""
	if r.reverse {
		out = fmt.Sprintf(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", x, y-13, wide, cellHeight,
			foreground)
	}
	text := strings.Trim(r.text, " ")
	if text == "" {
		return out
	}
	x += float64(len(r.text)-len(strings.TrimLeft(r.text, " "))) * cellWidth
	wide = float64(render.Width(text)) * cellWidth
	style := ""
	switch {
	case r.reverse:
		style = ` fill="` + background + `"`
	case r.color != "":
		style = ` fill="` + r.color + `"`
	case r.faint:
		style = ` fill="#8b949e"`
	}
	if r.bold {
		style += ` font-weight="bold"`
	}
	return out + fmt.Sprintf(`<text x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</text>`+"\n",
		x, y, wide, style, html.EscapeString(text))
}

// runs splits a line where its look changes, and at gaps of blanks. It returns the look at the end.
func runs(line string, now look) ([]run, look) {
	var out []run
	column := 0
	add := func(text string) {
		for text != "" {
			part, rest := text, ""
			if at := strings.Index(text, "  "); at >= 0 && !now.reverse {
				end := at + len(text[at:]) - len(strings.TrimLeft(text[at:], " "))
				part, rest = text[:end], text[end:]
			}
			columns := render.Width(part)
			out = append(out, run{now, column, columns, part})
			column += columns
			text = rest
		}
	}
	for {
		before, after, found := strings.Cut(line, "\x1b[")
		add(before)
		if !found {
			return out, now
		}
		codes, rest, ok := strings.Cut(after, "m")
		if !ok {
			add(after)
			return out, now
		}
		now, line = now.with(codes), rest
	}
}

// with returns the look that the codes of an escape sequence lead to.
func (l look) with(codes string) look {
	for code := range strings.SplitSeq(codes, ";") {
		n, _ := strconv.Atoi(code) // "" is 0
		switch {
		case n == 0:
			l = look{}
		case n == 1:
			l.bold = true
		case n == 2:
			l.faint = true
		case n == 7:
			l.reverse = true
		case n == 22:
			l.bold, l.faint = false, false
		case n == 27:
			l.reverse = false
		case n == 39:
			l.color = ""
		case colors[n] != "":
			l.color = colors[n]
		}
	}
	return l
}
