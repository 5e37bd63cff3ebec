// Package token is the commands that look after the stored tokens.
package token

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// New makes the command `token`.
func New(k *kit.Kit) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Renew, list, print and remove stored tokens"}
	c.AddCommand(newRefresh(k), newList(k), newPrint(k), newRemove(k))
	return c
}

// stored is what is shown of a stored pair: no secrets.
type stored struct {
	Subject   string
	Profile   string
	Stored    string
	IssuedAt  *time.Time
	ExpiresAt *time.Time
	Expired   bool
}

var storedView = render.View[stored]{
	Columns: []render.Column[stored]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s stored) any { return s.Subject }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s stored) any { return s.Profile }},
		{Head: "STORED", Name: "Stored", Cell: func(s stored) any { return s.Stored }},
		{Head: "ISSUED", Name: "IssuedAt", Cell: func(s stored) any { return s.IssuedAt }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s stored) any { return s.ExpiresAt }},
		{Head: "EXPIRED", Name: "Expired", Cell: func(s stored) any { return s.Expired }},
	},
	// The admin has no DeviceToken: -o ids gives the users alone.
	ID: func(s stored) string {
		if s.Subject == auth.Admin {
			return ""
		}
		return s.Subject
	},
}

func show(subject, profile, kind string, issued, expires, now time.Time) stored {
	s := stored{Subject: subject, Profile: profile, Stored: kind, Expired: !expires.IsZero() && !expires.After(now)}
	if !issued.IsZero() {
		s.IssuedAt = &issued
	}
	if !expires.IsZero() {
		s.ExpiresAt = &expires
	}
	return s
}

// subject reads [TOKEN]: a DeviceToken, or the admin where there is none (or the word admin).
func subject(args []string) (string, error) {
	if len(args) == 0 || args[0] == auth.Admin {
		return auth.Admin, nil
	}
	token, err := field.ParseUUID(args[0])
	if err != nil {
		return "", failure.Mistakes("TOKEN is not a DeviceToken", []failure.Field{{Key: "DeviceToken", Message: err.Error()}})
	}
	return token, nil
}

func newRefresh(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:   "refresh [TOKEN]",
		Short: "Renew the stored pair of a user, or the admin's",
		Long: `Renews the stored AccessToken and RefreshToken of a user, or the admin's when no TOKEN is given. The new pair is stored
before it is used. Where the service refuses the RefreshToken, the subject is signed in anew if that needs no person.`,
		Example: "  telematicsctl token refresh 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return refresh(c.Context(), k, args) },
	}
}

func refresh(ctx context.Context, k *kit.Kit, args []string) error {
	who, err := subject(args)
	if err != nil {
		return err
	}
	if err := kit.CheckOutput(ctx, k, storedView); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	rec, err := s.Auth.Refresh(ctx, who)
	if err != nil {
		return err
	}
	return kit.Print(ctx, k, storedView, show(who, s.Profile.Name, s.Stored(), rec.IssuedAt, rec.ExpiresAt, k.Now()))
}

func newList(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List what is stored for the profile",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := k.Session(1, false)
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			entries, err := s.Store.List(c.Context(), s.Profile.Name)
			if err != nil {
				return err
			}
			list := make([]stored, 0, len(entries))
			for _, e := range entries {
				list = append(list, show(e.Subject, e.Profile, s.Stored(), e.IssuedAt, e.ExpiresAt, k.Now()))
			}
			return kit.PrintList(c.Context(), k, storedView, list, "No tokens are stored for profile "+s.Profile.Name)
		},
	}
}

// printed is what `token print` gives to a program.
type printed struct {
	Subject     string
	AccessToken string
	ExpiresAt   *time.Time
}

func newPrint(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:     "print [TOKEN]",
		Short:   "Write a valid JWT to standard output",
		Long:    "Writes a JWT of a user, or of the admin when no TOKEN is given, to standard output: the stored one, renewed if need be. It is a secret.",
		Example: `  curl -H "Authorization: Bearer $(telematicsctl token print)" …`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return printToken(c.Context(), k, args) },
	}
}

func printToken(ctx context.Context, k *kit.Kit, args []string) error {
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

// removed is what became of one stored pair.
type removed struct {
	Subject string
	Outcome string
	Error   *string
}

var removedView = render.View[removed]{
	Columns: []render.Column[removed]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(r removed) any { return r.Subject }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(r removed) any { return r.Outcome }},
		{Head: "ERROR", Name: "Error", Cell: func(r removed) any { return r.Error }},
	},
	ID: func(r removed) string { return r.Subject },
}

func newRemove(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:   "remove TOKEN...",
		Short: "Forget stored tokens",
		Long: `Removes the stored AccessToken and RefreshToken of users from the token store ("admin" is the admin's). The users themselves stay as they are, and
the tokens are not revoked: the service has no call for that.`,
		Example: "  telematicsctl token remove 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return remove(c.Context(), k, args) },
	}
}

func remove(ctx context.Context, k *kit.Kit, args []string) error {
	subjects := make([]string, len(args))
	var wrong []failure.Field
	for i, arg := range args {
		var err error
		if subjects[i], err = subject([]string{arg}); err != nil {
			wrong = append(wrong, failure.From(err).Fields...)
		}
	}
	if err := failure.Mistakes("not every TOKEN is a DeviceToken", wrong); err != nil {
		return err
	}
	if err := kit.CheckOutput(ctx, k, removedView); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	results := make([]removed, len(subjects))
	missing := 0
	for i, who := range subjects {
		key := tokenstore.Key{Profile: s.Profile.Name, Subject: who}
		results[i] = removed{Subject: who, Outcome: "removed"}
		if _, err := s.Store.Get(ctx, key); errors.Is(err, tokenstore.ErrNotFound) {
			text := "no tokens are stored for it in profile " + s.Profile.Name
			results[i].Outcome, results[i].Error = "failed", &text
			missing++
			continue
		} else if err != nil && !errors.Is(err, tokenstore.ErrDamaged) {
			return err
		}
		if err := s.Store.Delete(ctx, key); err != nil {
			return err
		}
	}
	if err := kit.PrintList(ctx, k, removedView, results, ""); err != nil {
		return err
	}
	switch {
	case missing == 0:
		return nil
	case len(results) == 1:
		return failure.Newf(failure.NotFound, "no tokens are stored for %s in profile %s", subjects[0], s.Profile.Name)
	}
	return failure.Newf(failure.Partial, "%d of %d pairs were not there to be removed", missing, len(results))
}
