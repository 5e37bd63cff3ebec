// Package doctor is the command `doctor`.
package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/doctor"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// limit is how long a check may take, so that a host that hangs delays the report by a few
// seconds at most. --timeout sets another.
const limit = 5 * time.Second

type options struct {
	bundle string
	newest bool
	limit  time.Duration
}

// New makes the command `doctor`.
func New(k *cmdutil.App) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:         "doctor",
		Annotations: cmdutil.Effects(),
		Short:       "Check configuration, credentials and network",
		Long: `Checks what commands need, side by side, and says what to do about each finding:
configuration, profile, token store, network, clock, credentials, and what was
left undone. It never prompts and changes nothing, except that it writes a
record to the token store and deletes it, and refreshes an expired admin's JWT.

The exit status is 0 unless a check is broken; then it is that of the first
broken check's cause: 2 for the configuration, 3 for the token store or the
credentials, 7 for the network. See "telematicsctl help exit-codes".`,
		Example: `  telematicsctl doctor
  telematicsctl doctor -o json --jq '.Checks[] | select(.State != "good")'
  telematicsctl doctor --bundle report.md`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.limit = limit
			if c.Flags().Changed("timeout") {
				o.limit = k.Flags.Timeout
			}
			return run(c.Context(), k, o)
		},
	}
	c.Flags().StringVar(&o.bundle, "bundle", "", "also write the report, without secrets and names, to this `file`")
	c.Flags().BoolVar(&o.newest, "newest", false, "ask api.github.com for the newest version too")
	cmdutil.AddColumns(c, k, view.Names())
	return c
}

// report is what `doctor` prints.
type report struct {
	Verdict string
	Checks  []cmdutil.CheckLine
}

var view = render.View[cmdutil.CheckLine]{Columns: []render.Column[cmdutil.CheckLine]{
	{Head: "CHECK", Name: "Check", Cell: func(c cmdutil.CheckLine) any { return c.Check }},
	{Head: "STATE", Name: "State", Style: func(c cmdutil.CheckLine) render.Style { return cmdutil.StateStyle(c.State) },
		Cell: func(c cmdutil.CheckLine) any { return c.State }},
	{Head: "DETAIL", Name: "Detail", Cell: func(c cmdutil.CheckLine) any { return c.Detail }},
	{Head: "FIX", Name: "Fix", Cell: func(c cmdutil.CheckLine) any { return c.Fix }},
}}

func run(ctx context.Context, k *cmdutil.App, o options) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := view.Check(p); err != nil {
		return err
	}
	if o.limit <= 0 {
		return failure.InvalidFields("invalid flags", []failure.Field{{Key: "--timeout", Message: "must be more than 0"}})
	}
	asked := k.Streams.NoInput
	k.Streams.NoInput = true
	k.WithoutLeaseWarning()
	m := newMachine(k)
	defer m.close()
	found := doctor.Run(ctx, o.limit, m.checks(o.newest)...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.Streams.NoInput = asked // fixes are for the commands that are run next
	r := m.report(found)
	if o.bundle != "" {
		if err := m.writeBundle(ctx, o.bundle, r); err != nil {
			return err
		}
	}
	if err := print(k, p, r); err != nil {
		return err
	}
	return broken(found)
}

func print(k *cmdutil.App, p *render.Printer, r report) error {
	switch {
	case k.ForPeople(p):
		lines := belowHome(r.Checks, k.Getenv("HOME"))
		return k.WriteCheckPage(cmdutil.CheckPage{Head: "telematicsctl " + k.Version, Verdict: r.Verdict, Lines: lines,
			Fixes: r.Checks, Prose: true})
	case cmdutil.InRows(p):
		return render.List(p, view, r.Checks)
	}
	return render.One(p, render.View[report]{}, r)
}

// belowHome returns the checks with ~ for the home folder in their details: most paths then fit the
// column of the page.
func belowHome(checks []cmdutil.CheckLine, home string) []cmdutil.CheckLine {
	home = strings.TrimSuffix(home, "/")
	if home == "" {
		return checks
	}
	short := slices.Clone(checks)
	for i := range short {
		short[i].Detail = strings.ReplaceAll(short[i].Detail, home+"/", "~/")
	}
	return short
}

// broken returns the error of the first broken check; nil for none. What comes first is often
// why what comes later is broken.
func broken(found []doctor.Finding) error {
	var first *failure.Error
	names := ""
	n := 0
	for _, f := range found {
		if f.State != doctor.Broken {
			continue
		}
		n++
		if first == nil {
			first = failure.New(failure.From(f.Err).Code, "")
		} else {
			names += ", "
		}
		names += f.Check
	}
	if first == nil {
		return nil
	}
	first.Message = cmdutil.Count(n, "check is", "checks are") + " broken: " + names
	return first
}
