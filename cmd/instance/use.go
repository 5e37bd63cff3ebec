package instance

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
)

// saving are the flags of how a profile is written.
type saving struct{ as, store string }

func (o *saving) add(c *cobra.Command) {
	c.Flags().StringVar(&o.as, "save-as", "", "`name` of the profile to write (default: from the instance's name)")
	c.Flags().StringVar(&o.store, "token-store", "", "`store` of the profile: keyring or file")
	cmdutil.CompleteWords(c, "token-store", "keyring", "file")
}

func newUse(k *cmdutil.App) *cobra.Command {
	var o saving
	c := &cobra.Command{
		Use:         "use ID|NAME",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Make and use a profile of an instance",
		Long: `Write a profile of an instance that the signed-in admin may act on, and make
it the current one. The InstanceKey is fetched from the service and goes to
the profile's token store; it is not shown. How the service is reached is
taken over from the profile in use.

A profile that is of the instance already is updated. Where its InstanceKey
has been replaced, the old one is kept as the identity key, so that
DeviceTokens stay the same.`,
		Example: `  telematicsctl instance use Common
  telematicsctl instance use YOUR-INSTANCE-ID`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, args []string) error { return use(c.Context(), k, args[0], o) },
	}
	o.add(c)
	return c
}

func use(ctx context.Context, k *cmdutil.App, ref string, o saving) error {
	if err := cmdutil.CheckOutput(ctx, k, madeView); err != nil {
		return err
	}
	cfg, s, in, err := find(ctx, k, ref)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	name := config.SandboxProfile
	if !s.Profile.Sandbox || in.ID != s.InstanceID() || o.as != "" { // whose profile is built in
		plan, err := planProfile(ctx, k, cfg, s, o, in.ID, in.Name)
		if err != nil {
			return err
		}
		if err := plan.save(ctx, in); err != nil {
			return err
		}
		name = plan.next.Name
	}
	if err := cfg.UseProfile(ctx, name); err != nil {
		return err
	}
	k.Streams.Note("Profile " + name + " is the current one: instance " + in.Name + " (" + in.ID + ")")
	if variable := cfg.Override(name); variable != "" {
		k.Streams.Warn(variable + " is set to " + cfg.Chosen() + " and overrides it: unset " + variable)
	}
	warnOfOverride(k, in.ID)
	return cmdutil.Print(ctx, k, madeView, made{InstanceID: in.ID, Name: in.Name, Profile: name})
}
