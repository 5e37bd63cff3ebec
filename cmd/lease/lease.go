// Package lease is the commands of leases: temporary changes of users, and what ends them.
package lease

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New makes the command `lease`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "lease", Short: "Manage temporary changes"}
	c.AddCommand(newList(k), newSweep(k), newCancel(k), newTimer(k))
	return c
}

// shown is a lease as it is printed.
type shown struct {
	Lease       string
	DeviceToken string
	Field       string
	Value       bool
	Before      bool
	Since       time.Time
	Until       time.Time
	Overdue     bool

	clientID string // for tables
}

var view = render.View[shown]{
	Columns: []render.Column[shown]{
		{Head: "LEASE", Name: "Lease", Cell: func(l shown) any { return l.Lease }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Pipe: true, Cell: func(l shown) any { return l.DeviceToken }},
		{Head: "USER", Name: "ClientId", Cell: func(l shown) any { return l.clientID },
			Screen: func(l shown) any { return cmp.Or(l.clientID, l.DeviceToken) }},
		{Head: "FIELD", Name: "Field", Cell: func(l shown) any { return l.Field }},
		{Head: "VALUE", Name: "Value", Cell: func(l shown) any { return onOff(l.Value) }},
		{Head: "BEFORE", Name: "Before", Spare: true, Cell: func(l shown) any { return onOff(l.Before) }},
		{Head: "SINCE", Name: "Since", Wide: true, Cell: func(l shown) any { return l.Since }},
		{Head: "UNTIL", Name: "Until", Cell: func(l shown) any { return l.Until }},
		{Head: "OVERDUE", Name: "Overdue", Cell: func(l shown) any {
			if l.Overdue {
				return "overdue"
			}
			return ""
		}},
	},
	ID: func(l shown) string { return l.DeviceToken },
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func newList(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(),
		Short:       "List temporary changes",
		Long: `Lists the leases of the current profile, those that end first before the others:
the flag, what it was set to, what it goes back to and when. Leases are kept in
the state folder of this machine.`,
		Example: "  telematicsctl lease list\n  telematicsctl lease list -o json --jq '.[] | select(.Overdue)'",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return list(c.Context(), k) },
	}
	cmdutil.AddColumns(c, k, view.Names())
	return c
}

func list(ctx context.Context, k *cmdutil.App) error {
	if err := cmdutil.CheckOutput(ctx, k, view); err != nil {
		return err
	}
	store, p, err := storeOf(k)
	if err != nil {
		return err
	}
	open, err := store.List()
	if err != nil {
		return err
	}
	out := []shown{}
	for _, l := range open {
		if l.Profile == p.Name {
			out = append(out, shown{l.ID, l.DeviceToken, l.Field, l.Value, l.Before, l.Since, l.Until, l.Overdue(k.Now()), ""})
		}
	}
	if err := addClientIDs(ctx, k, p, out); err != nil {
		return err
	}
	return cmdutil.PrintList(ctx, k, view, out, "No temporary changes")
}

// addClientIDs names the users as the audit record does, which has the changes that the leases
// are of.
func addClientIDs(ctx context.Context, k *cmdutil.App, p config.Profile, leases []shown) error {
	if len(leases) == 0 {
		return nil
	}
	cfg, err := k.Config()
	if err != nil {
		return err
	}
	known := map[string]string{}
	first := slices.MinFunc(leases, func(a, b shown) int { return a.Since.Compare(b.Since) }).Since
	if _, err := k.AuditOf(cfg, p).Each(ctx, audit.Filter{Since: first}, func(e audit.Entry) error {
		if e.ClientID != "" {
			known[e.DeviceToken] = e.ClientID
		}
		return nil
	}); err != nil {
		return err
	}
	for i, l := range leases {
		leases[i].clientID = known[l.DeviceToken]
	}
	return nil
}

// storeOf returns the leases of the profile in force, without a session.
func storeOf(k *cmdutil.App) (*lease.Store, config.Profile, error) {
	cfg, err := k.Config()
	if err != nil {
		return nil, config.Profile{}, err
	}
	p, err := cfg.Resolve()
	if err != nil {
		return nil, config.Profile{}, err
	}
	return k.LeasesOf(cfg, p), p, nil
}
