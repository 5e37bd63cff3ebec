package auth

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// logoutOptions are what `auth logout` was told.
type logoutOptions struct {
	all         bool
	deviceToken string
}

// signedOut is one whose pair was removed.
type signedOut struct {
	Subject string
	Profile string
	Outcome string
}

var signedOutView = render.View[signedOut]{
	Columns: []render.Column[signedOut]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s signedOut) any { return s.Subject }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s signedOut) any { return s.Profile }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(s signedOut) any { return s.Outcome }},
	},
	ID: func(s signedOut) string { return deviceToken(s.Subject) },
}

func newLogout(k *cmdutil.App, run func(context.Context, logoutOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o logoutOptions) error { return logout(ctx, k, o) }
	}
	var o logoutOptions
	c := &cobra.Command{
		Use:   "logout",
		Short: "Forget the admin's tokens and password, or a user's, or all",
		Long: `Removes from the profile's token store the admin's tokens and the stored password; with --device-token a user's tokens, with --all the
tokens of everybody and the password. The profile's InstanceKey stays: "profile remove" removes that too.

The service has no call to revoke tokens: a copy of them elsewhere stays good until it expires.`,
		Example: "  telematicsctl auth logout\n  telematicsctl auth logout --all",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return run(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.all, "all", false, "everybody of the profile")
	c.Flags().StringVar(&o.deviceToken, "device-token", "", "the user with this `TOKEN`")
	c.MarkFlagsMutuallyExclusive("all", "device-token")
	return c
}

func logout(ctx context.Context, k *cmdutil.App, o logoutOptions) error {
	if err := cmdutil.CheckOutput(ctx, k, signedOutView); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if err := s.NeedStore(); err != nil {
		return err
	}
	subjects, err := whoIsThere(ctx, s, o)
	if err != nil {
		return err
	}
	forget := subjects
	if o.deviceToken == "" {
		forget = append(forget, tokenstore.SubjectAdminPassword)
	}
	if err := s.Auth.Forget(ctx, forget...); err != nil {
		return err
	}
	list := make([]signedOut, len(subjects))
	for i, who := range subjects {
		list[i] = signedOut{Subject: who, Profile: s.Profile.Name, Outcome: "removed"}
	}
	return cmdutil.PrintList(ctx, k, signedOutView, list, "Nobody was signed in by profile "+s.Profile.Name)
}

// whoIsThere are those of the options whose pairs are stored. A pair that is damaged is there too.
func whoIsThere(ctx context.Context, s *cmdutil.Session, o logoutOptions) ([]string, error) {
	if o.all {
		entries, err := s.Store.List(ctx, s.Profile.Name)
		subjects := []string{}
		for _, e := range entries {
			subjects = append(subjects, e.Subject)
		}
		return subjects, err
	}
	who := auth.Admin
	if o.deviceToken != "" {
		var err error
		if who, err = parseToken(o.deviceToken); err != nil {
			return nil, err
		}
	}
	_, err := s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: who})
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, tokenstore.ErrDamaged):
		return nil, err
	}
	return []string{who}, nil
}
