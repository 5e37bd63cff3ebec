package user

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// markdown is the format of a plan for a comment of a pull request.
const markdown = "md"

// mostOfKind is how many actions of a kind are printed unless all are asked for.
const mostOfKind = 20

// planView prints the actions of a plan.
var planView = render.View[apply.Action]{
	Columns: []render.Column[apply.Action]{
		{Head: "ACTION", Name: "Action", Cell: func(a apply.Action) any { return string(a.Action) }},
		{Head: "KEY", Name: "Key", Cell: func(a apply.Action) any { return a.Key }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(a apply.Action) any { return a.DeviceToken.String() }},
		{Head: "CHANGES", Name: "Changes", Cell: func(a apply.Action) any { return strings.Join(changeTexts(a), "; ") }},
	},
	ID: func(a apply.Action) string { return a.DeviceToken.String() },
}

// planPrinter prints plans.
type planPrinter struct {
	app      *cmdutil.App
	printer  *render.Printer
	markdown bool
	all      bool
}

func newPlanPrinter(ctx context.Context, a *cmdutil.App, all bool) (*planPrinter, error) {
	p := &planPrinter{app: a, all: all}
	if a.Flags.Output == markdown {
		p.markdown = true
		if a.Flags.JQ != "" || a.Flags.Template != "" {
			return nil, failure.New(failure.Invalid, "a jq expression or a template works on JSON, not on md")
		}
		return p, nil
	}
	var err error
	p.printer, err = cmdutil.PrinterOf(ctx, a, planView)
	return p, err
}

func (p *planPrinter) print(plan *apply.Plan) error {
	p.notes(plan)
	switch {
	case p.markdown:
		return p.write(planMarkdown(plan, p.all))
	case p.printer.Format() == render.Table && len(p.app.Flags.Columns) == 0:
		text := render.Fold(planText(plan, p.all), p.app.Streams.Width)
		if p.app.Streams.ColorOut() && !p.printer.Queried() {
			return p.write(painted(text))
		}
		return render.Text(p.printer, text)
	}
	out := render.NewStream(p.printer, planView,
		render.Frame{Head: struct{ Summary apply.Summary }{plan.Summary}, Key: "Actions"})
	for _, a := range plan.Actions {
		if err := out.Add(a); err != nil {
			return err
		}
	}
	return out.Close(nil)
}

func (p *planPrinter) write(text string) error {
	_, err := p.app.Streams.Out.Write([]byte(text))
	return err
}

// notes says on standard error what is not an action.
func (p *planPrinter) notes(plan *apply.Plan) {
	h := plan.Head
	if h.Blank != "" && strings.HasPrefix(h.Blank, "clears") {
		p.app.Streams.Note("A blank cell " + h.Blank)
	}
	for _, n := range plan.Normalized[:min(len(plan.Normalized), mostOfKind)] {
		p.app.Streams.Warn(fmt.Sprintf("row %d: the service makes %v of %s %v, twice by now: it is left alone", n.Row,
			plain(n.Read), n.Field, plain(n.Wanted)))
	}
	if plan.SharedKeys > 0 {
		p.app.Streams.Warn(fmt.Sprintf("%s several users each, none of whom is managed",
			cmdutil.Count(plan.SharedKeys, "key belongs to", "keys belong to")))
	}
	for _, text := range plan.Cannot {
		p.app.Streams.Warn("not undone: " + text)
	}
}

// shownFirst is the order in which the kinds are printed: removals first.
var shownFirst = []apply.Kind{apply.Delete, apply.Deactivate, apply.Move, apply.Update, apply.Create}

var signs = map[apply.Kind]string{apply.Create: "+", apply.Update: "~", apply.Move: ">", apply.Deactivate: "-",
	apply.Delete: "-"}

var styles = map[apply.Kind]render.Style{apply.Create: render.Good, apply.Update: render.Warn, apply.Move: render.Warn,
	apply.Deactivate: render.Bad, apply.Delete: render.Bad}

