package user

import (
	"io"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// printExplained prints the report on one user.
func printExplained(k *cmdutil.App, p *render.Printer, r explained) error {
	switch {
	case k.ForPeople(p):
		return writePage(k, r)
	case cmdutil.InRows(p):
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
	case k.ForPeople(p):
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
	case cmdutil.InRows(p):
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

// writePage writes a report for people: who, a line a check, then the commands that correct what
// they can.
func writePage(k *cmdutil.App, r explained) error {
	who := r.who
	if r.DeviceToken != "" {
		who = strings.TrimSpace(r.DeviceToken + " " + who)
	}
	return k.WriteCheckPage(cmdutil.CheckPage{Head: who, Verdict: r.Verdict, Lines: linesOf(merged(r.Checks)),
		Fixes: linesOf(r.Checks)})
}

func linesOf(checks []check) []cmdutil.CheckLine {
	lines := make([]cmdutil.CheckLine, len(checks))
	for i, c := range checks {
		lines[i] = cmdutil.CheckLine{Check: c.Check, Title: c.of.Title, State: c.State, Detail: c.Detail, Fix: c.Fix}
	}
	return lines
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
	{Head: "STATE", Name: "State", Style: func(r checkRow) render.Style { return cmdutil.StateStyle(r.State) },
		Cell: func(r checkRow) any { return r.State }},
	{Head: "DETAIL", Name: "Detail", Cell: func(r checkRow) any { return r.Detail }},
	{Head: "FIX", Name: "Fix", Cell: func(r checkRow) any { return r.Fix }},
}}
