package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// a flip is one of the commands set-tracking, set-logging, set-realtime and set-enabled.
type flip struct {
	name, short, field string
	harm               string // the warning of switching it on; "" for none
}

var switches = []flip{
	{name: "set-tracking", field: "EnableTracking", short: "Switch the recording of trips on or off"},
	{name: "set-logging", field: "EnableLogging", short: "Switch the phone's debug log on or off",
		harm: "debug logging drains the battery of the phone: switch it off when the work is done"},
	{name: "set-realtime", field: "EnableRealTimeLocation", short: "Switch the streaming of the live position on or off",
		harm: "streaming the live position is heavy on the battery of the phone: switch it off when the work is done"},
	{name: "set-enabled", field: "Enabled", short: "Activate or deactivate users; a deactivated user is not deleted"},
}

// setOptions are what a set command was told.
type setOptions struct {
	change flip
	on     bool
	users  whom
	as     string // admin, user, or "" for whichever can be had
}

func newSet(k *cmdutil.App, change flip, run func(context.Context, setOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o setOptions) error { return set(ctx, k, o) }
	}
	var as, file string
	c := &cobra.Command{
		Use:   change.name + " on|off TOKEN...",
		Short: change.short,
		Long: change.short + `. Only this flag is sent; all else of the user stays as it is.

The change is made as the admin if the admin's tokens are stored (or can be had without asking), else as the user itself: by
its stored tokens, or by signing in with the DeviceToken and the InstanceKey. Several users are changed side by side; one that
fails does not stop the others. With --file the users are those of a file, such as the results of a bulk run.`,
		Example: "  telematicsctl user " + change.name + " off 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70\n  telematicsctl user " + change.name + " off --file results.csv",
		Args:    cobra.MinimumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []string{"on", "off"}, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			o := setOptions{change: change, as: as, users: whom{args[1:], file}}
			on, err := field.Get(change.field).ParseText(args[0], k.Now())
			if err != nil {
				return failure.New(failure.Invalid, "the first argument says on or off: "+err.Error()).WithHint("telematicsctl user " + change.name + " on|off TOKEN...")
			}
			o.on = on == true
			return run(c.Context(), o)
		},
	}
	addAs(c, &as)
	addTokensFile(c, &file)
	return c
}

// addAs makes the flag --as.
func addAs(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "", "make the change as the `admin|user`; else as the admin where that is possible")
	_ = c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{"admin", "user"}, cobra.ShellCompDirectiveNoFileComp))
}

func set(ctx context.Context, k *cmdutil.App, o setOptions) error {
	if o.as != "" && o.as != "admin" && o.as != "user" {
		return failure.Newf(failure.Invalid, "--as %q is neither admin nor user", o.as)
	}
	if err := cmdutil.CheckOutput(ctx, k, changedView); err != nil {
		return err
	}
	users, err := openTokens(ctx, k, o.users)
	if err != nil {
		return err
	}
	defer users.close()
	s, err := k.Session(min(users.count(), changesAtOnce), users.count() > 1)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	acting, err := actor(ctx, s, o.as)
	if err != nil {
		return err
	}
	if o.on && o.change.harm != "" {
		k.Streams.Warn(o.change.harm)
	}
	if err := s.BeforeChange(ctx); err != nil {
		return err
	}
	var body field.Set
	body.Put(field.Get(o.change.field), o.on)
	return task{users, "updated", func(ctx context.Context, token string) error {
		return s.API.Update(ctx, acting(token), token, body)
	}}.carryOut(ctx, k)
}

// actor chooses who makes the changes, before any is sent: it returns the caller for the user with a DeviceToken.
func actor(ctx context.Context, s *cmdutil.Session, as string) (func(token string) userservice.Caller, error) {
	admin := as == "admin"
	if as == "" {
		has, err := s.Auth.HasAdmin(ctx)
		if err != nil {
			return nil, err
		}
		admin = has
	}
	if admin {
		return func(string) userservice.Caller { return userservice.AsAdmin() }, nil
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return nil, err
	}
	return func(token string) userservice.Caller { return userservice.AsUser(token, in) }, nil
}
