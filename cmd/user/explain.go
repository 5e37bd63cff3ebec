package user

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// explainedAtOnce is how many users of a file are explained side by side; each takes four requests.
const explainedAtOnce = 8

type explainOptions struct {
	token string // "" where there is a file
	file  string
	key   string
	as    string
}

func newExplain(k *cmdutil.App) *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:         "explain TOKEN",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Explain why a phone does not record",
		Long: `Checks the chain from the registration to the last trip: the user and its flags,
the app's sign-in, the phone's last heartbeat and permissions, trips and scores.
Each link is good, warning, broken or unknown, with the command that corrects
it. TOKEN is a DeviceToken, or client:ID, email:ADDRESS or phone:NUMBER.

A source that does not answer within two seconds is "not available", and does
not count. The exit status is 0 whatever the verdict. Without an admin, users
are read as themselves, and only what they may see is checked.`,
		Example: `  telematicsctl user explain client:c-1001
  telematicsctl user explain email:ada@example.com -o json
  telematicsctl user list -o ids | telematicsctl user explain --file - -o csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.token = strings.Join(args, "")
			if len(args)+len(o.file) == 0 || len(args) > 0 && o.file != "" {
				return failure.InvalidFields("invalid arguments",
					[]failure.Field{{Key: "TOKEN", Message: "give either one TOKEN or --file"}})
			}
			return explainUsers(c.Context(), k, o)
		},
	}
	c.Flags().StringVar(&o.file, "file", "", "explain the users of a `file` (- is standard input)")
	c.Flags().StringVar(&o.key, "key", "client-id", "`fields` that identify users in a file without DeviceTokens")
	addAs(c, &o.as)
	cmdutil.AddColumns(c, k, checkView.Names())
	return c
}

// explainer explains users by one session.
type explainer struct {
	app     *cmdutil.App
	session *cmdutil.Session
	users   *fleet.Membership // nil where users are read as themselves
	sources *explain.Sources  // what an admin can ask; nil where users are read as themselves
	profile string            // the profile in force
}

func explainUsers(ctx context.Context, k *cmdutil.App, o explainOptions) error {
	var wrong cmdutil.Wrong
	if wrong.OneOf("--as", &o.as, string(operation.AsAdmin), string(operation.AsUser)); wrong != nil {
		return wrong.Err()
	}
	p, err := cmdutil.PrinterOf(ctx, k, checkView)
	if err != nil {
		return err
	}
	targets, closeTargets, err := explainTargets(ctx, k, o)
	if err != nil {
		return err
	}
	defer closeTargets()
	s, err := k.Session(cmdutil.SessionOptions{InFlight: 4 * explainedAtOnce})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	e := &explainer{app: k, session: s, profile: s.Profile.Name}
	keyed := o.file == "" && targets.single.Field != nil
	if err := e.signIn(ctx, o.as, keyed); err != nil {
		return err
	}
	if o.file == "" {
		r, err := e.explain(ctx, targets.single, false)
		if err != nil {
			return err
		}
		return printExplained(k, p, r)
	}
	if err := e.checkSignIns(ctx, targets); err != nil {
		return err
	}
	out := newExplainedStream(k, p)
	err = e.each(ctx, targets, out.add)
	if closeErr := out.close(); err == nil {
		err = closeErr
	}
	return err
}

// signIn chooses who asks, and signs in before the two seconds of a source begin.
func (e *explainer) signIn(ctx context.Context, as string, keyed bool) error {
	s := e.session
	admin := as == userservice.Admin
	if as == "" {
		has, err := s.Auth.HasAdmin(ctx)
		if err != nil {
			return err
		}
		admin = has || keyed // a key needs the admin, whose absence is then explained
	}
	if !admin {
		return nil
	}
	id, err := profileInstance(s)
	if err != nil {
		return err
	}
	if _, err := s.Auth.Token(ctx, userservice.Admin); err != nil {
		return err
	}
	e.users = &fleet.Membership{Find: fleet.FindIn(s.API, userservice.AsAdmin()), Instance: fleet.Instance{ID: id}}
	e.sources = explain.AsAdmin(s.API, id, e.app.Now)
	return nil
}

// checkSignIns refuses a file that would need too many sign-ins as users.
func (e *explainer) checkSignIns(ctx context.Context, all targets) error {
	if e.sources != nil {
		return nil
	}
	var users []string
	err := all.file.Each(ctx, func(t input.Target) error {
		if t.DeviceToken != "" {
			users = append(users, t.DeviceToken)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.session.Auth.CheckSignIns(ctx, users)
}

// explain explains one user. Of many, a key that several users have does not end the command.
func (e *explainer) explain(ctx context.Context, t fleet.Token, ofMany bool) (explained, error) {
	deviceToken, sources := t.DeviceToken.String(), e.sources
	missing := func(err error) explained {
		r := e.finish(e.sources.Missing(failure.From(err).Message))
		r.who = t.String()
		return r
	}
	switch {
	case sources == nil && t.Field != nil:
		return explained{}, failure.Newf(failure.Unauthorized, "only an admin can look up users by %s", t.Field.Name).
			Because(operation.ReasonNoAdmin, t.Field.Name)
	case sources == nil:
		in, err := e.session.Instance(ctx)
		if err != nil {
			return explained{}, err
		}
		if _, err := e.session.Auth.Token(ctx, deviceToken); err != nil {
			return explained{}, err
		}
		sources = explain.AsUser(e.session.API, in, e.app.Now)
	case t.Field != nil:
		state, err := e.users.Lookup(ctx, t)
		switch {
		case failure.Is(err, failure.NotFound), ofMany && failure.HasReason(err, fleet.ReasonManyMatch):
			return missing(err), nil
		case err != nil:
			return explained{}, err
		}
		deviceToken = state.DeviceToken.String()
	}
	facts, err := sources.Gather(ctx, deviceToken)
	if err != nil {
		return explained{}, err
	}
	return e.finish(facts), nil
}

// each explains the users of a file, at most explainedAtOnce of them side by side, and gives them
// in the order of the file.
func (e *explainer) each(ctx context.Context, all targets, do func(explained) error) error {
	type result struct {
		explained
		err error
	}
	ctx, stop := context.WithCancel(ctx)
	queue := make(chan chan result, explainedAtOnce-1)
	defer func() {
		stop()
		for range queue { // until the reader of the file stops
		}
	}()
	var readErr error
	go func() {
		defer close(queue)
		readErr = all.file.Each(ctx, func(t input.Target) error {
			one := make(chan result, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return failure.From(ctx.Err())
			}
			go func() {
				r, err := e.explain(ctx, tokenOf(t), true)
				one <- result{r, err}
			}()
			return nil
		})
	}()
	for one := range queue {
		r := <-one
		if r.err != nil {
			return r.err
		}
		if err := do(r.explained); err != nil {
			return err
		}
	}
	return readErr
}
