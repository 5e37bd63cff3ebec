package lease

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/cmd/user"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lease"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// ended is a lease that was swept or canceled, as it is printed.
type ended struct {
	Lease       string
	DeviceToken string
	Field       string
	Outcome     string
	Error       *string
}

var endedView = render.View[ended]{
	Columns: []render.Column[ended]{
		{Head: "LEASE", Name: "Lease", Cell: func(e ended) any { return e.Lease }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(e ended) any { return e.DeviceToken }},
		{Head: "FIELD", Name: "Field", Cell: func(e ended) any { return e.Field }},
		cmdutil.OutcomeColumn(func(e ended) string { return e.Outcome }),
		{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(e ended) any { return e.Error }},
	},
	ID: func(e ended) string { return e.DeviceToken },
}

func newSweep(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "sweep",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "End the temporary changes that are due",
		Long: `Puts back the flags of the profile's leases that are due, and prints each. It
asks nothing, not even in a protected profile, and is idempotent: it is what a
timer runs (see "lease timer install").

A user whose flag was changed since the lease began is left alone (left). A
lease that cannot be ended now stays for the next sweep (failed).`,
		Example: "  telematicsctl lease sweep",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return end(c.Context(), k, sweep, nil)
		},
	}
}

func newCancel(k *cmdutil.App) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:         "cancel LEASE... | --all",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "End temporary changes now",
		Long: `Ends leases before they are due: each flag is put back, unless it was changed
since the lease began. LEASE is an ID from "lease list", or its beginning.`,
		Example:           "  telematicsctl lease cancel --all",
		ValidArgsFunction: completeLeases(k),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return failure.InvalidFields("invalid arguments",
				[]failure.Field{{Key: "LEASE", Message: "name leases, or all of them with --all"}})
		}
		return end(c.Context(), k, cancel, args)
	}
	c.Flags().BoolVar(&all, "all", false, "end all leases of the profile")
	return c
}

func completeLeases(k *cmdutil.App) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		store, p, err := storeOf(k)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		open, err := store.List()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, l := range open {
			if l.Profile == p.Name {
				out = append(out, cobra.CompletionWithDesc(l.ID, l.Field+" of "+l.DeviceToken))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// Which leases a command ends.
const (
	sweep  = false // those that are due
	cancel = true  // those that are named, or all
)

// end ends leases of the profile.
func end(ctx context.Context, k *cmdutil.App, now bool, args []string) error {
	p, err := cmdutil.PrinterOf(ctx, k, endedView)
	if err != nil {
		return err
	}
	k.WithoutLeaseWarning()
	s, err := k.Session(cmdutil.SessionOptions{WaitsAlone: true, InFlight: lease.AtOnce})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	store, err := s.Leases()
	if err != nil {
		return err
	}
	chosen, err := choose(store, s, k, now, args)
	if err != nil {
		return err
	}
	out := render.NewStream(p, endedView, render.Frame{})
	if len(chosen) == 0 {
		k.Streams.Note("No temporary change is to be ended")
		return out.Close(nil)
	}
	actor, err := operation.ChooseActor(ctx, s.Auth, operation.AsAny, s.Instance)
	if err != nil {
		return err
	}
	t := &tally{out: out}
	users := user.NewLeaseUsers(s, actor)
	if !now {
		err = store.Sweep(ctx, users, s.OfProfile(), t.add)
		return t.end(errors.Join(err, out.Close(nil)))
	}
	if err := s.ConfirmChange(ctx, cmdutil.Change{What: "End temporary changes of", Users: len(chosen)}); err != nil {
		return err
	}
	err = store.Cancel(ctx, users, chosen, t.add)
	return t.end(errors.Join(err, out.Close(nil)))
}

// choose returns the IDs of the leases to end.
func choose(store *lease.Store, s *cmdutil.Session, k *cmdutil.App, now bool, args []string) (map[string]bool, error) {
	ids, takes := map[string]bool{}, s.OfProfile()
	for _, arg := range args {
		l, err := store.Find(arg)
		if err != nil {
			return nil, err
		}
		if !takes(l) {
			return nil, failure.Newf(failure.Invalid, "lease %s is of profile %s, instance %s", l.ID, l.Profile, l.InstanceID).
				Because(cmdutil.ReasonOtherProfile, cmdutil.QuoteForShell(l.Profile))
		}
		ids[l.ID] = true
	}
	if len(args) > 0 {
		return ids, nil
	}
	open, err := store.List()
	for _, l := range open {
		if takes(l) && (now || l.Overdue(k.Now())) {
			ids[l.ID] = true
		}
	}
	return ids, err
}

// tally prints and counts leases that are ended.
type tally struct {
	out         *render.Stream[ended]
	all, failed int
	first       error
}

func (t *tally) add(r lease.Result) error {
	t.all++
	e := ended{Lease: r.ID, DeviceToken: r.DeviceToken, Field: r.Field, Outcome: string(r.Outcome)}
	if r.Err != nil {
		text := failure.From(r.Err).Error()
		e.Error = &text
		t.failed++
		if t.first == nil {
			t.first = r.Err
		}
	}
	return t.out.Add(e)
}

func (t *tally) end(err error) error {
	switch {
	case err != nil:
		return err
	case t.failed == 0:
		return nil
	case t.all == 1:
		return t.first
	}
	return failure.New(failure.Partial, fmt.Sprintf("%d of %s not ended: the next sweep tries again",
		t.failed, cmdutil.Count(t.all, "lease is", "leases are")))
}
