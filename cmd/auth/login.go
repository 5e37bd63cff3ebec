package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/terminal"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// loginOptions are the flags of `auth login`.
type loginOptions struct {
	email         string
	passwordStdin bool
	savePassword  bool
	deviceToken   string
	ignoreGuard   bool
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
	ID: func(s signedIn) string { return deviceToken(s.Subject) },
}

func newLogin(k *cmdutil.App) *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:         "login",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Sign in as admin or user",
		Long: `Signs in and stores the tokens: as the admin by email and password, or as a user
by its DeviceToken and the InstanceKey. The new tokens are verified by a call.

The password is read from standard input with --password-stdin, else taken from
TELEMATICSCTL_ADMIN_PASSWORD, else prompted for. --save-password stores it too,
so that the tool can sign in again without a person.

The service takes five sign-ins a minute from one address and blocks the address
for an hour after one more. The tool counts, and does not send that one unless
--ignore-guard is given.`,
		Example: `  telematicsctl auth login --email ops@example.com
  telematicsctl auth login --password-stdin --save-password < password
  telematicsctl auth login --device-token 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return login(c.Context(), k, o) },
	}
	c.Flags().StringVar(&o.email, "email", "", "email address of the admin (default: admin_email)")
	c.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	c.Flags().BoolVar(&o.savePassword, "save-password", false, "store the password as well")
	c.Flags().StringVar(&o.deviceToken, "device-token", "", "sign in as the user with this `TOKEN`")
	cmdutil.AddIgnoreGuard(c, &o.ignoreGuard)
	for _, flag := range []string{"email", "password-stdin", "save-password"} {
		c.MarkFlagsMutuallyExclusive(flag, "device-token")
	}
	return c
}

func login(ctx context.Context, k *cmdutil.App, o loginOptions) error {
	if err := cmdutil.CheckOutput(ctx, k, signedInView); err != nil {
		return err
	}
	s, err := k.StoredSession()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if o.savePassword && s.Stored() == tokenstore.KindMemory {
		return failure.New(failure.Invalid, "--save-password: token_store memory keeps no password for the next command").
			Because(cmdutil.ReasonPasswordNotKept, "")
	}
	if s.Stored() == tokenstore.KindMemory {
		k.Streams.Warn("token_store memory keeps the tokens for this command only: the next one is not signed in")
	}
	s.Auth.Guard.Ignore = o.ignoreGuard
	who, rec, err := signIn(ctx, k, s, o)
	if err != nil {
		return err
	}
	if other := s.Auth.OtherAdmin(ctx); who == auth.Admin && other != "" {
		k.Streams.Warn(s.Auth.AdminEmail + " is set as the admin of profile " + s.Profile.Name + ": set " +
			"TELEMATICSCTL_ADMIN_EMAIL or admin_email to " + other + " to act by this sign-in")
	}
	out := signedIn{Subject: who, Profile: s.Profile.Name, Stored: s.Stored()}
	if !rec.ExpiresAt.IsZero() {
		out.ExpiresAt = &rec.ExpiresAt
	}
	return cmdutil.Print(ctx, k, signedInView, out)
}

func signIn(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, o loginOptions) (who string,
	rec tokenstore.Record, err error) {
	if o.deviceToken != "" {
		return signInUser(ctx, k, s, o)
	}
	email := o.email
	if email == "" {
		email = s.Auth.AdminEmail
	}
	if email == "" && k.Streams.CanPrompt() && !o.passwordStdin {
		if email, err = k.Streams.Line(ctx, "Email address", "--email"); err != nil {
			return "", rec, err
		}
	}
	if email == "" {
		return "", rec, failure.New(failure.Invalid, "no email address").
			Because(cmdutil.ReasonNoEmail, "")
	}
	if _, err := field.MustGet("Email").ParseText(email, k.Now()); err != nil {
		return "", rec, failure.InvalidFields("cannot sign in", []failure.Field{{Key: "--email", Message: err.Error()}})
	}
	if err := s.Store.Check(ctx); err != nil {
		return "", rec, err // before the password is asked for
	}
	if err := s.Auth.Guard.Check(s.API.Host()); err != nil {
		return "", rec, err
	}
	password, err := adminPassword(ctx, k, s, email, o.passwordStdin)
	if err != nil {
		return "", rec, err
	}
	done, err := s.Auth.LoginAdmin(ctx, email, password)
	if err != nil {
		return "", rec, err
	}
	kept, err := verify(ctx, s, done, userservice.AsAdmin())
	if kept && o.savePassword {
		err = errors.Join(err, s.Auth.SavePassword(ctx, email, password))
	}
	return auth.Admin, done.Record, err
}

func signInUser(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, o loginOptions) (who string,
	rec tokenstore.Record, err error) {
	token, err := parseToken(o.deviceToken)
	if err != nil {
		return "", rec, err
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return "", rec, err
	}
	done, err := s.Auth.LoginUser(ctx, token)
	if err != nil {
		return "", rec, err
	}
	_, err = verify(ctx, s, done, userservice.AsUser(token, in))
	if failure.Is(err, failure.Unauthorized) && statusOf(err) == http.StatusForbidden {
		// The vendor's documents differ on whether a user may read its own profile; the 403 shows
		// that the JWT is known.
		k.Streams.Warn("the service knows the user, but does not let it read its own profile")
		err = nil
	}
	return token, done.Record, err
}

// verify makes a call with a pair that was just stored. One that the service refuses is rolled
// back; where the service could not be asked, it is kept, as it may well be valid.
func verify(ctx context.Context, s *cmdutil.Session, done auth.Login, as userservice.Caller) (kept bool, err error) {
	err = s.API.WithAuthorizer(userservice.StaticToken{JWT: done.Access}).VerifyToken(ctx, as)
	status := statusOf(err)
	if !failure.Is(err, failure.Unauthorized) { // a gateway's status says nothing of the tokens
		status = 0
	}
	switch {
	case err == nil, done.Subject != auth.Admin && status == http.StatusForbidden:
		return true, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return false, rollBack(ctx, s, done, failure.From(err))
	default:
		e := failure.Copy(err)
		e.Message = "signed in, and the tokens are stored, but a first call with them failed: " + e.Message
		if e.Hint == "" {
			e.Hint = "the tokens may well be valid: use them when the service answers again"
		}
		return true, e
	}
}

// rollBack removes a pair that the service issued and then refused, and returns the error that says
// so.
func rollBack(ctx context.Context, s *cmdutil.Session, done auth.Login, refusal *failure.Error) error {
	e := *refusal
	e.Reason = "" // the hint is about the sign-in, not about the call
	what := "managing users"
	e.Hint = "check that this is an admin's account; 403 means that it may not see users"
	if done.Subject != auth.Admin {
		what = "the user's own profile"
		e.Hint = "check the DeviceToken, and that the user is of this instance"
	}
	left, err := s.Auth.Rollback(ctx, done)
	became := "were not kept"
	switch {
	case err != nil:
		became = "could not be removed again (" + err.Error() + ")"
	case left.Access.IsZero():
	case left.Access == done.Before.Access:
		became = "were not kept (those that were stored before are stored again)"
	default:
		became = "were not kept (those that another process has stored meanwhile are)"
	}
	e.Message = "the sign-in succeeded, but its tokens are refused for " + what + ", and " + became + ": " +
		refusal.Message
	e.Cause = errors.Join(refusal.Cause, err)
	return &e
}

func statusOf(err error) int {
	var f *failure.Error
	if errors.As(err, &f) {
		return f.Status
	}
	return 0
}

// adminPassword returns the password from standard input, the environment or the person at the
// terminal, else the one that is stored for the address.
func adminPassword(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, email string,
	stdin bool) (secret.String, error) {
	switch {
	case stdin:
		return terminal.ReadSecretLine(k.Streams.In)
	case !s.Auth.AdminPassword.IsZero():
		return s.Auth.AdminPassword, nil
	case !k.Streams.CanPrompt():
		if kept, password, err := s.Auth.SavedLogin(ctx); err != nil || (kept == email && !password.IsZero()) {
			return password, err
		}
	}
	return k.Streams.Password(ctx, "Password of "+email, "--password-stdin")
}
