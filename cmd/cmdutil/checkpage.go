package cmdutil

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/render"
)

// A CheckLine is one line of a report of checks, as it is printed.
type CheckLine struct {
	Check, State, Detail, Fix string

	Title string `json:"-" yaml:"-"` // for people
}

// A CheckPage is a report of checks, laid out for people: a head, a line a check, then what
// corrects what was found.
type CheckPage struct {
	Head    string // "" for none
	Verdict string
	Lines   []CheckLine
	Fixes   []CheckLine // those with a Fix are shown below the lines; Title and Fix count
	Prose   bool        // fixes are sentences; otherwise commands
}

// ForPeople reports whether a report is laid out as a page: on a terminal, unless columns
// are chosen.
func (k *App) ForPeople(p *render.Printer) bool {
	return p.Format() == render.Table && k.Streams.OutTTY && len(k.Flags.Columns) == 0
}

// InRows reports whether the format has a row a check, rather than an object a report.
func InRows(p *render.Printer) bool {
	return !p.Queried() && slices.Contains([]string{render.Table, render.Wide, render.CSV}, p.Format())
}

// PageWidth is the width of a page of text for people: at most 80 columns.
func (k *App) PageWidth() int {
	if w := k.Streams.Width; w > 0 && w < 80 {
		return max(w, 70) // what a DeviceToken needs beside a title
	}
	return 80
}

// marks stand before the state's word, so that a page is read at a glance; neither they nor color
// say anything that the word does not.
var marks = map[string]string{"good": "✓", "warning": "!", "broken": "✗", "unknown": "?"}

const (
	titleWidth  = 20
	detailStart = 2 + 9 + titleWidth // mark, state, title
)

// WriteCheckPage writes a report of checks for people.
func (k *App) WriteCheckPage(page CheckPage) error {
	var b bytes.Buffer
	head := page.Head
	if head != "" {
		head += ": "
	}
	for _, line := range wrap(render.Sanitize(head)+page.Verdict, k.PageWidth()) {
		b.WriteString(k.painted(page.Verdict, line) + "\n")
	}
	b.WriteByte('\n')
	for _, c := range page.Lines {
		lines := wrap(render.Sanitize(c.Detail), k.PageWidth()-detailStart)
		state := k.painted(c.State, fmt.Sprintf("%s %-9s", marks[c.State], c.State))
		fmt.Fprintf(&b, "%s%-*s%s\n", state, titleWidth, c.Title, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(&b, "%*s%s\n", detailStart, "", line)
		}
	}
	fixes, corrects := fixesOf(page.Fixes)
	for _, fix := range fixes {
		heading := strings.Join(wrap("To correct "+strings.Join(corrects[fix], ", ")+":", k.PageWidth()), "\n")
		if page.Prose {
			fix = "  " + strings.Join(wrap(render.Sanitize(fix), k.PageWidth()-2), "\n  ")
		} else {
			fix = Continued(fix, k.PageWidth())
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", heading, fix)
	}
	_, err := k.Streams.Out.Write(b.Bytes())
	return err
}

// fixesOf returns each fix once, in the order of the lines, with the titles that it corrects.
func fixesOf(lines []CheckLine) (fixes []string, titles map[string][]string) {
	titles = map[string][]string{}
	for _, c := range lines {
		if c.Fix == "" {
			continue
		}
		if titles[c.Fix] == nil {
			fixes = append(fixes, c.Fix)
		}
		titles[c.Fix] = append(titles[c.Fix], c.Title)
	}
	return fixes, titles
}

// StateStyle returns how a state stands out: what is not known does not.
func StateStyle(state string) render.Style {
	if state == "unknown" {
		return render.Faint
	}
	return OutcomeStyle(state)
}

// painted returns text in the style of a state, where standard output takes color.
func (k *App) painted(state, text string) string {
	style := StateStyle(state)
	if style == render.Plain || !k.Streams.ColorOut() {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// wrap breaks text into lines of at most so many columns, at spaces; at least one line.
func wrap(text string, width int) []string { return fill(strings.Fields(text), width) }

func fill(words []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case render.Width(line)+1+render.Width(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// Continued indents a command, and continues it on further lines as a POSIX shell takes it.
func Continued(command string, width int) string {
	quoted := false
	words := strings.FieldsFunc(command, func(r rune) bool {
		quoted = quoted != (r == '\'')
		return r == ' ' && !quoted
	})
	return "  " + strings.Join(fill(words, width-4), " \\\n    ")
}
