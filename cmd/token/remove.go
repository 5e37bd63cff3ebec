package token

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// removed is what became of one stored pair.
type removed struct {
	Subject string
	Outcome string
	Error   *string
}

var removedView = render.View[removed]{
	Columns: []render.Column[removed]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(r removed) any { return r.Subject }},
		cmdutil.OutcomeColumn(func(r removed) string { return r.Outcome }),
		{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(r removed) any { return r.Error }},
	},
	ID: func(r removed) string { return r.Subject },
}

func newRemove(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "remove TOKEN...",
		Aliases:     []string{"rm"},
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Delete stored tokens",
		Long: `Deletes the stored AccessToken and RefreshToken of users ("admin" for the
admin's) from the token store. The users stay, and the tokens stay valid until
they expire: the service cannot revoke them.`,
		Example: "  telematicsctl token remove 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70\n  telematicsctl token remove admin",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return remove(c.Context(), k, args) },
	}
	cmdutil.AddConfirm(c, k, "pairs of tokens")
	return c
}

func remove(ctx context.Context, k *cmdutil.App, args []string) error {
	named, err := parseSubjects(args)
	if err != nil {
		return err
	}
	if err := cmdutil.CheckOutput(ctx, k, removedView); err != nil {
		return err
	}
	s, err := k.StoredSession()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var subjects []string
	for _, one := range named {
		who, err := one.of(ctx, s)
		if err != nil {
			return err
		}
		if !slices.Contains(subjects, who) {
			subjects = append(subjects, who)
		}
	}
	if _, err := k.ConfirmDeletion(len(subjects), "pair of tokens", "pairs of tokens"); err != nil {
		return err
	}
	results := make([]removed, len(subjects))
	var there []string
	for i, who := range subjects {
		results[i] = removed{Subject: who, Outcome: "removed"}
		_, err := s.Store.Get(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: who})
		switch {
		case errors.Is(err, tokenstore.ErrNotFound):
			text := "no tokens are stored for it in profile " + s.Profile.Name
			results[i].Outcome, results[i].Error = "failed", &text
		case err != nil && !errors.Is(err, tokenstore.ErrDamaged):
			return err
		default:
			there = append(there, who)
		}
	}
	if err := s.Auth.Remove(ctx, there...); err != nil {
		return err
	}
	missing := len(subjects) - len(there)
	if err := cmdutil.PrintList(ctx, k, removedView, results, ""); err != nil {
		return err
	}
	switch {
	case missing == 0:
		return nil
	case len(results) == 1:
		return failure.Newf(failure.NotFound, "no tokens are stored for %s in profile %s", subjects[0], s.Profile.Name)
	}
	return failure.Newf(failure.Partial, "%d of %d had no stored tokens", missing, len(results))
}
