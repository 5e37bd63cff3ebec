// Package audit holds the commands of the audit record.
package audit

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New makes the command `audit`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Show the changes made from here"}
	c.AddCommand(newList(k))
	return c
}

// entry is a line of the record as it is printed.
type entry struct {
	Time        time.Time
	Profile     string
	InstanceID  string `json:"InstanceId"`
	Command     string
	Operation   string
	DeviceToken string
	Changes     []audit.Change
	Outcome     string
	RequestID   string `json:"RequestId"`

	clientID string // for tables
}

var view = render.View[entry]{
	Columns: []render.Column[entry]{
		{Head: "TIME", Name: "Time", Cell: func(e entry) any { return e.Time }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Pipe: true, Cell: func(e entry) any { return e.DeviceToken }},
		{Head: "USER", Name: "ClientId", Cell: func(e entry) any { return e.clientID },
			Screen: func(e entry) any { return cmp.Or(e.clientID, e.DeviceToken) }},
		cmdutil.OutcomeColumn(func(e entry) string { return e.Outcome }),
		{Head: "OPERATION", Name: "Operation", Spare: true, Cell: func(e entry) any { return e.Operation }},
		{Head: "CHANGES", Name: "Changes", Wrap: true, Cell: func(e entry) any { return cmdutil.ChangesText(e.Changes) }},
		{Head: "COMMAND", Name: "Command", Wide: true, Cell: func(e entry) any { return e.Command }},
		{Head: "PROFILE", Name: "Profile", Wide: true, Cell: func(e entry) any { return e.Profile }},
		{Head: "INSTANCE", Name: "InstanceId", Wide: true, Cell: func(e entry) any { return e.InstanceID }},
		{Head: "REQUEST", Name: "RequestId", Wide: true, Cell: func(e entry) any { return e.RequestID }},
	},
	ID: func(e entry) string { return e.DeviceToken },
}

type listOptions struct {
	since, token string
	all          bool
}

func newList(k *cmdutil.App) *cobra.Command {
	var o listOptions
	c := &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(),
		Short:       "List the changes made from this machine",
		Long: `Lists the changes that this program made from this state folder by the current
profile, the oldest first: when, to whom, from what to what. Records are kept
for 90 days. Changes made by other means, such as in the console, are not in it.`,
		Example: `  telematicsctl audit list --since 7d
  telematicsctl audit list --token 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c.Context(), k, o) },
	}
	c.Flags().StringVar(&o.since, "since", "", "only changes of this last `time` (90m, 36h, 7d)")
	c.Flags().StringVar(&o.token, "token", "", "only changes of the user with this `TOKEN`")
	c.Flags().BoolVar(&o.all, "all-profiles", false, "changes by all profiles")
	cmdutil.AddColumns(c, k, view.Names())
	return c
}

// deviceToken returns the DeviceToken of a TOKEN: one that names a user by a key is looked up.
func deviceToken(ctx context.Context, k *cmdutil.App, text string) (string, error) {
	token, err := fleet.ParseToken(text)
	if err != nil {
		return "", failure.InvalidFields("invalid flags",
			[]failure.Field{{Key: "--token", Message: failure.From(err).Message}})
	}
	if token.Field == nil {
		return token.DeviceToken.String(), nil
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }()
	return s.DeviceToken(ctx, token)
}

func list(ctx context.Context, k *cmdutil.App, o listOptions) error {
	p, err := cmdutil.PrinterOf(ctx, k, view)
	if err != nil {
		return err
	}
	var f audit.Filter
	if o.since != "" {
		d, err := cmdutil.ParseDuration(o.since)
		if err != nil {
			return failure.InvalidFields("invalid flags", []failure.Field{{Key: "--since", Message: failure.From(err).Message}})
		}
		f.Since = k.Now().Add(-d)
	}
	if o.token != "" {
		if f.DeviceToken, err = deviceToken(ctx, k, o.token); err != nil {
			return err
		}
	}
	cfg, err := k.Config()
	if err != nil {
		return err
	}
	profile, err := cfg.Resolve()
	if err != nil {
		return err
	}
	out := render.NewStream(p, view, render.Frame{})
	found := false
	unreadable, err := k.AuditOf(cfg, profile).Each(ctx, f, func(e audit.Entry) error {
		if !o.all && e.Profile != profile.Name {
			return nil
		}
		found = true
		return out.Add(entry{e.Time, e.Profile, e.InstanceID, e.Command, e.Operation, e.DeviceToken, e.Changes, e.Outcome,
			e.RequestID, e.ClientID})
	})
	if closeErr := out.Close(nil); err == nil {
		err = closeErr
	}
	if unreadable > 0 {
		k.Streams.Warn(cmdutil.Count(unreadable, "line", "lines") + " of the audit record cannot be read and was skipped")
	}
	if err == nil && !found {
		k.Streams.Note("No changes are recorded")
	}
	return err
}
