package user

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// createOptions are what `user create` was told.
type createOptions struct {
	given       map[*field.Field]string // the fields' flags
	data        string                  // the file with the body, - for standard input
	accessToken *bool                   // --create-access-token, nil where it was not given
	noValidate  bool
}

// created is what `user create` prints.
type created struct {
	DeviceToken  string
	InstanceID   string  `json:"InstanceId"`
	ClientID     *string `json:"ClientId"`
	AccessToken  storedToken
	RefreshToken string `json:",omitempty"` // under --show-tokens
}

type storedToken struct {
	Stored    string // the kind of store that holds it, or ""
	ExpiresAt *time.Time
	Token     string `json:",omitempty"` // under --show-tokens
}

var createdView = render.View[created]{
	Columns: []render.Column[created]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u created) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "ClientId", Cell: func(u created) any { return u.ClientID }},
		{Head: "TOKENS", Name: "AccessToken.Stored", Cell: func(u created) any { return u.AccessToken.Stored }},
		{Head: "EXPIRES", Name: "AccessToken.ExpiresAt", Cell: func(u created) any { return u.AccessToken.ExpiresAt }},
	},
	ID: func(u created) string { return u.DeviceToken },
}

func newCreate(k *cmdutil.App, run func(context.Context, createOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o createOptions) error { return create(ctx, k, o) }
	}
	var o createOptions
	var accessToken bool
	var fields *fieldFlags
	c := &cobra.Command{
		Use:   "create",
		Short: "Register one user",
		Long: `Registers one user. Every field is optional, and all that are given are checked before anything is sent.

The user's AccessToken and RefreshToken go to the token store; a store that cannot be used is found out
before the user is registered. Registering is not idempotent: where the answer is lost, the user may exist, and the
command says so and exits 7. With --custom-token (a UUID, or "new" to draw one) it is safe to repeat, and is repeated.`,
		Example: `  telematicsctl user create --first-name Ada --email ada@example.com --client-id c-1001
  telematicsctl user create --data user.json --tracking off
  telematicsctl user create --custom-token new -o ids`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.given = fields.given()
			if c.Flags().Changed("create-access-token") {
				o.accessToken = &accessToken
			}
			return run(c.Context(), o)
		},
	}
	var own []*field.Field
	for _, f := range field.All(field.Create) {
		if f.Kind != field.Bool {
			own = append(own, f)
		}
	}
	fields = addFieldFlags(c, own, "")
	c.Flags().Lookup("custom-token").Usage = "the DeviceToken that the user is to have: a `UUID`, or «new» to draw one; makes the command safe to repeat"
	c.Flags().StringVar(&o.data, "data", "", "take the body, as JSON, from a `file` (- is standard input); single flags win over it")
	c.Flags().BoolVar(&accessToken, "create-access-token", true, "ask for the user's tokens, and store them")
	c.Flags().BoolVar(&o.noValidate, "no-validate", false, "send every value as it is")
	_ = c.MarkFlagFilename("data", "json")
	return c
}

func create(ctx context.Context, k *cmdutil.App, o createOptions) (err error) {
	if err := cmdutil.CheckOutput(ctx, k, createdView); err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	user, err := createBody(k, o, s.Profile.NeedInstance())
	if err != nil {
		return err
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return err
	}
	wantsTokens := wantsTokens(user)
	if wantsTokens && s.Stored() != "" {
		if err := s.Store.Check(ctx); err != nil {
			return err
		}
	}
	if err := s.BeforeChange(ctx); err != nil {
		return err
	}
	made, err := s.API.Register(ctx, in, user)
	if err != nil {
		return explainCreate(err, user.Text("CustomToken"))
	}
	if made.IgnoresCustomToken {
		k.Streams.Warn("the service ignored the DeviceToken " + user.Text("CustomToken") + " and assigned " + made.DeviceToken +
			": creating the user again would create another one")
	}
	result := created{DeviceToken: made.DeviceToken, InstanceID: instanceOf(user, in, made)}
	if id, ok := user.Get("ClientId"); ok && id != nil {
		text := user.Text("ClientId")
		result.ClientID = &text
	}
	// From here on the user exists: whatever fails, its DeviceToken is printed.
	keepErr := keep(ctx, k, s, &result, made, wantsTokens)
	if err := cmdutil.Print(ctx, k, createdView, result); err != nil {
		return err
	}
	return keepErr
}

