// Package profile is the commands that look after the profiles of the configuration file.
package profile

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// New makes the command `profile`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "profile", Short: "Look after profiles, one for each instance"}
	c.AddCommand(newAdd(k, nil), newList(k), newShow(k), newUse(k), newRemove(k))
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

// shown is a profile as it is printed: of its key, where it is from and never what it is.
type shown struct {
	Name                 string
	Current              bool
	InstanceID           string `json:"InstanceId"`
	InstanceKey          string // «environment», «file», «command», or the kind of token store it is read from
	TokenStore           string
	Protected            bool
	AdminEmail           string
	UserURL              string
	AccountsURL          string
	PortalURL            string
	RegisterMultiplePath string
	CAFile               string
}

var shortView = render.View[shown]{
	Columns: []render.Column[shown]{
		{Head: "NAME", Name: "Name", Cell: func(p shown) any { return p.Name }},
		{Head: "CURRENT", Name: "Current", Cell: func(p shown) any { return p.Current }},
		{Head: "INSTANCE", Name: "InstanceId", Cell: func(p shown) any { return p.InstanceID }},
		{Head: "TOKEN STORE", Name: "TokenStore", Cell: func(p shown) any { return p.TokenStore }},
		{Head: "PROTECTED", Name: "Protected", Cell: func(p shown) any { return p.Protected }},
	},
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

func newList(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the profiles",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := k.Config()
			if err != nil {
				return err
			}
			var list []shown
			for _, name := range append(cfg.Names(), config.SandboxProfile) {
				p, err := cfg.FromFile(name)
				if err != nil {
					k.Streams.Warn(err.Error()) // the others, and the way to mend it, must not be lost with it
				}
				one, err := show(cfg, p)
				if err != nil {
					k.Streams.Warn(err.Error())
				}
				list = append(list, one)
			}
			return cmdutil.PrintList(c.Context(), k, shortView, list, "")
		},
	}
}

func newShow(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a profile, with the environment taken into account",
		Long:              "Shows the profile in force, or the named one, as commands will use it: the environment over the file over the defaults. The key is never shown, only where it is from.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: names(k),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := config.CheckName(args[0]); err != nil {
					return err
				}
				k.Flags.Profile = args[0]
			}
			cfg, err := k.Config()
			if err != nil {
				return err
			}
			p, err := cfg.Resolve()
			if err != nil {
				return err
			}
			one, err := show(cfg, p)
			if err != nil {
				return err
			}
			return printOne(c.Context(), k, one)
		},
	}
}

// printOne prints a profile: a line a setting as a table, an object otherwise.
func printOne(ctx context.Context, k *cmdutil.App, s shown) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if p.Format() != render.Table {
		return render.One(p, shortView, s)
	}
	type setting struct {
		name  string
		value any
	}
	view := render.View[setting]{Columns: []render.Column[setting]{
		{Head: "SETTING", Cell: func(s setting) any { return s.name }},
		{Head: "VALUE", Cell: func(s setting) any { return s.value }},
	}}
	return render.List(p, view, []setting{
		{"name", s.Name}, {"current", s.Current}, {"instance_id", s.InstanceID}, {"instance_key", "(" + s.InstanceKey + ")"}, {"token_store", s.TokenStore},
		{"protected", s.Protected}, {"admin_email", s.AdminEmail}, {"user_url", s.UserURL}, {"accounts_url", s.AccountsURL},
		{"portal_url", s.PortalURL}, {"register_multiple_path", s.RegisterMultiplePath}, {"ca_file", s.CAFile},
	})
}

func show(cfg *config.Config, p config.Profile) (shown, error) {
	s := shown{
		Name: p.Name, Current: p.Name == cfg.Chosen(), InstanceID: p.InstanceID, InstanceKey: p.InstanceKeyFrom, TokenStore: p.TokenStore, Protected: p.Protected,
		AdminEmail: p.AdminEmail, CAFile: p.CAFile,
		UserURL:              cmp.Or(p.UserURL, userservice.DefaultUserURL),
		AccountsURL:          cmp.Or(p.AccountsURL, userservice.DefaultAccountsURL),
		PortalURL:            cmp.Or(p.PortalURL, userservice.DefaultPortalURL),
		RegisterMultiplePath: cmp.Or(p.RegisterMultiplePath, userservice.DefaultRegisterMultiplePath),
	}
	if p.Sandbox {
		preset, err := cmdutil.SandboxCredentials(cfg)
		if err != nil {
			return s, err
		}
		s.InstanceID, s.InstanceKey, s.AdminEmail = preset.InstanceID, "built in", preset.AdminEmail
		s.UserURL, s.AccountsURL, s.PortalURL = cmdutil.SandboxURL, cmdutil.SandboxURL, cmdutil.SandboxURL
	}
	if s.InstanceKey == "" {
		s.InstanceKey = p.TokenStore
	}
	for _, url := range []*string{&s.UserURL, &s.AccountsURL, &s.PortalURL} {
		if strings.ContainsAny(*url, "@?#") {
			*url = secret.Redacted // it may hold a password, and is refused wherever it would be used
		}
	}
	return s, nil
}

func newUse(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Make a profile the one that is used when none is named",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: names(k),
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
			return nil
		},
	}
}

func newRemove(k *cmdutil.App) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a profile, its key and its tokens",
		Long: `Removes a profile from the configuration file, and its InstanceKey and all tokens from its token store. It asks first. With --keep-tokens
the token store is not touched.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: names(k),
		RunE:              func(c *cobra.Command, args []string) error { return removeProfile(c.Context(), k, args[0], keep) },
	}
	c.Flags().BoolVar(&keep, "keep-tokens", false, "leave the token store as it is")
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
		return failure.New(failure.Invalid, "the profile «sandbox» is built in and cannot be removed").WithHint("`telematicsctl sandbox reset` empties it")
	case failure.Is(err, failure.NotFound):
		return err
	}
	if err := k.Confirm(ctx, "Remove profile "+name+", its key and its tokens?"); err != nil {
		return err
	}
	if !keep {
		if err := k.Forget(ctx, p); err != nil {
			return err
		}
	}
	if err := cfg.RemoveProfile(ctx, name); err != nil {
		return err
	}
	k.Streams.Note("Profile " + name + " is removed")
	return nil
}