// painted returns the text of a plan, sanitized, with the sign and the kind of each action in
// color.
func painted(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = render.Sanitize(line)
		for kind, sign := range signs {
			if rest, ok := strings.CutPrefix(lines[i], sign+" "+string(kind)+" "); ok {
				lines[i] = "\x1b[" + string(styles[kind]) + "m" + sign + " " + string(kind) + "\x1b[0m " + rest
				break
			}
		}
	}
	return strings.Join(lines, "\n")
}

// ofKind returns the actions of a kind that are printed, and how many are not.
func ofKind(plan *apply.Plan, kind apply.Kind, all bool) (shown []apply.Action, more int) {
	for _, a := range plan.Actions {
		switch {
		case a.Action != kind:
		case all || len(shown) < mostOfKind:
			shown = append(shown, a)
		default:
			more++
		}
	}
	return shown, more
}

func planText(plan *apply.Plan, all bool) string {
	var b strings.Builder
	for _, kind := range shownFirst {
		actions, more := ofKind(plan, kind, all)
		for _, a := range actions {
			fmt.Fprintln(&b, actionText(a))
		}
		if more > 0 {
			fmt.Fprintf(&b, "  … and %d more to %s (--all prints them)\n", more, kind)
		}
	}
	b.WriteString(plan.Summary.Text() + "\n")
	return b.String()
}

func actionText(a apply.Action) string {
	text := fmt.Sprintf("%s %s %s", signs[a.Action], a.Action, sanitize.Clean(a.Key))
	switch a.Action {
	case apply.Deactivate, apply.Delete:
		return text + "  " + lastSeen(a)
	case apply.Update, apply.Move:
		return text + "  " + strings.Join(changeTexts(a), ", ")
	}
	return text
}

// lastSeen says when a user who is removed was last seen.
func lastSeen(a apply.Action) string {
	var parts []string
	if a.LastSeen != nil {
		parts = append(parts, "last trip "+a.LastSeen.Format(time.DateOnly))
	}
	if a.Activity != "" {
		parts = append(parts, "activity "+a.Activity)
	}
	return "(" + cmp.Or(strings.Join(parts, ", "), "last seen: not known") + ")"
}

func changeTexts(a apply.Action) []string {
	out := make([]string, len(a.Changes))
	for i, c := range a.Changes {
		out[i] = fmt.Sprintf("%s: %s → %s", c.Field, plain(c.From), plain(c.To))
		if a.Action == apply.Create {
			out[i] = fmt.Sprintf("%s: %s", c.Field, plain(c.To))
		}
	}
	return out
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "(none)"
	case string:
		if v == "" || strings.ContainsAny(v, " ,;→") {
			return fmt.Sprintf("%q", v)
		}
		return sanitize.Clean(cmdutil.ValueText(v))
	}
	return cmdutil.ValueText(v)
}

func planMarkdown(plan *apply.Plan, all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", plan.Summary.Text())
	h := plan.Head
	if h.Input != nil {
		fmt.Fprintf(&b, "%s, %d rows, against profile %s, listed %s. A blank cell %s.\n", cell(h.Input.Name), h.Input.Rows,
			cell(h.Profile),
			h.Listed.UTC().Format(time.RFC3339), h.Blank)
	}
	for _, kind := range shownFirst {
		actions, more := ofKind(plan, kind, all)
		if len(actions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s %s\n\n| key | changes |\n|---|---|\n", signs[kind], kind)
		for _, a := range actions {
			text := strings.Join(changeTexts(a), ", ")
			if kind.Removes() {
				text = lastSeen(a)
			}
			fmt.Fprintf(&b, "| %s | %s |\n", cell(a.Key), cell(text))
		}
		if more > 0 {
			fmt.Fprintf(&b, "\n… and %d more\n", more)
		}
	}
	for _, text := range slices.Concat(plan.Cannot) {
		fmt.Fprintf(&b, "\nNot undone: %s\n", cell(text))
	}
	return b.String()
}

// cell returns text that is nothing but text in a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "[", `\[`, "@",
		"@\u200b").
		Replace(sanitize.Clean(text))
}
