package user

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// statusDeleted is a third Status that an update can write (assumed); it is read as Inactive.
const statusDeleted = "Deleted"

func newUpdate(k *cmdutil.App) *cobra.Command {
	o := &changeCommand{app: k, name: "user update", options: changeOptions{Operation: opUpdate}}
	var data string
	c := &cobra.Command{
		Use:         "update TOKEN... | --file F",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Change fields and flags of users",
		Long: `Changes fields of users, flags and status included, in one call each. Only what
is given is sent; an empty value clears a field, in a file \N does. As the admin
each user is read first: what is so already is not sent.

With --file each row names a user, by a DeviceToken column or a key (--key), and
says what to change; together with field flags, all users of it get the same.
Users of a file are a job, which can be resumed. Before several users are
deactivated, a backup of them is written. --undo puts back the last change of
each user that was made from here, unless someone else changed it since.`,
		Example: `  telematicsctl user update client:c-1001 --email ada@example.com --logging off
  telematicsctl user update client:c-1001 --phone ''
  telematicsctl user update --file changes.csv --results results.csv
  telematicsctl user update --undo client:c-1002`,
	}
	fields := addFieldFlags(c, field.All(field.Update))
	f := c.Flags()
	f.StringVar(&data, "data", "", "read the fields as JSON from a `file` (- is standard input)")
	var names []string
	for _, fl := range field.All(field.Update) {
		names = append(names, fl.Flag)
		if fl.Kind != field.Flag && fl.Kind != field.Enum {
			cmdutil.AllowEmpty(f.Lookup(fl.Flag))
		}
	}
	cmdutil.GroupFlags(c, "Fields", append(names, "data")...)
	addAs(c, &o.as)
	f.BoolVar(&o.options.NoRead, "no-read", false, "send without reading the users first")
	f.BoolVar(&o.options.NoBackup, "no-backup", false, "write no backup of users who are deactivated")
	f.BoolVar(&o.undo, "undo", false, "put back the last change made from here")
	cmdutil.GroupFlags(c, "Change", "as", "no-read", "no-backup", "undo")
	o.addFlags(c, "users")
	cmdutil.AddConfirm(c, k, "users (--status deleted)")
	_ = c.MarkFlagFilename("data", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.args = args
		return o.update(c.Context(), fields.given(), data)
	}
	return c
}

// update reads what is to be set, and makes the change.
func (c *changeCommand) update(ctx context.Context, given map[*field.Field]string, data string) error {
	var wrong cmdutil.Wrong
	r := field.Reader{Use: field.Update, Now: c.app.Now(), SkipValidation: c.job.Input.NoValidate}
	if data != "" {
		if data == "-" && c.job.File == "-" {
			return failure.New(failure.Invalid, "--data and --file cannot both be standard input")
		}
		text, err := c.app.ReadInput("--data", data)
		if err != nil {
			return err
		}
		r.JSON(text)
	}
	status := field.MustGet("Status")
	deleted := strings.EqualFold(given[status], statusDeleted)
	if deleted {
		delete(given, status)
	}
	for _, f := range field.All(field.Update) {
		switch text, ok := given[f]; {
		case ok && text == "":
			r.Set.Put(f, nil)
		case ok:
			r.Text(f, text)
		}
	}
	if deleted {
		r.Set.Put(status, statusDeleted)
	}
	for _, m := range r.Mistakes {
		if f, ok := field.Lookup(m.Key); ok && given[f] != "" {
			m.Key = "--" + f.Flag
		} else if data != "" {
			m.Key = strings.TrimSuffix("--data "+m.Key, " ")
		}
		wrong = append(wrong, m)
	}
	switch {
	case c.undo && r.Set.Len() > 0:
		wrong.Add("--undo", "takes the place of fields")
	case c.undo && c.options.NoRead:
		wrong.Add("--no-read", "--undo must read the user")
	case !c.undo && r.Set.Len() == 0 && len(wrong) == 0 && c.job.File == "":
		wrong.Add("fields", "at least one field is required, such as --email")
	}
	if r.Set.Len() > 0 && len(wrong) == 0 {
		var err error
		if c.options.Body, err = r.Set.Body(field.Update); err != nil {
			return err
		}
	}
	return c.run(ctx, wrong)
}
