package token

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// refreshOptions are the flags and arguments of `token refresh`.
type refreshOptions struct {
	token       []string // [TOKEN]
	all         bool
	within      time.Duration
	concurrency int
	stdin       bool
	prune       bool
	ignoreGuard bool
	onlyAll     []string // the flags given that go with --all alone
}

// renewed is a renewed pair as it is printed; the tokens under --show-tokens alone.
type renewed struct {
	cmdutil.StoredPair
	AccessToken  string `json:",omitempty"`
	RefreshToken string `json:",omitempty"`
}

// renewedView has the columns of a stored pair, with the tokens where they are to be shown.
func renewedView(showTokens bool) render.View[renewed] {
	v := render.View[renewed]{ID: func(r renewed) string { return r.ID() }}
	for _, c := range storedView.Columns {
		v.Columns = append(v.Columns, render.Column[renewed]{Head: c.Head, Name: c.Name, Cell: func(r renewed) any {
			return c.Cell(r.StoredPair)
		}})
	}
	if showTokens {
		v.Columns = append(v.Columns,
			render.Column[renewed]{Head: "ACCESS TOKEN", Name: "AccessToken", Cell: func(r renewed) any {
				return r.AccessToken
			}},
			render.Column[renewed]{Head: "REFRESH TOKEN", Name: "RefreshToken", Cell: func(r renewed) any {
				return r.RefreshToken
			}})
	}
	return v
}

func newRefresh(k *cmdutil.App) *cobra.Command {
	var o refreshOptions
	c := &cobra.Command{
		Use:         "refresh [TOKEN]",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Renew stored tokens",
		Long: `Renews the stored AccessToken and RefreshToken of a user, or of the admin if no
TOKEN is given. If the service refuses the RefreshToken, the tool signs in again
where that needs no person.

--all renews every stored pair that expires within --within, and reports each
one; a failed pair does not stop the others. A user who is gone is reported and
not tried again; --prune deletes its tokens.

--stdin renews a pair that another system keeps, read as JSON from standard
input: {"AccessToken": "…", "RefreshToken": "…"}. Nothing is stored, and the old
pair is worthless afterwards, so --show-tokens is required.`,
		Example: `  telematicsctl token refresh
  telematicsctl token refresh 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70
  telematicsctl token refresh --all --within 24h --prune
  telematicsctl token refresh --stdin --show-tokens -o json < pair.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.token = args
			o.onlyAll = slices.DeleteFunc([]string{"within", "concurrency", "prune"}, func(name string) bool {
				return !c.Flags().Changed(name)
			})
			return refresh(c.Context(), k, o)
		},
	}
	c.Flags().BoolVar(&o.all, "all", false, "renew all stored pairs of the profile that expire soon")
	c.Flags().DurationVar(&o.within, "within", 24*time.Hour, "renew pairs that expire within this time (with --all)")
	c.Flags().IntVar(&o.concurrency, "concurrency", 8, "maximum requests in flight (with --all)")
	c.Flags().BoolVar(&o.prune, "prune", false, "delete the tokens of users who are gone (with --all)")
	c.Flags().BoolVar(&o.stdin, "stdin", false, "renew the pair on standard input, and store nothing")
	cmdutil.AddIgnoreGuard(c, &o.ignoreGuard)
	c.MarkFlagsMutuallyExclusive("all", "stdin")
	c.MarkFlagsMutuallyExclusive("ignore-guard", "stdin")
	return c
}

func refresh(ctx context.Context, k *cmdutil.App, o refreshOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case o.all:
		return refreshAll(ctx, k, o)
	case o.stdin:
		return refreshStdin(ctx, k)
	}
	named, err := parseSubject(o.token)
	if err != nil {
		return err
	}
	view := renewedView(k.Flags.ShowTokens)
	if err := cmdutil.CheckOutput(ctx, k, view); err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.Auth.Guard.Ignore = o.ignoreGuard
	who, err := named.of(ctx, s)
	if err != nil {
		return err
	}
	rec, err := s.Auth.Refresh(ctx, who)
	if err != nil {
		return err
	}
	return cmdutil.Print(ctx, k, view, renewedOf(k, who, s.Profile.Name, s.Stored(), rec))
}

func (o refreshOptions) check() error {
	var wrong []failure.Field
	if len(o.token) > 0 && (o.all || o.stdin) {
		wrong = append(wrong, failure.Field{Key: "TOKEN", Message: "must not be given with --all or --stdin"})
	}
	for _, name := range o.onlyAll {
		if !o.all {
			wrong = append(wrong, failure.Field{Key: "--" + name, Message: "requires --all"})
		}
	}
	if o.concurrency < 1 {
		wrong = append(wrong, failure.Field{Key: "--concurrency", Message: "must be at least 1"})
	}
	if o.within < 0 {
		wrong = append(wrong, failure.Field{Key: "--within", Message: "must not be negative"})
	}
	return failure.InvalidFields("nothing was renewed", wrong)
}

func renewedOf(k *cmdutil.App, who, profile, kind string, rec tokenstore.Record) renewed {
	r := renewed{StoredPair: cmdutil.NewStoredPair(tokenstore.Entry{Key: tokenstore.Key{Profile: profile, Subject: who},
		Email:    rec.Email,
		IssuedAt: rec.IssuedAt, ExpiresAt: rec.ExpiresAt}, kind, k.Now())}
	if k.Flags.ShowTokens {
		r.AccessToken, r.RefreshToken = rec.Access.Reveal(), rec.Refresh.Reveal()
	}
	return r
}
