package user

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// createOptions are what `user create` was given.
type createOptions struct {
	given       map[*field.Field]string // the fields' flags
	data        string                  // the file with the body, - for standard input
	key         string
	ifExists    string // "" or ok
	accessToken *bool  // --create-access-token, nil where it was not given
	noValidate  bool
}

func newCreate(a *cmdutil.App) *cobra.Command {
	var o createOptions
	var accessToken bool
	var fields *fieldFlags
	c := &cobra.Command{
		Use:         "create",
		Annotations: cmdutil.Effects(cmdutil.Changes),
		Short:       "Register one user",
		Long: `Registers one user. Every field is optional; all that are given are checked
before anything is sent. The DeviceToken is the --custom-token, or is derived
from the --client-id, or is drawn, so that a lost answer is safe to retry.

A user who exists already is an error, unless --if-exists ok. The user's tokens
go to the token store, which is checked before the user is registered.`,
		Example: `  telematicsctl user create --first-name Ada --client-id c-1001
  telematicsctl user create --client-id c-1001 --if-exists ok
  telematicsctl user create --data user.json --tracking off`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.given = fields.given()
			if c.Flags().Changed("create-access-token") {
				o.accessToken = &accessToken
			}
			return create(c.Context(), a, o)
		},
	}
	var own []*field.Field
	for _, f := range field.All(field.Create) {
		if f.Kind != field.Bool {
			own = append(own, f)
		}
	}
	fields = addFieldFlags(c, own)
	c.Flags().Lookup("custom-token").Usage = "DeviceToken to assign: a `UUID`, or new to generate one"
	c.Flags().StringVar(&o.data, "data", "", "read the body as JSON from a `file` (- is standard input)")
	c.Flags().StringVar(&o.key, "key", "", "`fields` that identify the user: client-id,email")
	c.Flags().StringVar(&o.ifExists, "if-exists", "", "`ok` accepts a user who exists already")
	c.Flags().BoolVar(&accessToken, "create-access-token", true, "get and store the user's tokens")
	c.Flags().BoolVar(&o.noValidate, "no-validate", false, "send values as they are")
	_ = c.MarkFlagFilename("data", "json")
	cmdutil.CompleteWords(c, "if-exists", "ok")
	return c
}

func create(ctx context.Context, a *cmdutil.App, o createOptions) error {
	if err := cmdutil.CheckOutput(ctx, a, createdView); err != nil {
		return err
	}
	s, err := a.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	body, err := createBody(a, o, s.Profile.NeedInstance())
	if err != nil {
		return err
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return err
	}
	rec, err := identify(ctx, a, s, o, body)
	if err != nil {
		return err
	}
	wanted := wantsTokens(body)
	release, err := reserveTokens(ctx, s, rec.DeviceToken.String(), wanted)
	if err != nil {
		return err
	}
	defer release()
	err = s.ConfirmChange(ctx, cmdutil.Change{What: "Register", Users: 1, Whom: whomCreated(body, rec.Record)})
	if err != nil {
		return err
	}
	result, err := register(ctx, a, s, rec, in, wanted)
	if err != nil {
		return err
	}
	// An interrupt takes nothing from a user who exists.
	defer a.Saving()()
	ctx = context.WithoutCancel(ctx)
	recorder := s.Recorder()
	recorder.Row(ctx, "user create", registerKind.Operation, "", job.Row{N: 1, ClientID: rec.ClientID, Result: result})
	recorder.Flush(ctx)
	pair, _ := result.Payload.(*userservice.Pair)
	out := created{DeviceToken: result.DeviceToken.String(), InstanceID: instanceOf(body, in, pair),
		Outcome: string(result.Outcome)}
	if text := body.Text("ClientId"); text != "" {
		out.ClientID = &text
	}
	if err := createFailure(o, result); err != nil {
		return err
	}
	// From here on the user exists: whatever fails, its DeviceToken is printed.
	keepErr := keep(ctx, a, s, &out, result, pair, wanted)
	if err := cmdutil.Print(ctx, a, createdView, out); err != nil {
		return failure.Prefix(err,
			"user "+out.DeviceToken+" is registered ("+out.Outcome+"), but the result cannot be printed")
	}
	return keepErr
}

// register registers the user. It warns where the service assigned another DeviceToken.
func register(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, u identified, in userservice.Instance,
	accessTokens bool) (job.Result, error) {
	op := &operation.Register{API: s.API.Once(), Instance: in, AccessTokens: accessTokens,
		ServiceTime: s.API.ServiceTime}
	if has, err := s.Auth.HasAdmin(ctx); err == nil && has {
		op.Users = membershipOf(s, s.API.Once(), in)
	}
	unused, err := u.useKey(ctx, a, s)
	if err != nil {
		return job.Result{}, err
	}
	result := operation.Single(ctx, op, u.Record, retryOf(a))
	if result.Outcome == job.Failed {
		return result, unused()
	}
	if op.IgnoresCustomToken() && result.DeviceToken != u.DeviceToken {
		a.Streams.Warn("the service ignored the DeviceToken " + u.DeviceToken.String() + " and assigned " +
			result.DeviceToken.String() + ": creating the user again would create another one")
	}
	return result, nil
}

// reserveTokens reserves the room in the token store for the tokens of a user that is about to be
// registered, until release is called.
func reserveTokens(ctx context.Context, s *cmdutil.Session, deviceToken string, wanted bool) (release func(),
	err error) {
	if !wanted || s.Stored() == "" {
		return func() {}, nil
	}
	return s.Store.Reserve(ctx, tokenstore.Key{Profile: s.Profile.Name, Subject: deviceToken}, 0)
}

// whomCreated names the user in a question: "Ada Lovelace, c-1001".
func whomCreated(body field.Set, rec job.Record) string {
	name := strings.TrimSpace(body.Text("FirstName") + " " + body.Text("LastName"))
	if text := strings.Trim(name+", "+rec.ClientID, ", "); text != "" {
		return text
	}
	return rec.DeviceToken.String()
}

func retryOf(a *cmdutil.App) operation.Retry {
	r := operation.Retry{Retries: 3, First: 2 * time.Second, Longest: time.Minute, Clock: pace.Clock{Now: a.Now,
		Wait: wait.Sleep}}
	if a.Retry.Tries > 0 {
		r.Retries = int(a.Retry.Tries) - 1
	}
	if a.Retry.First > 0 {
		r.First = a.Retry.First
	}
	if a.Retry.Longest > 0 {
		r.Longest = a.Retry.Longest
	}
	r.Notify = func(err error, wait time.Duration) {
		a.Streams.Note(err.Error() + "; trying again in " + wait.Round(100*time.Millisecond).String())
	}
	return r
}

// createFailure is the error of a user who was not created.
func createFailure(o createOptions, r job.Result) error {
	token := r.DeviceToken.String()
	switch r.Outcome {
	case job.Created, job.Confirmed:
		return nil
	case job.Existing:
		if o.ifExists == "ok" {
			return nil
		}
		return failure.Newf(failure.Rejected, "user %s exists already: nothing was changed", token).Because(reasonExists,
			token)
	case job.Unknown:
		f := failure.Copy(r.Err)
		f.Message += "; user " + token + " may exist"
		if f.Code != failure.Interrupted {
			f.Code = failure.Unavailable
		}
		return f.Because(reasonMayExist, token)
	}
	return r.Err
}
