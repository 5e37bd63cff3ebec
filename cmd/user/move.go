package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// keyOfDestination is the variable that has the InstanceKey of --to-instance-id.
const keyOfDestination = "TELEMATICSCTL_TO_INSTANCE_KEY"

func newMove(k *cmdutil.App) *cobra.Command {
	o := &changeCommand{app: k, name: "user move", options: changeOptions{Operation: opMove}}
	var profile, instance string
	c := &cobra.Command{
		Use:         "move TOKEN... --to-profile P",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Move users into another instance",
		Long: `Moves users into the instance of another profile, as the admin. With
--to-instance-id the key of that instance is taken from
TELEMATICSCTL_TO_INSTANCE_KEY.

A user keeps its DeviceToken. DeviceTokens are derived from the instance: in
the new one, the same ClientId derives another, so that registering the user's
row there again creates a second user. Users of a file are a job.`,
		Example: `  telematicsctl user move client:c-1001 --to-profile other
  telematicsctl user move --file results.csv --to-profile other`,
	}
	f := c.Flags()
	f.StringVar(&profile, "to-profile", "", "`profile` of the instance to move to")
	f.StringVar(&instance, "to-instance-id", "", "`InstanceId` to move to")
	cmdutil.GroupFlags(c, "Change", "to-profile", "to-instance-id")
	o.addFlags(c, "users")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.args = args
		return o.move(c.Context(), profile, instance)
	}
	return c
}

func (c *changeCommand) move(ctx context.Context, profile, instance string) error {
	var wrong cmdutil.Wrong
	if (profile == "") == (instance == "") {
		wrong.Add("--to-profile", "exactly one of --to-profile and --to-instance-id is required")
		return c.run(ctx, wrong)
	}
	c.options.ToProfile = profile
	if instance != "" {
		id, err := field.ParseUUID(instance)
		wrong.AddErr("--to-instance-id", err)
		c.options.To = id
		if c.app.Getenv(keyOfDestination) == "" {
			wrong.Add("--to-instance-id", "set %s to the key of that instance", keyOfDestination)
		}
	} else {
		to, err := c.app.InstanceOf(ctx, profile)
		if err != nil {
			return err
		}
		c.options.To = to.ID
	}
	if len(wrong) == 0 {
		c.app.Streams.Warn("DeviceTokens that are derived from a key do not follow: " +
			"registering a moved user's row again, here or there, creates another user")
	}
	return c.run(ctx, wrong)
}

// destination is the instance that users are moved to, with its key.
func (c *changer) destination(ctx context.Context) (userservice.Instance, error) {
	if c.options.ToProfile == "" {
		key := c.app.Getenv(keyOfDestination)
		if key == "" {
			return userservice.Instance{}, failure.Newf(failure.Invalid, "move users to instance %s: key not set",
				c.options.To).
				Because(cmdutil.ReasonKeyOfTarget, keyOfDestination)
		}
		return userservice.Instance{ID: c.options.To, Key: secret.New(key)}, nil
	}
	to, err := c.app.InstanceOf(ctx, c.options.ToProfile)
	if err == nil && to.ID != c.options.To {
		err = failure.Newf(failure.Invalid, "profile %s is of instance %s, but the users were to be moved to %s",
			c.options.ToProfile, to.ID, c.options.To)
	}
	return to, err
}