// instanceOf is the instance that the user is in: that of the profile, unless an invite code led to another, which then stands in the user's JWT, and
// else is not known.
func instanceOf(user field.Set, in userservice.Instance, made userservice.Registered) string {
	if user.Text("InstanceInviteCode") == "" {
		return in.ID
	}
	if made.Pair == nil {
		return ""
	}
	claims, _ := auth.ReadClaims(made.Pair.Access)
	return claims.InstanceID
}

// createBody gathers the fields from --data and the flags, and names every mistake at once; an instance that is not set is one.
func createBody(k *cmdutil.App, o createOptions, noInstance error) (field.Set, error) {
	r := field.Reader{Use: field.Create, Now: k.Now(), Loose: o.noValidate}
	if o.data != "" {
		data, err := k.ReadInput("--data", o.data)
		if err != nil {
			return field.Set{}, err
		}
		r.JSON(data)
	}
	if token := field.Get("CustomToken"); o.given[token] == "new" {
		o.given[token] = uuid.NewString()
	}
	readInto(&r, o.given)
	if o.accessToken != nil {
		r.Set.Put(field.Get("CreateAccessToken"), *o.accessToken)
	} else if _, said := r.Set.Get("CreateAccessToken"); !said {
		r.Set.Put(field.Get("CreateAccessToken"), true)
	}
	if noInstance != nil {
		missing := failure.From(noInstance)
		if len(r.Mistakes) == 0 {
			return r.Set, missing
		}
		r.Mistakes = append(r.Mistakes, missing.Fields...)
	}
	return r.Set, failure.InvalidFields("the user is not valid, and nothing was sent", r.Mistakes)
}

func wantsTokens(user field.Set) bool {
	wants, _ := user.Get("CreateAccessToken")
	return wants != false
}

// keep stores the pair of a user that has just been made, and says in the result what became of it.
func keep(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, result *created, made userservice.Registered, wanted bool) error {
	if !wanted {
		return nil
	}
	if made.Pair == nil {
		if made.Repeated {
			k.Streams.Warn("the answer that held the user's tokens was lost; the user itself was made. Get tokens with `telematicsctl auth login --device-token " + made.DeviceToken + "`")
			return nil
		}
		k.Streams.Warn("the service sent no tokens, though they were asked for")
		return nil
	}
	rec := s.Auth.Record(*made.Pair)
	if !rec.ExpiresAt.IsZero() {
		result.AccessToken.ExpiresAt = &rec.ExpiresAt
	}
	if k.Flags.ShowTokens {
		result.AccessToken.Token, result.RefreshToken = rec.Access.Reveal(), rec.Refresh.Reveal()
	}
	if s.Stored() == "" {
		return nil
	}
	if _, err := s.Auth.Keep(ctx, made.DeviceToken, *made.Pair); err != nil {
		e := *failure.From(err)
		e.Message = "the user " + made.DeviceToken + " is registered, but its tokens are not stored: " + e.Message
		return &e
	}
	result.AccessToken.Stored = s.Stored()
	return nil
}

// explainCreate says of a lost answer what it means for the person who must decide what to do now.
func explainCreate(err error, customToken string) error {
	if !failure.MayHaveApplied(err) {
		return err
	}
	e := *failure.From(err)
	e.Message += "; the user may exist"
	if e.Code != failure.Interrupted {
		e.Code = failure.Unavailable
	}
	e.Hint = "look before you repeat it: a second create makes a second user; with --custom-token new it could have been repeated safely"
	if customToken != "" {
		e.Hint = "the same command with --custom-token " + customToken + " is safe to repeat"
	}
	return &e
}
