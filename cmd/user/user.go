// Package user is the commands that register and change users.
package user

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// New makes the command `user`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Register users and change them"}
	c.AddCommand(newCreate(k, nil), newBulk(k, nil), newDelete(k, nil), newList(k), newFind(k), newGet(k))
	for _, s := range switches {
		c.AddCommand(newSet(k, s, nil))
	}
	return c
}

// fieldFlags are the flags of a set of fields: each is text until it is validated with all the others, so that every mistake is told at once.
type fieldFlags struct {
	flags  *pflag.FlagSet
	suffix string
	text   map[*field.Field]*string
}

// addFieldFlags makes a flag of each field; suffix stands behind its name (and makes it a template's).
func addFieldFlags(c *cobra.Command, fields []*field.Field, suffix string) *fieldFlags {
	ff := &fieldFlags{flags: c.Flags(), suffix: suffix, text: map[*field.Field]*string{}}
	for _, f := range fields {
		help := f.Help
		switch {
		case suffix != "":
			help = "template of each row's " + strings.ToLower(f.Name[:1]) + f.Name[1:] + ": {{.N}} is the row, {{.Run}} the run"
		case f.Kind == field.Flag:
			help = "`on|off`: " + help
		default:
			help += placeholder(f)
		}
		ff.text[f] = c.Flags().String(f.Flag+suffix, "", help)
		values := f.Values
		if f.Kind == field.Flag {
			values = []string{"on", "off"}
		}
		if suffix == "" && values != nil {
			_ = c.RegisterFlagCompletionFunc(f.Flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	return ff
}

// placeholder names the value's kind in the help, where «string» would say too little.
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
		if ff.flags.Changed(f.Flag + ff.suffix) {
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
