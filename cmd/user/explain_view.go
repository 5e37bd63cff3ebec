package user

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// forPeople reports whether a report is laid out as a page: on a terminal, unless columns
// are chosen.
func forPeople(k *cmdutil.App, p *render.Printer) bool {
	return p.Format() == render.Table && k.Streams.OutTTY && len(k.Flags.Columns) == 0
}

// inRows reports whether the format has a row a check, rather than an object a user.
func inRows(p *render.Printer) bool {
	return !p.Queried() && slices.Contains([]string{render.Table, render.Wide, render.CSV}, p.Format())
}

// printExplained prints the report on one user.
func printExplained(k *cmdutil.App, p *render.Printer, r explained) error {
	switch {
	case forPeople(k, p):
		return writePage(k, r)
	case inRows(p):
		return render.List(p, checkView, rowsOf(r))
	}
	return render.One(p, render.View[explained]{}, r)
}

func rowsOf(r explained) []checkRow {
	rows := make([]checkRow, len(r.Checks))
	for i, c := range r.Checks {
		rows[i] = checkRow{r, c}
	}
	return rows
}

// explainedStream prints reports as they come.
type explainedStream struct {
	add   func(explained) error
	close func() error
}

func newExplainedStream(k *cmdutil.App, p *render.Printer) explainedStream {
	switch {
	case forPeople(k, p):
		first := true
		return explainedStream{
			add: func(r explained) error {
				if !first {
					if _, err := io.WriteString(k.Streams.Out, "\n"); err != nil {
						return err
					}
				}
				first = false
				return writePage(k, r)
			},
			close: func() error { return nil },
		}
	case inRows(p):
		rows := render.NewStream(p, checkView, render.Frame{})
		return explainedStream{
			add: func(r explained) error {
				for _, row := range rowsOf(r) {
					if err := rows.Add(row); err != nil {
						return err
					}
				}
				return nil
			},
			close: func() error { return rows.Close(nil) },
		}
	}
	objects := render.NewStream(p, render.View[explained]{}, render.Frame{})
	return explainedStream{add: objects.Add, close: func() error { return objects.Close(nil) }}
}

// pageWidth is the width of a page of text for people: at most 80 columns.
func pageWidth(k *cmdutil.App) int {
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

// writePage writes a report for people: who, a line a check, then the commands that correct what
// they can.
func writePage(k *cmdutil.App, r explained) error {
	var b bytes.Buffer
	who := r.who
	if r.DeviceToken != "" {
		who = strings.TrimSpace(r.DeviceToken + " " + who)
	}
	if who != "" {
		who += ": "
	}
	for _, line := range wrap(render.Sanitize(who)+r.Verdict, pageWidth(k)) {
		b.WriteString(painted(k, r.Verdict, line) + "\n")
	}
	b.WriteByte('\n')
	for _, c := range merged(r.Checks) {
		lines := wrap(render.Sanitize(c.Detail), pageWidth(k)-detailStart)
		state := painted(k, c.State, fmt.Sprintf("%s %-9s", marks[c.State], c.State))
		fmt.Fprintf(&b, "%s%-*s%s\n", state, titleWidth, c.of.Title, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(&b, "%*s%s\n", detailStart, "", line)
		}
	}
	for _, c := range r.Checks {
		if c.Fix != "" {
			fmt.Fprintf(&b, "\nTo correct %s:\n%s\n", c.of.Title, continued(c.Fix, pageWidth(k)))
		}
	}
	k.Streams.BeforeOutput()
	_, err := k.Streams.Out.Write(b.Bytes())
	return err
}

// stateStyle returns how a state stands out: what is not known does not.
func stateStyle(state string) render.Style {
	if state == string(explain.Unknown) {
		return render.Faint
	}
	return cmdutil.OutcomeStyle(state)
}

// painted returns text in the style of a state, where standard output takes color.
func painted(k *cmdutil.App, state, text string) string {
	style := stateStyle(state)
	if style == render.Plain || !k.Streams.ColorOut() {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// merged puts the checks of a source of which nothing is known, for one reason, into one line.
func merged(checks []check) []check {
	type silence struct {
		from   explain.Source
		detail string
	}
	total, silent := map[explain.Source]int{}, map[silence][]string{}
	for _, c := range checks {
		total[c.of.Source]++
		if c.State == string(explain.Unknown) {
			of := silence{c.of.Source, c.Detail}
			silent[of] = append(silent[of], c.of.Title)
		}
	}
	var out []check
	for _, c := range checks {
		of := silence{c.of.Source, c.Detail}
		titles := silent[of]
		if c.State != string(explain.Unknown) || len(titles) < 2 {
			out = append(out, c)
			continue
		}
		if c.of.Title != titles[0] {
			continue
		}
		c.of.Title = string(of.from)
		if len(titles) < total[of.from] {
			c.Detail += ": " + strings.Join(titles, ", ")
		}
		out = append(out, c)
	}
	return out
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

// continued indents a command, and continues it on further lines as a POSIX shell takes it.
func continued(command string, width int) string {
	quoted := false
	words := strings.FieldsFunc(command, func(r rune) bool {
		quoted = quoted != (r == '\'')
		return r == ' ' && !quoted
	})
	return "  " + strings.Join(fill(words, width-4), " \\\n    ")
}

// explained is the report on a user, as it is printed.
type explained struct {
	DeviceToken string
	Verdict     string
	Checks      []check

	who string // for people
}

// check is one link of the chain, as it is printed.
type check struct {
	Check, State, Detail, Fix string

	of explain.Check
}

// checkRow is a check as a row of a table.
type checkRow struct {
	user explained
	check
}

// checkView prints checks where a program reads lines.
var checkView = render.View[checkRow]{Columns: []render.Column[checkRow]{
	{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(r checkRow) any { return r.user.DeviceToken }},
	{Head: "CHECK", Name: "Check", Cell: func(r checkRow) any { return r.Check }},
	{Head: "STATE", Name: "State", Style: func(r checkRow) render.Style { return stateStyle(r.State) },
		Cell: func(r checkRow) any { return r.State }},
	{Head: "DETAIL", Name: "Detail", Cell: func(r checkRow) any { return r.Detail }},
	{Head: "FIX", Name: "Fix", Cell: func(r checkRow) any { return r.Fix }},
}}
