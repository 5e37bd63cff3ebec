package token

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// printed is what `token print` gives to a program.
type printed struct {
	Subject     string
	AccessToken string
	ExpiresAt   *time.Time
}

func newPrint(k *kit.Kit) *cobra.Command {
	var ignoreGuard bool
	c := &cobra.Command{
		Use:     "print [TOKEN]",
		Short:   "Write a valid JWT to standard output",
		Long:    "Writes a JWT of a user, or of the admin when no TOKEN is given, to standard output: the stored one, renewed if need be. It is a secret.",
		Example: `  curl -H "Authorization: Bearer $(telematicsctl token print)" …`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return printToken(c.Context(), k, args, ignoreGuard) },
	}
	kit.AddIgnoreGuard(c, &ignoreGuard)
	return c
}

func printToken(ctx context.Context, k *kit.Kit, args []string, ignoreGuard bool) error {
	who, err := subject(args)
	if err != nil {
		return err
	}
	view := render.View[printed]{Columns: []render.Column[printed]{{Head: "ACCESS TOKEN", Name: "AccessToken", Cell: func(p printed) any { return p.AccessToken }}}}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := view.Check(p); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.Auth.Guard.Ignore = ignoreGuard
	rec, err := s.Auth.Token(ctx, who)
	if err != nil {
		return err
	}
	if p.Format() == render.Table {
		_, err := k.Streams.Out.Write([]byte(rec.Access.Reveal() + "\n"))
		return err
	}
	out := printed{Subject: who, AccessToken: rec.Access.Reveal()}
	if !rec.ExpiresAt.IsZero() {
		out.ExpiresAt = &rec.ExpiresAt
	}
	return render.One(p, view, out)
}
