// Package user is the commands that register and change users.
package user

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// New makes the command `user`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Register users and change them"}
	c.AddCommand(newCreate(k), newBulk(k), newUpdate(k), newDelete(k), newMove(k), newJoin(k), newList(k),
		newFind(k), newGet(k), newToken(k))
	c.AddCommand(newExport(k), newPlan(k), newApply(k), newDrift(k))
	c.AddCommand(newExplain(k), newReport(k), newBrowse(k))
	for _, s := range switches {
		c.AddCommand(newSet(k, s))
	}
	return c
}

// fieldFlags are the flags of a set of fields: each is text until it is validated
// with all the others, so that all mistakes are reported at once.
type fieldFlags struct {
	flags *pflag.FlagSet
	text  map[*field.Field]*string
}

// addFieldFlags adds a flag for each field.
func addFieldFlags(c *cobra.Command, fields []*field.Field) *fieldFlags {
	ff := &fieldFlags{flags: c.Flags(), text: map[*field.Field]*string{}}
	for _, f := range fields {
		help := f.Help
		values := f.Values
		if f.Kind == field.Flag {
			help = "`on|off`: " + help
			values = []string{"on", "off"}
		} else {
			help += placeholder(f)
		}
		ff.text[f] = c.Flags().String(f.Flag, "", help)
		if values != nil {
			cmdutil.CompleteWords(c, f.Flag, values...)
		}
	}
	return ff
}

// placeholder names the value's kind in the help, where "string" would say too little.
func placeholder(f *field.Field) string {
	switch f.Kind {
	case field.Count:
		return " (a `number`)"
	case field.Time:
		return " (a `date`)"
	case field.URL:
		return " (a `URL`)"
	default:
		return ""
	}
}

// given is the text of each flag that was given.
func (ff *fieldFlags) given() map[*field.Field]string {
	out := map[*field.Field]string{}
	for f, text := range ff.text {
		if ff.flags.Changed(f.Flag) {
			out[f] = *text
		}
	}
	return out
}

// readInto puts the flags that were given into a reader, in the table's order.
func readInto(r *field.Reader, given map[*field.Field]string) {
	for _, f := range field.All(r.Use) {
		if text, ok := given[f]; ok {
			r.Text(f, text)
		}
	}
}
