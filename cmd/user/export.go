package user

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
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
	cmdutil.CompleteList(c, "columns", append([]string{input.DeviceTokenColumn}, field.Names(field.Update)...)...)
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
	fields := slices.DeleteFunc(slices.Clone(columns), func(f *field.Field) bool { return f == nil })
	fetch := fleet.FetchInstanceOnly(s.API, userservice.AsAdmin(), id, &userservice.Only{Fields: fields})
	each := func(do func(exported) error) error {
		for page, err := range fleet.Pages(ctx, fetch, fleet.PageOptions{Complete: true, Seen: apply.Seen(0)}) {
			if err != nil {
				return err
			}
			for i := range page.Users {
				if err := do(newExported(&page.Users[i], header, columns)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	format := p.Format()
	switch {
	case p.Queried(): // it has all of it in memory, and prints at the end
		return printExported(p, view, each)
	case format == render.Table || format == render.Wide || format == render.CSV:
		return whenComplete(a.Streams.Out, func(w io.Writer) error { return writeCSV(w, header, each, o.raw) })
	}
	return whenComplete(a.Streams.Out, func(w io.Writer) error {
		p.Redirect(w)
		return printExported(p, view, each)
	})
}

// whenComplete prints what fill writes, once it has written all of it: a part of the users must not
// be taken for all. Until then it is in a file.
func whenComplete(out io.Writer, fill func(io.Writer) error) error {
	failed := func(err error) error {
		return atomicfile.Failure(failure.Failed, "the export cannot be kept until it is complete", os.TempDir(), err)
	}
	spool, err := atomicfile.NewTemporary("")
	if err != nil {
		return failed(err)
	}
	defer func() { _ = spool.Close() }() // what was in it is printed, or is not wanted
	held := bufio.NewWriterSize(spool, 1<<16)
	if err := fill(held); err != nil {
		return failed(err)
	}
	if err := held.Flush(); err != nil {
		return failed(err)
	}
	_, err = io.Copy(out, io.NewSectionReader(spool, 0, math.MaxInt64))
	return err
}

// eachExported gives the users of the instance, all of them.
type eachExported func(do func(exported) error) error

func printExported(p *render.Printer, view render.View[exported], each eachExported) error {
	stream := render.NewStream(p, view, render.Frame{})
	if err := each(stream.Add); err != nil {
		return err
	}
	return stream.Close(nil)
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
func writeCSV(w io.Writer, header []string, each eachExported, raw bool) error {
	out := input.NewWriter(w, input.Shape{Format: input.CSV, Separator: ","}, header, raw)
	cells := make([]string, len(header))
	err := each(func(u exported) error {
		for i, v := range u.values {
			if cells[i] = ""; v != nil {
				cells[i] = fmt.Sprint(v)
			}
		}
		return out.Write(cells)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
