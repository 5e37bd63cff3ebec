package profile

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// shown is a profile as it is printed: of its keys, where they come from and never what they are.
type shown struct {
	Name                 string
	Current              bool
	InstanceID           string `json:"InstanceId"`
	InstanceKey          string // "environment", "file", "command", "built in", or the kind of token store it is read from
	IdentityKey          string // likewise; "" where none is configured
	TokenStore           string
	Protected            bool
	Audit                bool
	KeepDays             int
	AdminEmail           string
	UserURL              string
	AccountsURL          string
	PortalURL            string
	StatisticsURL        string
	DeviceStatusURL      string
	RegisterMultiplePath string
	CAFile               string
	File                 string            // the configuration file
	StateDir             string            // the state folder
	Sources              map[string]string // where each value comes from, by the key of the configuration file
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

func newList(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(),
		Short:       "List the profiles",
		Example:     `  telematicsctl profile list`,
		Args:        cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := k.Config()
			if err != nil {
				return err
			}
			var list []shown
			for _, name := range append(cfg.Names(), config.SandboxProfile) {
				p, err := cfg.FromFile(name)
				if err != nil {
					k.Streams.Warn(err.Error()) // the others, and the way to correct it, must not be lost with it
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
		Use:         "show [NAME]",
		Annotations: cmdutil.Effects(),
		Short:       "Show a profile and where values come from",
		Long: `Show the profile in use, or the named one, as commands will use it: flags
over environment over configuration file over defaults. Keys are never shown,
only where they come from.`,
		Example: `  telematicsctl profile show
  telematicsctl profile show sandbox -o json`,
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
	type row struct {
		name  string
		value any
	}
	view := render.View[row]{Columns: []render.Column[row]{
		{Head: "SETTING", Cell: func(r row) any { return r.name }},
		{Head: "VALUE", Wrap: true, Cell: func(r row) any { return r.value }, Screen: func(r row) any {
			if on, ok := r.value.(bool); ok && r.name != "current" {
				return cmdutil.ValueText(on) // as in the configuration file
			}
			return r.value
		}},
		{Head: "SOURCE", Cell: func(r row) any { return s.Sources[r.name] }},
	}}
	return render.List(p, view, []row{
		{"name", s.Name}, {"current", s.Current}, {"file", s.File}, {"state_dir", s.StateDir},
		{"instance_id", s.InstanceID}, {"instance_key", "(" + s.InstanceKey + ")"}, {"identity_key", s.IdentityKey},
		{"token_store", s.TokenStore}, {"protected", s.Protected}, {"audit", s.Audit}, {"keep_days", s.KeepDays},
		{"admin_email", s.AdminEmail},
		{"user_url", s.UserURL}, {"accounts_url", s.AccountsURL}, {"portal_url", s.PortalURL},
		{"statistics_url", s.StatisticsURL},
		{"device_status_url", s.DeviceStatusURL}, {"register_multiple_path", s.RegisterMultiplePath}, {"ca_file", s.CAFile},
	})
}

func show(cfg *config.Config, p config.Profile) (shown, error) {
	s := shown{
		Name: p.Name, Current: p.Name == cfg.Chosen(), InstanceID: p.InstanceID, InstanceKey: p.InstanceKeyFrom,
		TokenStore: p.TokenStore, Protected: p.Protected,
		Audit: p.Audit, KeepDays: p.KeepDays, AdminEmail: p.AdminEmail, CAFile: p.CAFile, File: cfg.Path,
		StateDir: cfg.StateDir, Sources: map[string]string{},
		UserURL:              cmp.Or(p.UserURL, userservice.DefaultUserURL),
		AccountsURL:          cmp.Or(p.AccountsURL, userservice.DefaultAccountsURL),
		PortalURL:            cmp.Or(p.PortalURL, userservice.DefaultPortalURL),
		StatisticsURL:        cmp.Or(p.StatisticsURL, config.DefaultOf("statistics_url")),
		DeviceStatusURL:      cmp.Or(p.DeviceStatusURL, config.DefaultOf("device_status_url")),
		RegisterMultiplePath: cmp.Or(p.RegisterMultiplePath, userservice.DefaultRegisterMultiplePath),
	}
	for key, source := range p.Sources {
		s.Sources[key] = source
	}
	s.Sources["name"], s.Sources["state_dir"] = cfg.ChosenSource(), cfg.StateDirSource
	if !p.IdentityKey.IsZero() || p.IdentityKeyCommand != "" {
		s.IdentityKey = "(set)"
	}
	if p.Sandbox {
		if err := s.asSandbox(cfg); err != nil {
			return s, err
		}
	}
	if s.InstanceKey == "" {
		s.InstanceKey = p.TokenStore
	}
	for _, url := range []*string{&s.UserURL, &s.AccountsURL, &s.PortalURL, &s.StatisticsURL, &s.DeviceStatusURL} {
		if strings.ContainsAny(*url, "@?#") {
			*url = secret.Redacted // it may hold a password, and is refused wherever it would be used
		}
	}
	return s, nil
}

// asSandbox fills in what is built in.
func (s *shown) asSandbox(cfg *config.Config) error {
	preset, err := cmdutil.SandboxCredentials(cfg)
	if err != nil {
		return err
	}
	s.InstanceID, s.InstanceKey, s.AdminEmail = preset.InstanceID, config.SourceBuiltIn, preset.AdminEmail
	for key, url := range map[string]*string{
		"user_url": &s.UserURL, "accounts_url": &s.AccountsURL, "portal_url": &s.PortalURL,
		"statistics_url": &s.StatisticsURL, "device_status_url": &s.DeviceStatusURL,
	} {
		*url, s.Sources[key] = cmdutil.SandboxURL, config.SourceBuiltIn
	}
	for _, key := range []string{"instance_id", "instance_key", "token_store", "admin_email"} {
		s.Sources[key] = config.SourceBuiltIn
	}
	for _, key := range []string{"protected", "audit", "keep_days", "register_multiple_path"} {
		s.Sources[key] = cmp.Or(s.Sources[key], config.SourceDefault)
	}
	return nil
}
