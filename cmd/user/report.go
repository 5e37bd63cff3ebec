package user

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/fleet/report"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type reportOptions struct {
	failIf       []string
	allInstances bool
}

func newReport(k *cmdutil.App) *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:         "report",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Show the fleet in figures",
		Long: `Counts the users of the profile's instance, as the admin: by activity, platform,
SDK and app version, flags, country, and week of registration. Each figure comes
with the filter of "user list" that lists its users. -o prom writes a text file
for Prometheus.

--fail-if ends with exit status 9 where a condition holds, for a nightly job: a
flag (the users with it on), an activity status, users, or GROUP:VALUE, compared
by > >= < <= = != with a number or a percentage.`,
		Example: `  telematicsctl user report
  telematicsctl user report --fail-if 'users<0' --fail-if 'error>90%' -o json
  telematicsctl user report -o prom > fleet.prom`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return reportUsers(c.Context(), k, o) },
	}
	c.Flags().StringArrayVar(&o.failIf, "fail-if", nil, "exit with status 9 if this `condition` holds: 'logging>0'")
	c.Flags().BoolVar(&o.allInstances, "all-instances", false, "count the users of every instance that the admin may see")
	cmdutil.AddColumns(c, k, figureView.Names())
	return c
}

func reportUsers(ctx context.Context, k *cmdutil.App, o reportOptions) error {
	conditions, err := parseConditions(o.failIf)
	if err != nil {
		return err
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if p.Format() != render.Prom {
		if err := figureView.Check(p); err != nil {
			return err
		}
	}
	s, err := k.Session(cmdutil.SessionOptions{InFlight: 2})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	q := userservice.ListQuery{Only: report.Needs()}
	id := ""
	if !o.allInstances {
		if id, err = profileInstance(s); err != nil {
			return err
		}
		q.InstanceIDs = []string{id}
	}
	r, err := report.Read(ctx, fleet.FetchList(s.API, userservice.AsAdmin(), q))
	if err != nil {
		return err
	}
	v := reporter{app: k, report: r, all: o.allInstances}
	if err := v.print(p, id); err != nil {
		return err
	}
	return v.failIf(conditions)
}

func parseConditions(texts []string) ([]report.Condition, error) {
	var out []report.Condition
	var wrong []failure.Field
	for _, text := range texts {
		c, err := report.ParseCondition(text)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "--fail-if", Message: err.Error()})
		}
		out = append(out, c)
	}
	return out, failure.InvalidFields("invalid flags", wrong)
}

// reporter prints a report.
type reporter struct {
	app    *cmdutil.App
	report *report.Report
	all    bool // of all instances
}

func (v reporter) print(p *render.Printer, instanceID string) error {
	k := v.app
	switch {
	case p.Format() == render.Prom:
		return v.report.WriteProm(k.Streams.Out, instanceID, k.Now())
	case k.ForPeople(p):
		_, err := k.Streams.Out.Write(v.bars())
		return err
	case cmdutil.InRows(p):
		return render.List(p, figureView, v.figures())
	}
	return render.One(p, render.View[*report.Report]{}, v.report)
}

// failIf returns the error of the conditions that hold.
func (v reporter) failIf(conditions []report.Condition) error {
	var held []failure.Field
	list := ""
	for _, c := range conditions {
		f, holds := c.Holds(v.report)
		if !holds {
			continue
		}
		held = append(held, failure.Field{Key: c.String(), Message: cmdutil.Count(f.Users, "user", "users")})
		if list == "" && f.By != "" && f.Users > 0 {
			list = strings.Join(v.listFlags(filterOf(f)...), "\n")
		}
	}
	if len(held) == 0 {
		return nil
	}
	e := &failure.Error{Code: failure.Changes, Message: "a condition of --fail-if holds", Fields: held}
	return e.Because(cmdutil.ReasonConditionHolds, list)
}

// filterOf returns the flags of "user list" that list the users of a figure.
func filterOf(f report.Figure) []string {
	flag := map[string]string{
		report.ByActivity: "activity-status", report.ByOS: "os", report.BySDK: "sdk-version", report.ByApp: "app-version",
		report.ByCountry: "country",
	}[f.By]
	switch {
	case f.By == report.ByFlag:
		return []string{"--" + field.MustGet(f.Value).Flag, "on"}
	case f.By == report.ByRegistered && f.Value != "":
		first := report.Monday(f.Value)
		return []string{"--created-from", first.Format(time.DateOnly), "--created-to", first.AddDate(0, 0, 6).
			Format(time.DateOnly)}
	case f.By == report.ByRegistered:
		return []string{"--without", "DateCreated"}
	case f.Value == "":
		return []string{"--without", f.By}
	case f.By == report.ByActivity:
		return []string{"--" + flag, strings.ReplaceAll(f.Value, " ", "")}
	}
	return []string{"--" + flag, f.Value}
}

// command returns the command that lists the users of a filter.
func (v reporter) command(filter ...string) string {
	return v.app.CommandLine(v.app.Flags.Profile, append([]string{"user", "list"}, v.listFlags(filter...)...)...)
}

// listFlags returns the flags of "user list" for a filter, among the users of the report.
func (v reporter) listFlags(filter ...string) []string {
	if v.all {
		return append(filter, "--all-instances")
	}
	return filter
}

// figure is one count as a row.
type figure struct {
	report.Figure
	share  float64 // of all users
	filter string
}

var figureView = render.View[figure]{Columns: []render.Column[figure]{
	{Head: "BY", Name: "By", Cell: func(f figure) any { return f.By }},
	{Head: "VALUE", Name: "Value", Cell: func(f figure) any { return f.Value }},
	{Head: "USERS", Name: "Users", Cell: func(f figure) any { return f.Users }},
	{Head: "SHARE", Name: "Share", Cell: func(f figure) any { return fmt.Sprintf("%.4f", f.share) }},
	{Head: "LIST", Name: "List", Cell: func(f figure) any { return f.filter }},
}}

// figures lists all figures.
func (v reporter) figures() []figure {
	out := []figure{{report.Figure{By: "Users", Users: v.report.Users}, 1, v.command()}}
	for _, group := range report.Groups {
		for _, f := range v.report.Group(group) {
			share := float64(f.Users) / float64(max(v.report.Users, 1))
			out = append(out, figure{f, share, v.command(filterOf(f)...)})
		}
	}
	return out
}
