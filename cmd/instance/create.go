package instance

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type createOptions struct {
	hierarchy.New
	saving
	noProfile bool
}

func newCreate(k *cmdutil.App) *cobra.Command {
	var o createOptions
	c := &cobra.Command{
		Use:         "create --name NAME",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Create an instance, and a profile of it",
		Long: `Create an instance in an application, and a profile of it: its InstanceKey
goes to the profile's token store. The current profile stays the same, except
that the first profile of a configuration file becomes the current one.

With --throw-away the instance is marked as one for tests: only such an
instance can be deleted together with its users. With --no-profile none is
written, and --show-tokens prints the InstanceKey. Under --profile sandbox
no profile is written either.`,
		Example: `  telematicsctl --profile sandbox instance create --name ci-2 --throw-away
  telematicsctl instance create --name "Fleet South" --save-as south`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return create(c.Context(), k, o) },
	}
	f := c.Flags()
	f.StringVar(&o.Name, "name", "", "`name` of the new instance")
	f.StringVar(&o.AppID, "app", "", "`ID` of its application (default: the only one)")
	f.BoolVar(&o.ThrowAway, "throw-away", false, "mark it as an instance that is deleted with its users")
	f.BoolVar(&o.noProfile, "no-profile", false, "write no profile")
	o.add(c)
	_ = c.MarkFlagRequired("name")
	for _, name := range []string{"save-as", "token-store"} {
		c.MarkFlagsMutuallyExclusive("no-profile", name)
	}
	return c
}

func (o *createOptions) check() error {
	var wrong cmdutil.Wrong
	if o.Name = strings.TrimSpace(o.Name); o.Name == "" {
		wrong.Add("--name", "must not be blank")
	}
	if _, err := field.ParseUUID(o.Name); err == nil {
		wrong.Add("--name", "must not be a UUID: instances are found by name or ID")
	}
	if o.AppID != "" {
		id, err := field.ParseUUID(o.AppID)
		wrong.AddErr("--app", err)
		o.AppID = id
	}
	return wrong.Err()
}

func create(ctx context.Context, k *cmdutil.App, o createOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := cmdutil.CheckOutput(ctx, k, madeView); err != nil {
		return err
	}
	cfg, s, err := open(k)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var plan *profilePlan
	if !o.noProfile && !s.Profile.Sandbox {
		if plan, err = planProfile(ctx, k, cfg, s, o.saving, "", o.Name); err != nil {
			return err
		}
	}
	app, err := o.Application(ctx, s.API)
	if err != nil {
		return err
	}
	what := "creating instance " + o.Name + " in application " + app.Name + " (" + app.ID + ")"
	if err := s.ConfirmOther(ctx, what, "", 0); err != nil {
		return err
	}
	in, err := hierarchy.Create(ctx, s.API, app, o.New)
	if in.ID != "" {
		r := s.Recorder()
		r.Other(context.WithoutCancel(ctx), "instance create", "create-instance", in.ID, "", "created")
		r.Flush(context.WithoutCancel(ctx))
	}
	if err != nil {
		return err
	}
	return finishCreate(ctx, k, plan, in)
}

// finishCreate writes the profile of a new instance and prints it. Whatever fails from here on, the
// error names the instance.
func finishCreate(ctx context.Context, k *cmdutil.App, plan *profilePlan, in userservice.InstanceInfo) error {
	defer k.Saving()()
	ctx = context.WithoutCancel(ctx)
	out := made{InstanceID: in.ID, Name: in.Name}
	if plan != nil {
		if err := plan.save(ctx, in); err != nil {
			return failure.Prefix(err, "instance "+in.ID+" was created, but not its profile").
				Because(cmdutil.ReasonProfileMissing, in.ID)
		}
		out.Profile = plan.next.Name
		text := "Profile " + out.Profile + " is written to " + plan.cfg.Path
		if len(plan.cfg.Names()) == 0 { // as the file was before
			text += "; as its first profile, it is the current one"
		}
		k.Streams.Note(text)
		warnOfOverride(k, in.ID)
	}
	if k.Flags.ShowTokens {
		out.InstanceKey = in.Key.Reveal()
	}
	if err := cmdutil.Print(ctx, k, madeView, out); err != nil {
		return failure.Prefix(err, "instance "+in.ID+" was created")
	}
	return nil
}
