package user

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/fleet/explain"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
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
		Use:   "explain TOKEN",
		Short: "Explain why a phone does not record",
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
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := checkView.Check(p); err != nil {
		return err
	}
	targets, closeTargets, err := explainTargets(ctx, k, o)
	if err != nil {
		return err
	}
	defer closeTargets()
	s, err := k.Session(4*explainedAtOnce, false)
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

// explainTargets are the users that the command is about: one, or those of a file.
type targets struct {
	single fleet.Token
	file   *input.Targets
}

func explainTargets(ctx context.Context, k *cmdutil.App, o explainOptions) (targets, func(), error) {
	if o.file == "" {
		t, err := fleet.ParseToken(o.token)
		if err != nil {
			err = failure.InvalidFields("invalid argument", []failure.Field{{Key: "TOKEN", Message: err.Error()}})
		}
		return targets{single: t}, func() {}, err
	}
	var keys []*field.Field
	var wrong []failure.Field
	for name := range strings.SplitSeq(o.key, ",") {
		f, ok := field.Lookup(strings.TrimSpace(name))
		if !ok || !fleet.Findable(f) {
			wrong = append(wrong, failure.Field{Key: "--key", Message: fmt.Sprintf("users cannot be found by %q", name)})
		}
		keys = append(keys, f)
	}
	if err := failure.InvalidFields("invalid flags", wrong); err != nil {
		return targets{}, nil, err
	}
	file, err := input.OpenTargets(ctx, input.Options{Name: o.file, Now: k.Now(), Keys: keys}, k.Streams.In)
	if err != nil {
		return targets{}, nil, err
	}
	for _, w := range file.Warnings() {
		k.Streams.Warn(w)
	}
	return targets{file: file}, func() { _ = file.Close() }, nil
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

// each explains the users of a file side by side, and gives them in the order of the file.
func (e *explainer) each(ctx context.Context, all targets, do func(explained) error) error {
	var chunk []fleet.Token
	flush := func() error {
		results, errs := make([]explained, len(chunk)), make([]error, len(chunk))
		var wait sync.WaitGroup
		for i, t := range chunk {
			wait.Go(func() { results[i], errs[i] = e.explain(ctx, t, true) })
		}
		wait.Wait()
		for i := range chunk {
			if errs[i] != nil {
				return errs[i]
			}
			if err := do(results[i]); err != nil {
				return err
			}
		}
		chunk = chunk[:0]
		return nil
	}
	err := all.file.Each(ctx, func(t input.Target) error {
		chunk = append(chunk, tokenOf(t))
		if len(chunk) < explainedAtOnce {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func tokenOf(t input.Target) fleet.Token {
	if t.DeviceToken == "" {
		return fleet.ByKey(field.Get(t.KeyField), t.Key)
	}
	id, _ := uuid.Parse(t.DeviceToken) // it is canonical
	return fleet.Token{DeviceToken: id}
}

// finish makes the report, with a command for each remedy.
func (e *explainer) finish(f explain.Facts) explained {
	r := explain.Explain(f)
	out := explained{DeviceToken: r.DeviceToken, Verdict: string(r.Verdict), who: f.Name()}
	here := f.User.Value == nil || strings.EqualFold(f.User.Value.AccountInfo.InstanceID, f.InstanceID)
	profile := e.app.Flags.Profile
	if !here {
		profile = e.profileOf(f.User.Value.AccountInfo.InstanceID)
	}
	for _, c := range r.Checks {
		fix := ""
		if args := e.fixArgs(c.Remedy, r.DeviceToken); args != nil && (here || profile != "") {
			fix = e.app.CommandLine(profile, args...)
		}
		out.Checks = append(out.Checks, check{c.Name, string(c.State), c.Detail, fix, c})
	}
	return out
}

// fixArgs returns the command of a remedy; nil for none.
func (e *explainer) fixArgs(r explain.Remedy, deviceToken string) []string {
	switch r {
	case explain.RemedyActivate:
		return []string{"user", "update", deviceToken, "--status", "active"}
	case explain.RemedyEnable:
		return []string{"user", "set-enabled", "on", deviceToken}
	case explain.RemedyTrack:
		return []string{"user", "set-tracking", "on", deviceToken}
	case explain.RemedyStopLogging:
		return []string{"user", "set-logging", "off", deviceToken}
	case explain.RemedyStopRealTime:
		return []string{"user", "set-realtime", "off", deviceToken}
	case explain.RemedyMoveHere:
		return []string{"user", "move", deviceToken, "--to-profile", e.profile}
	}
	return nil
}

// profileOf returns the profile of an instance; "" where none of the configuration is.
func (e *explainer) profileOf(instanceID string) string {
	cfg, err := e.app.Config()
	if err != nil {
		return ""
	}
	for _, name := range cfg.Names() {
		if p, err := cfg.FromFile(name); err == nil && strings.EqualFold(p.InstanceID, instanceID) {
			return name
		}
	}
	return ""
}

// explained is the report on a user, as it is printed.
type explained struct {
	DeviceToken string
	Verdict     string
	Checks      []check

	who string // for people
}

// check is one link of the chain, as it is printed.
type check struct {
	Check, State, Detail, Fix string

	of explain.Check
}

// checkRow is a check as a row of a table.
type checkRow struct {
	user explained
	check
}

// checkView prints checks where a program reads lines.
var checkView = render.View[checkRow]{Columns: []render.Column[checkRow]{
	{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(r checkRow) any { return r.user.DeviceToken }},
	{Head: "CHECK", Name: "Check", Cell: func(r checkRow) any { return r.Check }},
	{Head: "STATE", Name: "State", Style: func(r checkRow) render.Style { return stateStyle(r.State) },
		Cell: func(r checkRow) any { return r.State }},
	{Head: "DETAIL", Name: "Detail", Cell: func(r checkRow) any { return r.Detail }},
	{Head: "FIX", Name: "Fix", Cell: func(r checkRow) any { return r.Fix }},
}}
