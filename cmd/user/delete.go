package user

import (
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

func newDelete(k *cmdutil.App) *cobra.Command {
	o := &changeCommand{app: k, name: "user delete", options: changeOptions{Operation: opDelete}}
	c := &cobra.Command{
		Use:         "delete TOKEN... | --file F",
		Aliases:     []string{"rm"},
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Delete users for good",
		Long: `Deletes users for good, with all their telematics data, and removes their stored
tokens. It acts as the admin and asks first; for several users, their number has
to be typed. --yes answers.

TOKEN is a DeviceToken, or client:ID, email:ADDRESS or phone:NUMBER. Users of a
file are a job, which can be resumed. Before several users are deleted, a
backup of them is written to the state folder; it holds their fields, not their
trips, and whether a deleted DeviceToken can be registered again is not known.`,
		Example: `  telematicsctl user delete client:c-1001
  telematicsctl user delete --file results.csv --yes`,
	}
	c.Flags().BoolVar(&o.options.NoBackup, "no-backup", false, "write no backup of the users")
	cmdutil.GroupFlags(c, "Change", "no-backup")
	o.addFlags(c, "users")
	cmdutil.AddConfirm(c, k, "users")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.args = args
		return o.run(c.Context(), nil)
	}
	return c
}
