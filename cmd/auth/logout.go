package auth

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// logoutOptions are the flags of `auth logout`.
type logoutOptions struct {
	all         bool
	deviceToken string
}

// signedOut is a subject whose pair was removed.
type signedOut struct {
	Subject string
	Profile string
	Outcome string
}

var signedOutView = render.View[signedOut]{
	Columns: []render.Column[signedOut]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s signedOut) any { return s.Subject }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s signedOut) any { return s.Profile }},
		cmdutil.OutcomeColumn(func(s signedOut) string { return s.Outcome }),
	},
	ID: func(s signedOut) string { return deviceToken(s.Subject) },
}

func newLogout(k *cmdutil.App) *cobra.Command {
	var o logoutOptions
	c := &cobra.Command{
		Use:         "logout",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Sign out and delete stored tokens",
		Long: `Deletes from the profile's token store the admin's tokens and saved password,
a user's tokens with --device-token, or all of these with --all. The InstanceKey
stays; "profile remove" deletes that too.

The service cannot revoke tokens: any copy of them stays valid until it
expires.`,
		Example: "  telematicsctl auth logout\n  telematicsctl auth logout --all",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return logout(c.Context(), k, o) },
	}
	c.Flags().BoolVar(&o.all, "all", false, "sign out the admin and all users of the profile")
	c.Flags().StringVar(&o.deviceToken, "device-token", "", "sign out the user with this `TOKEN`")
	c.MarkFlagsMutuallyExclusive("all", "device-token")
	cmdutil.AddConfirm(c, k, "sign-ins")
	return c
}

func logout(ctx context.Context, k *cmdutil.App, o logoutOptions) error {
	if err := cmdutil.CheckOutput(ctx, k, signedOutView); err != nil {
		return err
	}
	s, err := k.StoredSession()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	subjects, err := storedOf(ctx, s, o)
	if err != nil {
		return err
	}
	if _, err := k.ConfirmDeletion(len(subjects), "sign-in", "sign-ins"); err != nil {
		return err
	}
	remove := subjects
	if o.deviceToken == "" {
		remove = append(remove, tokenstore.SubjectAdminPassword)
	}
	if err := s.Auth.Remove(ctx, remove...); err != nil {
		return err
	}
	list := make([]signedOut, len(subjects))
	for i, who := range subjects {
		list[i] = signedOut{Subject: who, Profile: s.Profile.Name, Outcome: "removed"}
	}
	return cmdutil.PrintList(ctx, k, signedOutView, list, "Not signed in to profile "+s.Profile.Name)
}

// storedOf returns the subjects of the options whose pairs are stored. A damaged pair counts as
// stored.
func storedOf(ctx context.Context, s *cmdutil.Session, o logoutOptions) ([]string, error) {
	if o.all {
		entries, err := s.Store.List(ctx, s.Profile.Name)
		subjects := []string{}
		for _, e := range entries {
			subjects = append(subjects, e.Subject)
		}
		return subjects, err
	}
	who, err := subjectAsked(o.deviceToken)
	if err != nil {
		return nil, err
	}
	_, err = s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: who})
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, tokenstore.ErrDamaged):
		return nil, err
	}
	return []string{who}, nil
}
