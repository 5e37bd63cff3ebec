package user

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type exportOptions struct {
	columns []string
	raw     bool
}

func newExport(a *cmdutil.App) *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:         "export",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Export the users as a file",
		Long: `Exports every user of the instance as a file that can be edited and given to
user plan and user apply: CSV, or JSON Lines with -o jsonl. A plan of it is
empty. The users are listed completely, or not at all.

The columns are what the file owns: leave out what somebody else maintains.`,
		Example: `  telematicsctl user export > fleet.csv
  telematicsctl user export --columns ClientId,FirstName,Status > f.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return exportUsers(c.Context(), a, o) },
	}
	c.Flags().StringSliceVar(&o.columns, "columns", nil, "write these `columns`, in this order (default: all)")
	c.Flags().BoolVar(&o.raw, "raw", false, "do not guard cells that look like formulas")
	_ = c.RegisterFlagCompletionFunc("columns",
		cobra.FixedCompletions(append([]string{input.DeviceTokenColumn}, field.Names(field.Update)...),
			cobra.ShellCompDirectiveNoFileComp))
	return c
}

// exportColumns reads --columns. nil is the DeviceToken; the others are fields.
func exportColumns(names []string) (header []string, columns []*field.Field, err error) {
	if len(names) == 0 {
		names = append([]string{input.DeviceTokenColumn, "ClientId"}, slices.DeleteFunc(field.Names(field.Update),
			func(n string) bool { return n == "ClientId" })...)
	}
	var wrong cmdutil.Wrong
	for _, name := range names {
		f, ok := field.Lookup(name)
		switch {
		case field.Fold(name) == field.Fold(input.DeviceTokenColumn):
			header, columns = append(header, input.DeviceTokenColumn), append(columns, nil)
		case !ok || f.Use&field.Update == 0:
			wrong.Add("--columns", "unknown column %q; the known ones are %s, %s", name, input.DeviceTokenColumn,
				strings.Join(field.Names(field.Update), ", "))
		case slices.Contains(columns, f):
			wrong.Add("--columns", "%s is named twice", f.Name)
		default:
			header, columns = append(header, f.Name), append(columns, f)
		}
	}
	return header, columns, wrong.Err()
}

func exportUsers(ctx context.Context, a *cmdutil.App, o exportOptions) error {
	header, columns, err := exportColumns(o.columns)
	if err != nil {
		return err
	}
	view := exportView(header)
	p, err := cmdutil.PrinterOf(ctx, a, view)
	if err != nil {
		return err
	}
	s, err := a.Session(cmdutil.SessionOptions{InFlight: 2})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	id, err := profileInstance(s)
	if err != nil {
		return err
	}
	var users []exported
	pages := fleet.Pages(ctx, fleet.FetchInstance(s.API, userservice.AsAdmin(), id), fleet.PageOptions{Complete: true})
	for page, err := range pages {
		if err != nil {
			return err
		}
		for i := range page.Users {
			users = append(users, newExported(&page.Users[i], header, columns))
		}
	}
	if format := p.Format(); !p.Queried() && (format == render.Table || format == render.Wide || format == render.CSV) {
		return writeCSV(a.Streams.Out, header, users, o.raw)
	}
	return render.List(p, view, users)
}

// exported is a user as a row of the file.
type exported struct {
	token  string
	header []string
	values []any // nil for none
}

func newExported(u *userservice.User, header []string, columns []*field.Field) exported {
	e := exported{token: u.DeviceToken, header: header, values: make([]any, len(columns))}
	for i, f := range columns {
		if f == nil {
			e.values[i] = u.DeviceToken
			continue
		}
		value, _ := u.Fields.Value(f)
		text, _ := value.(string)
		if at, err := time.Parse(time.RFC3339, text); f.Kind == field.Time && err == nil &&
			at.Equal(at.Truncate(24*time.Hour)) {
			value = at.Format(time.DateOnly)
		}
		e.values[i] = value
	}
	return e
}

// MarshalJSON writes the values that the user has: null would clear the others.
func (e exported) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, v := range e.values {
		if v == nil {
			continue
		}
		name, _ := json.Marshal(e.header[i]) // a string can always be written
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), text...)
	}
	return append(out, '}'), nil
}

func exportView(header []string) render.View[exported] {
	v := render.View[exported]{ID: func(e exported) string { return e.token }}
	for i, name := range header {
		v.Columns = append(v.Columns, render.Column[exported]{Head: name, Name: name, Cell: func(e exported) any {
			return e.values[i]
		}})
	}
	return v
}

// writeCSV writes the file that is edited and given back.
func writeCSV(w io.Writer, header []string, users []exported, raw bool) error {
	out := input.NewWriter(w, input.Shape{Format: input.CSV, Separator: ","}, header, raw)
	cells := make([]string, len(header))
	for _, u := range users {
		for i, v := range u.values {
			if cells[i] = ""; v != nil {
				cells[i] = fmt.Sprint(v)
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	return out.Flush()
}
