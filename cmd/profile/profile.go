// Package profile is the commands that manage the profiles of the configuration file.
package profile

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// New makes the command `profile`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "profile", Short: "Manage profiles, one for each instance"}
	c.AddCommand(newAdd(k), newList(k), newShow(k), newUse(k), newRemove(k))
	return c
}

// Names lists the profiles for completion; a configuration that cannot be read has none.
func Names(k *cmdutil.App) []string {
	cfg, err := k.Config()
	if err != nil {
		return nil
	}
	return append(cfg.Names(), config.SandboxProfile)
}

// names completes an argument with the profiles' names.
func names(k *cmdutil.App) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return Names(k), cobra.ShellCompDirectiveNoFileComp
	}
}

func newUse(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "use NAME",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Choose the current profile",
		Long: `Make a profile the current one: the one that is used where neither --profile
nor TELEMATICSCTL_PROFILE names another.`,
		Example: `  telematicsctl profile use sandbox`,
		Args:    cobra.ExactArgs(1), ValidArgsFunction: names(k),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := k.ConfigToWrite()
			if err != nil {
				return err
			}
			if err := config.CheckName(args[0]); err != nil {
				return err
			}
			if err := cfg.UseProfile(c.Context(), args[0]); err != nil {
				return err
			}
			k.Streams.Note("Profile " + args[0] + " is the current one")
			if variable := cfg.Override(args[0]); variable != "" {
				k.Streams.Warn(variable + " is set to " + cfg.Chosen() + " and overrides it: unset " + variable)
			}
			return nil
		},
	}
}

func newRemove(k *cmdutil.App) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:         "remove NAME",
		Aliases:     []string{"rm"},
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Remove a profile, its keys and its tokens",
		Long: `Remove a profile from the configuration file, and its keys and tokens from
every token store that it used. It asks first.

With --keep-tokens the token stores are left as they are.`,
		Example: `  telematicsctl profile remove test
  telematicsctl profile remove test --yes`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: names(k),
		RunE: func(c *cobra.Command, args []string) error {
			return removeProfile(c.Context(), k, args[0], keep)
		},
	}
	c.Flags().BoolVar(&keep, "keep-tokens", false, "leave the token stores as they are")
	cmdutil.AddConfirm(c, k, "profiles (1)")
	return c
}

func removeProfile(ctx context.Context, k *cmdutil.App, name string, keep bool) error {
	cfg, err := k.Config()
	if err != nil {
		return err
	}
	p, err := cfg.FromFile(name)
	switch {
	case p.Sandbox:
		return failure.New(failure.Invalid, "the profile sandbox is built in and cannot be removed").
			Because(cmdutil.ReasonSandboxStays, name)
	case failure.Is(err, failure.NotFound):
		return err
	}
	answered, err := k.ConfirmDeletion(1, "profile", "profiles")
	if err == nil && !answered {
		err = k.Confirm(ctx, "Remove profile "+name+", its keys and its tokens?")
	}
	if err != nil {
		return err
	}
	if !keep {
		if err := k.Forget(ctx, p); err != nil {
			return err
		}
	}
	wasCurrent := cfg.Current == name
	if err := cfg.RemoveProfile(ctx, name); err != nil {
		return err
	}
	k.Streams.Note("Profile " + name + " is removed")
	if wasCurrent {
		noteOthers(k, cfg, name)
	}
	return nil
}

// noteOthers names the profiles that can take the place of the current one, which was removed.
func noteOthers(k *cmdutil.App, cfg *config.Config, removed string) {
	var others []string
	for _, name := range append(cfg.Names(), config.SandboxProfile) {
		if name != removed {
			others = append(others, name)
		}
	}
	k.Streams.Note("No profile is current now. Choose one of " + strings.Join(others, ", ") + " with " +
		k.Command("profile", "use", others[0]))
}
