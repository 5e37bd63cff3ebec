package instance

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// The tree as it is printed as JSON.
type (
	company struct {
		CompanyID    string `json:"CompanyId"`
		Applications []application
	}
	application struct {
		AppID     string `json:"AppId"`
		Name      string
		Status    string
		Instances []instance
	}
	instance struct {
		InstanceID string `json:"InstanceId"`
		Name       string
		Status     string
		ThrowAway  bool
		Profiles   []string
	}
)

// row is an instance with what is above it, as a line of its own.
type row struct {
	instance
	app     application
	company string
}

// rowView is for tables in a pipe, CSV and IDs.
var rowView = render.View[row]{
	Columns: []render.Column[row]{
		{Head: "INSTANCE", Name: "InstanceId", Cell: func(r row) any { return r.InstanceID }},
		{Head: "NAME", Name: "Name", Cell: func(r row) any { return r.Name }},
		{Head: "STATUS", Name: "Status", Cell: func(r row) any { return r.Status }},
		{Head: "THROW-AWAY", Name: "ThrowAway", Cell: func(r row) any { return r.ThrowAway }},
		{Head: "PROFILES", Name: "Profiles", Cell: func(r row) any { return strings.Join(r.Profiles, " ") }},
		{Head: "APPLICATION", Name: "AppName", Cell: func(r row) any { return r.app.Name }},
		{Head: "APP ID", Name: "AppId", Wide: true, Cell: func(r row) any { return r.app.AppID }},
		{Head: "COMPANY", Name: "CompanyId", Wide: true, Cell: func(r row) any { return r.company }},
	},
	ID: func(r row) string { return r.InstanceID },
}

// line is a line of the tree on a terminal.
type line struct{ name, id, status, profiles string }

var treeView = render.View[line]{Columns: []render.Column[line]{
	{Head: "COMPANY, APPLICATION, INSTANCE", Cell: func(l line) any { return l.name }},
	{Head: "ID", Cell: func(l line) any { return l.id }},
	{Head: "STATUS", Cell: func(l line) any { return l.status }},
	{Head: "PROFILES", Cell: func(l line) any { return l.profiles }},
}, ID: func(l line) string { return l.id }}

func newList(k *cmdutil.App) *cobra.Command {
	var throwAway bool
	c := &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "List the instances of the admin",
		Long: `List the companies, applications and instances that the signed-in admin may
act on, whether by a permission of a company, an application or an instance.

On a terminal they are a tree. Piped, and with -o wide, csv and ids, each
instance is a line; the JSON is nested. PROFILES are the profiles of the
configuration file that are of the instance.`,
		Example: `  telematicsctl instance list
  telematicsctl instance list --throw-away -o ids
  telematicsctl instance list --jq '.[].Applications[].Instances[].Name'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return list(c.Context(), k, throwAway) },
	}
	c.Flags().BoolVar(&throwAway, "throw-away", false, "list only throw-away instances")
	cmdutil.AddColumns(c, k, rowView.Names())
	return c
}

func list(ctx context.Context, k *cmdutil.App, throwAway bool) error {
	p, err := cmdutil.PrinterOf(ctx, k, rowView)
	if err != nil {
		return err
	}
	cfg, s, err := open(k)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	tree, err := hierarchy.Read(ctx, s.API, func(err error) { k.Streams.Warn(failure.From(err).Error()) })
	if err != nil {
		return err
	}
	shown := show(cfg, s, tree, throwAway)
	if len(rows(shown)) == 0 {
		kind := ""
		if throwAway {
			kind = "throw-away "
		}
		k.Streams.Note("There are no " + kind + "instances that this admin may act on")
	}
	switch p.Format() {
	case render.JSON, render.JSONL, render.YAML:
		return render.List(p, render.View[company]{}, shown)
	case render.Table:
		if k.Streams.OutTTY && len(k.Flags.Columns) == 0 && !p.Queried() {
			return render.List(p, treeView, lines(shown))
		}
	}
	if p.Queried() {
		return render.List(p, render.View[company]{}, shown)
	}
	return render.List(p, rowView, rows(shown))
}

// show is the tree as it is printed. With throwAway, what has no throw-away instance is left out.
func show(cfg *config.Config, s *cmdutil.Session, tree []hierarchy.Company, throwAway bool) []company {
	out := []company{}
	for _, c := range tree {
		shown := company{CompanyID: c.ID, Applications: []application{}}
		for _, a := range c.Applications {
			app := application{AppID: a.ID, Name: a.Name, Status: a.Status, Instances: []instance{}}
			for _, in := range a.Instances {
				if throwAway && !hierarchy.ThrowAway(in) {
					continue
				}
				app.Instances = append(app.Instances, instance{
					InstanceID: in.ID, Name: in.Name, Status: in.Status, ThrowAway: hierarchy.ThrowAway(in),
					Profiles: append([]string{}, profilesOf(cfg, s, in.ID)...),
				})
			}
			if !throwAway || len(app.Instances) > 0 {
				shown.Applications = append(shown.Applications, app)
			}
		}
		if !throwAway || len(shown.Applications) > 0 {
			out = append(out, shown)
		}
	}
	return out
}

func rows(tree []company) (out []row) {
	for _, c := range tree {
		for _, a := range c.Applications {
			for _, in := range a.Instances {
				out = append(out, row{in, a, c.CompanyID})
			}
		}
	}
	return out
}

func lines(tree []company) (out []line) {
	for _, c := range tree {
		out = append(out, line{name: "(company)", id: c.CompanyID})
		for _, a := range c.Applications {
			out = append(out, line{name: "  " + cmp.Or(a.Name, "(application)"), id: a.AppID, status: a.Status})
			for _, in := range a.Instances {
				status := in.Status
				if in.ThrowAway {
					status += ", throw-away"
				}
				out = append(out, line{"    " + in.Name, in.InstanceID, status, strings.Join(in.Profiles, " ")})
			}
		}
	}
	return out
}
