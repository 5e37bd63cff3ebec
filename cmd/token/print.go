package token

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// printed is what `token print` prints as JSON.
type printed struct {
	Subject     string
	AccessToken string
	ExpiresAt   *time.Time
}

func newPrint(k *cmdutil.App) *cobra.Command {
	var ignoreGuard bool
	c := &cobra.Command{
		Use:         "print [TOKEN]",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Print a valid JWT",
		Long: `Prints a JWT of a user, or of the admin if no TOKEN is given: the stored one,
renewed if necessary. It is a secret.

With TELEMATICSCTL_ACCESS_TOKEN set, it prints that one if it has not expired,
and if it is the TOKEN's.`,
		Example: `  telematicsctl token print
  curl -H "Authorization: Bearer $(telematicsctl token print)" "$URL"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return printToken(c.Context(), k, args, ignoreGuard) },
	}
	cmdutil.AddIgnoreGuard(c, &ignoreGuard)
	return c
}

func printToken(ctx context.Context, k *cmdutil.App, args []string, ignoreGuard bool) error {
	named, err := parseSubject(args)
	if err != nil {
		return err
	}
	view := render.View[printed]{Columns: []render.Column[printed]{{Head: "ACCESS TOKEN", Name: "AccessToken",
		Cell: func(p printed) any {
			return p.AccessToken
		}}}}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := view.Check(p); err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.Auth.Guard.Ignore = ignoreGuard
	who, err := named.of(ctx, s)
	if err != nil {
		return err
	}
	who, rec, err := validPair(ctx, s, args, who)
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

// validPair returns a valid JWT, and whose it is. The one from the environment is not renewed: it
// must be valid by its own claims, and the subject's if one was given.
func validPair(ctx context.Context, s *cmdutil.Session, args []string, who string) (string, tokenstore.Record, error) {
	if s.Stored() != "" {
		rec, err := s.Auth.Pair(ctx, who)
		return who, rec, err
	}
	whose, _, ok := s.Auth.EnvSubject()
	if !ok || (len(args) > 0 && whose != who) {
		return "", tokenstore.Record{}, s.Auth.EnvWrongSubject(who)
	}
	if err := s.Auth.EnvExpired(); err != nil {
		return "", tokenstore.Record{}, err
	}
	rec, err := s.Auth.Pair(ctx, whose)
	return whose, rec, err
}
