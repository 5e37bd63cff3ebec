// Package auth is the commands that sign in and out.
package auth

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// New makes the command `auth`.
func New(k *kit.Kit) *cobra.Command {
	c := &cobra.Command{Use: "auth", Short: "Sign in"}
	c.AddCommand(newLogin(k, nil))
	return c
}

// loginOptions are what `auth login` was told.
type loginOptions struct {
	email         string
	passwordStdin bool
	deviceToken   string
}

// signedIn is what `auth login` prints.
type signedIn struct {
	Subject   string
	Profile   string
	Stored    string
	ExpiresAt *time.Time
}

var signedInView = render.View[signedIn]{
	Columns: []render.Column[signedIn]{
		{Head: "SUBJECT", Name: "Subject", Cell: func(s signedIn) any { return s.Subject }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s signedIn) any { return s.Profile }},
		{Head: "STORED", Name: "Stored", Cell: func(s signedIn) any { return s.Stored }},
		{Head: "EXPIRES", Name: "ExpiresAt", Cell: func(s signedIn) any { return s.ExpiresAt }},
	},
}

func newLogin(k *kit.Kit, run func(context.Context, loginOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o loginOptions) error { return login(ctx, k, o) }
	}
	var o loginOptions
	c := &cobra.Command{
		Use:   "login",
		Short: "Sign in as the admin, or as a user",
		Long: `Signs in and stores the tokens: as the admin by e-mail and password, or as a user by its DeviceToken and the InstanceKey.

The password is asked for without echo, or read from standard input with --password-stdin, or taken from
TELEMATICSCTL_ADMIN_PASSWORD. The service takes five sign-ins a minute from one address and blocks it for an hour at the sixth; the tool
keeps count and does not send that one.`,
		Example: `  telematicsctl auth login --email ops@example.com
  pass show damoov/admin | telematicsctl auth login --email ops@example.com --password-stdin
  telematicsctl auth login --device-token 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), o) },
	}
	c.Flags().StringVar(&o.email, "email", "", "the admin's e-mail address (TELEMATICSCTL_ADMIN_EMAIL, admin_email)")
	c.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	c.Flags().StringVar(&o.deviceToken, "device-token", "", "sign in as the user with this `TOKEN`")
	c.MarkFlagsMutuallyExclusive("email", "device-token")
	c.MarkFlagsMutuallyExclusive("password-stdin", "device-token")
	return c
}

func login(ctx context.Context, k *kit.Kit, o loginOptions) error {
	if err := kit.CheckOutput(ctx, k, signedInView); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if s.Stored() == "" {
		return failure.New(failure.Invalid, "TELEMATICSCTL_ACCESS_TOKEN is set: signing in would store nothing").WithHint("unset it first")
	}
	who, rec, err := signIn(ctx, k, s, o)
	if err != nil {
		return err
	}
	out := signedIn{Subject: who, Profile: s.Profile.Name, Stored: s.Stored()}
	if !rec.ExpiresAt.IsZero() {
		out.ExpiresAt = &rec.ExpiresAt
	}
	return kit.Print(ctx, k, signedInView, out)
}

func signIn(ctx context.Context, k *kit.Kit, s *kit.Session, o loginOptions) (who string, rec tokenstore.Record, err error) {
	if o.deviceToken != "" {
		token, err := field.ParseUUID(o.deviceToken)
		if err != nil {
			return "", rec, failure.Mistakes("cannot sign in", []failure.Field{{Key: "DeviceToken", Message: err.Error()}})
		}
		rec, err = s.Auth.LoginUser(ctx, token)
		return token, rec, err
	}
	email := o.email
	if email == "" {
		email = s.Auth.AdminEmail
	}
	if email == "" {
		return "", rec, failure.New(failure.Invalid, "cannot sign in: whose e-mail address?").WithHint("give --email, or --device-token to sign in as a user")
	}
	if _, err := field.Get("Email").ParseText(email, k.Now()); err != nil {
		return "", rec, failure.Mistakes("cannot sign in", []failure.Field{{Key: "--email", Message: err.Error()}})
	}
	if err := s.Store.Check(ctx); err != nil {
		return "", rec, err // before the password is asked for
	}
	password, err := adminPassword(ctx, k, s, o.passwordStdin)
	if err != nil {
		return "", rec, err
	}
	rec, err = s.Auth.LoginAdmin(ctx, email, password)
	return auth.Admin, rec, err
}

// adminPassword is from standard input, from the environment, or from the person at the terminal.
func adminPassword(ctx context.Context, k *kit.Kit, s *kit.Session, stdin bool) (secret.String, error) {
	if stdin {
		return terminal.ReadSecretLine(k.Streams.In)
	}
	if password, err := s.Auth.AdminPassword(ctx); err != nil || !password.IsZero() {
		return password, err
	}
	return k.Streams.Password(ctx, "Password", "--password-stdin")
}
