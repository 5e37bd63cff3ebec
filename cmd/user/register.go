package user

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// registerKind is registering users as a job.
var registerKind = cmdutil.JobKind{
	Operation: "register", Derives: true, Past: "created",
	Output: func(a *cmdutil.App, p *render.Printer) (cmdutil.JobOutput, error) { return newBulkOutput(a, p) },
	Open:   openRegister,
}

// JobKinds are the operations that `job resume` and `job retry` can run again.
func JobKinds() []cmdutil.JobKind { return append(changeKinds(), registerKind, newApplyKind(nil)) }

func openRegister(ctx context.Context, r *cmdutil.JobRun) (*cmdutil.JobParts, error) {
	var o registerOptions
	if err := json.Unmarshal(r.Options, &o); err != nil {
		return nil, job.DamagedFiles(r.Job.Spec.ID, err)
	}
	users := &operation.NewUsers{Quantity: o.Quantity}
	var err error
	if users.Templates, err = o.templates(r.App, r.Input.NoValidate); err != nil {
		return nil, err
	}
	if users.Selector, err = operation.NewSelector(r.Job.Spec.Selection); err != nil {
		return nil, err
	}
	parts := &cmdutil.JobParts{
		Source: users, Rows: o.Quantity, HideTokens: o.BatchSize > 1,
		Confirm: func(ctx context.Context, requested int) error {
			return r.Session.ConfirmChange(ctx, cmdutil.Change{What: "Register", Users: requested})
		},
	}
	if r.Job.Spec.Input != nil {
		if parts.File, err = openUsers(ctx, r, users); err != nil {
			return nil, err
		}
		users.File = parts.File
	} else {
		parts.Table = operation.NumberedTable{Users: users}
	}
	if users.Rule, err = ruleOf(ctx, r, &o, users); err != nil {
		return nil, err
	}
	parts.FailedWithTokens = len(users.Rule.Preference.Fields) == 0 && !o.Server
	op, err := registerOperation(ctx, r, &o, users)
	if err != nil {
		return nil, err
	}
	parts.Operation = op
	pairs, err := newBulkTokens(r, o.AccessTokens)
	if err != nil {
		return nil, err
	}
	parts.Start, parts.Settled, parts.Finish = pairs.start, pairs.add, pairs.finish
	parts.Warn = func() { warnOfContent(r, users.Rule.Preference) }
	return parts, nil
}

func openUsers(ctx context.Context, r *cmdutil.JobRun, users *operation.NewUsers) (*input.File, error) {
	o := input.Options{Use: field.File, KeyOptional: users.Templates.Has(field.MustGet("ClientId")),
		MayBeEmpty: users.Templates.Len() > 0}
	o.Select = func() func(*input.Row) bool {
		selected, err := users.Select()
		if err != nil {
			return func(*input.Row) bool { return true } // the error comes again when the rows are sent
		}
		return selected
	}
	preference, ok, err := r.Input.Preference()
	if err != nil {
		return nil, err
	}
	if ok {
		o.Keys = preference.Fields
		o.KeyOptional = o.KeyOptional || preference.Rest != identity.Nothing || len(preference.Fields) == 0
	}
	return r.OpenInput(ctx, o)
}

// ruleOf says who the rows are.
func ruleOf(ctx context.Context, r *cmdutil.JobRun, o *registerOptions, users *operation.NewUsers) (*identity.Rule,
	error) {
	deriver, err := r.Deriver(ctx)
	if err != nil {
		return nil, err
	}
	rule := &identity.Rule{Deriver: deriver, Server: o.Server}
	preference, ok, err := r.Input.Preference()
	switch {
	case err != nil:
		return nil, err
	case ok:
		rule.Preference = preference
	default:
		hasClientID := users.Templates.Has(field.MustGet("ClientId"))
		rest := identity.Random
		if users.File != nil {
			rest = identity.Content
			inFile, err := hasColumn(ctx, users.File.(*input.File), field.MustGet("ClientId"))
			if err != nil {
				return nil, err
			}
			hasClientID = hasClientID || inFile
		}
		rule.Preference = identity.DefaultPreference(hasClientID, rest)
	}
	if o.Named {
		rule.Seed = deriver.Run(o.Run)
		return rule, nil
	}
	rule.Drawn = true
	if rule.Seed, err = identity.ParseSeed(r.Job.Spec.Seed); err != nil {
		return rule, job.DamagedFiles(r.Job.Spec.ID, err)
	}
	return rule, nil
}

// hasColumn reports whether a file has a field. Members of JSON objects may come
// up late, so such a file is read to its end.
func hasColumn(ctx context.Context, file *input.File, f *field.Field) (bool, error) {
	if file.Has(f) || file.Format() != input.JSON && file.Format() != input.JSONLines {
		return file.Has(f), nil
	}
	err := file.EachOf(ctx, func(int) bool { return false }, func(*input.Row) error { return nil })
	return file.Has(f), err
}

func warnOfContent(r *cmdutil.JobRun, p identity.Preference) {
	switch p.Rest {
	case identity.Content:
		r.App.Streams.Warn("rows without a key are known by their content: a row that is edited later " +
			"is a new user (name a key, such as --key email)")
	case identity.Random:
		if r.Job.Spec.Input != nil && r.Flags.Restart {
			r.App.Streams.Warn("rows without a key are registered as new users: --restart creates them again")
		}
	}
}

func registerOperation(ctx context.Context, r *cmdutil.JobRun, o *registerOptions,
	users *operation.NewUsers) (*operation.Register, error) {
	api := r.Session.API.Once()
	op := &operation.Register{API: api, Instance: r.Instance, AccessTokens: o.AccessTokens, ServiceTime: api.ServiceTime,
		GroupSize: o.BatchSize}
	if o.BatchSize > 0 {
		op.Custom, _ = users.Templates.Fill(1, field.Set{})
	}
	if r.DryRun || r.InstanceErr != nil {
		return op, nil
	}
	// Without an admin, what the service says of a DeviceToken that is taken is believed.
	if has, err := r.Session.Auth.HasAdmin(ctx); err == nil && has {
		op.Users = membershipOf(r.Session, api, r.Instance)
	}
	return op, nil
}

// membershipOf reads the users of an instance as the admin.
func membershipOf(s *cmdutil.Session, api *userservice.Client, in userservice.Instance) *fleet.Membership {
	return &fleet.Membership{
		Find: fleet.FindIn(api, userservice.AsAdmin()), Fetch: fleet.FetchMembers(api, userservice.AsAdmin(), in.ID),
		Instance: fleet.Instance{ID: in.ID}, Now: s.Now,
	}
}

func tooManyTokens(n int) string {
	return fmt.Sprintf("the token store takes the tokens of at most %d users in one run, not of %d: "+
		"add --tokens-out FILE", largestStored, n)
}
