package user

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// a flip is one of the commands set-tracking, set-logging, set-realtime and set-enabled.
type flip struct {
	name, short, field string
	harm               string // the warning of switching it on; "" for none
}

var switches = []flip{
	{name: "set-tracking", field: "EnableTracking", short: "Switch the recording of trips on or off"},
	{name: "set-logging", field: "EnableLogging", short: "Switch the phone's debug log on or off",
		harm: "debug logging drains the battery of the phone: switch it off when the work is done"},
	{name: "set-realtime", field: "EnableRealTimeLocation", short: "Switch the streaming of the live position on or off",
		harm: "streaming the live position is heavy on the battery of the phone: switch it off when the work is done"},
	{name: "set-enabled", field: "Enabled", short: "Activate or deactivate users; a deactivated user is not deleted"},
}

// setOptions are what a set command was told.
type setOptions struct {
	change flip
	on     bool
	tokens []string
	as     string // admin, user, or "" for whichever can be had
}

// changed is what became of one user.
type changed struct {
	DeviceToken string
	Outcome     string
	Error       *string
}

var changedView = render.View[changed]{
	Columns: []render.Column[changed]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(c changed) any { return c.DeviceToken }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(c changed) any { return c.Outcome }},
		{Head: "ERROR", Name: "Error", Cell: func(c changed) any { return c.Error }},
	},
	ID: func(c changed) string { return c.DeviceToken },
}

// changesAtOnce is how many users are changed side by side.
const changesAtOnce = 16

func newSet(k *kit.Kit, change flip, run func(context.Context, setOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o setOptions) error { return set(ctx, k, o) }
	}
	var as, file string
	c := &cobra.Command{
		Use:   change.name + " on|off TOKEN...",
		Short: change.short,
		Long: change.short + `. Only this flag is sent; all else of the user stays as it is.

The change is made as the admin if the admin's tokens are stored (or can be had without asking), else as the user itself: by
its stored tokens, or by signing in with the DeviceToken and the InstanceKey. Several users are changed side by side; one that
fails does not stop the others. With --file the users are those of a file, such as the results of a bulk run.`,
		Example: "  telematicsctl user " + change.name + " off 8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70\n  telematicsctl user " + change.name + " off --file results.csv",
		Args:    cobra.MinimumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []string{"on", "off"}, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			o := setOptions{change: change, as: as}
			on, err := field.Get(change.field).ParseText(args[0], k.Now())
			if err != nil {
				return failure.New(failure.Invalid, "the first argument says on or off: "+err.Error()).WithHint("telematicsctl user " + change.name + " on|off TOKEN...")
			}
			o.on = on == true
			if o.tokens, err = tokensFrom(c.Context(), k, args[1:], file); err != nil {
				return err
			}
			return run(c.Context(), o)
		},
	}
	addAs(c, &as)
	addTokensFile(c, &file)
	return c
}

// addAs makes the flag --as.
func addAs(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "", "make the change as the `admin|user`; else as the admin where that is possible")
	_ = c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{"admin", "user"}, cobra.ShellCompDirectiveNoFileComp))
}

func set(ctx context.Context, k *kit.Kit, o setOptions) error {
	if o.as != "" && o.as != "admin" && o.as != "user" {
		return failure.Newf(failure.Invalid, "--as %q is neither admin nor user", o.as)
	}
	if err := kit.CheckOutput(ctx, k, changedView); err != nil {
		return err
	}
	s, err := k.Session(min(len(o.tokens), changesAtOnce), len(o.tokens) > 1)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	acting, err := actor(ctx, s, o.as)
	if err != nil {
		return err
	}
	if o.on && o.change.harm != "" {
		k.Streams.Warn(o.change.harm)
	}
	if err := s.BeforeChange(ctx); err != nil {
		return err
	}
	var change field.Set
	change.Put(field.Get(o.change.field), o.on)
	results, errs := forEach(ctx, o.tokens, "updated", func(token string) error {
		return acting(ctx, token, func(ctx context.Context, as userservice.Actor) error {
			return s.API.Update(ctx, as, token, change)
		})
	})
	if err := kit.PrintList(ctx, k, changedView, results, ""); err != nil {
		return err
	}
	return several(ctx, errs, "updated")
}

// act makes a call for one user as whoever acts.
type act func(ctx context.Context, token string, call func(context.Context, userservice.Actor) error) error

// actor chooses who makes the changes, before any is sent.
func actor(ctx context.Context, s *kit.Session, as string) (act, error) {
	admin := as == "admin"
	if as == "" {
		has, err := s.Auth.HasAdmin(ctx)
		if err != nil {
			return nil, err
		}
		admin = has
	}
	if admin {
		return func(ctx context.Context, _ string, call func(context.Context, userservice.Actor) error) error {
			return s.Auth.Do(ctx, auth.Admin, func(ctx context.Context, jwt secret.String) error {
				return call(ctx, userservice.Actor{JWT: jwt})
			})
		}, nil
	}
	in, err := s.Instance(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, token string, call func(context.Context, userservice.Actor) error) error {
		return s.Auth.Do(ctx, token, func(ctx context.Context, jwt secret.String) error {
			return call(ctx, userservice.Actor{JWT: jwt, Self: &in})
		})
	}, nil
}

// forEach does something for each user, a bounded number at once, and gives the results in the order of the tokens. A user for whom it is not
// known whether it was done is failed, and its error says so.
func forEach(ctx context.Context, tokens []string, done string, do func(token string) error) ([]changed, []error) {
	results, errs := make([]changed, len(tokens)), make([]error, len(tokens))
	var g errgroup.Group
	g.SetLimit(changesAtOnce)
	for i, token := range tokens {
		g.Go(func() error {
			err := ctx.Err()
			if err == nil {
				err = do(token)
			}
			results[i], errs[i] = changed{DeviceToken: token, Outcome: done}, err
			if err != nil {
				text := err.Error()
				if failure.IsUnclear(err) {
					text += "; the user may be " + done + " all the same"
				}
				results[i].Outcome, results[i].Error = "failed", &text
			}
			return nil
		})
	}
	_ = g.Wait()
	return results, errs
}

// several makes one error of many: a single user's is its own, Ctrl-C stays Ctrl-C, and otherwise some have failed. done is what the others are.
func several(ctx context.Context, errs []error, done string) error {
	failed, unclear := 0, 0
	for _, err := range errs {
		switch {
		case failure.IsUnclear(err):
			unclear++
		case err != nil:
			failed++
		}
	}
	if failed+unclear == 0 {
		return nil
	}
	account := fmt.Sprintf("%d of %d users were %s", len(errs)-failed-unclear, len(errs), done)
	if unclear > 0 {
		account += fmt.Sprintf(", %d may have been", unclear)
	}
	switch {
	case ctx.Err() != nil:
		return failure.New(failure.Interrupted, "interrupted: "+account).
			WithHint("give the same command again: a user that is " + done + " already stays so")
	case len(errs) == 1:
		return errs[0]
	}
	return failure.New(failure.Partial, account).WithHint("the error of each user stands beside it; give the same command again for those")
}
