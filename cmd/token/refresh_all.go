package token

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// The outcomes of one pair of --all.
const (
	outcomeRenewed = "renewed"
	outcomeFailed  = "failed"
	outcomeSkipped = "skipped" // the service refused the user in an earlier run
	outcomeRemoved = "removed" // the service refuses the user, and --prune is given
)

// reported is the outcome of one pair of --all.
type reported struct {
	renewed
	Outcome string
	Error   *string
}

func reportedView(showTokens bool) render.View[reported] {
	v := render.View[reported]{ID: func(r reported) string { return r.ID() }}
	for _, c := range renewedView(showTokens).Columns {
		v.Columns = append(v.Columns, render.Column[reported]{Head: c.Head, Name: c.Name, Cell: func(r reported) any {
			return c.Cell(r.renewed)
		}})
	}
	v.Columns = append(v.Columns,
		cmdutil.OutcomeColumn(func(r reported) string { return r.Outcome }),
		render.Column[reported]{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(r reported) any { return r.Error }})
	return v
}

func refreshAll(ctx context.Context, k *cmdutil.App, o refreshOptions) error {
	view := reportedView(k.Flags.ShowTokens)
	if err := cmdutil.CheckOutput(ctx, k, view); err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{InFlight: o.concurrency, WaitsAlone: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.Auth.Guard.Ignore = o.ignoreGuard
	if s.Stored() == "" {
		_, err := s.Auth.Refresh(ctx, "") // the error says why that cannot be
		return err
	}
	entries, err := expiring(ctx, k, s, o)
	if err != nil {
		return err
	}
	results, errs := make([]reported, len(entries)), make([]error, len(entries))
	var g errgroup.Group
	g.SetLimit(o.concurrency)
	for i, e := range entries {
		g.Go(func() error {
			results[i], errs[i] = refreshOne(ctx, k, s, e, o.prune)
			return nil
		})
	}
	_ = g.Wait()
	if err := cmdutil.PrintList(ctx, k, view, results,
		"No pair of profile "+s.Profile.Name+" expires within "+o.within.String()); err != nil {
		return err
	}
	noteSkipped(k, results)
	return allRenewed(ctx, errs)
}

// noteSkipped says what can be done about users whom the service refused before.
func noteSkipped(k *cmdutil.App, results []reported) {
	skipped := 0
	for _, r := range results {
		if r.Outcome == outcomeSkipped {
			skipped++
		}
	}
	if skipped > 0 {
		k.Streams.Note(cmdutil.Count(skipped, "user", "users") +
			" skipped, whom the service refused before: delete their tokens with " +
			k.Command("token", "refresh", "--all", "--prune"))
	}
}

// expiring returns the stored pairs of this host that expire soon. One without an end counts as
// expiring; a damaged one, which has no host, is reported too.
func expiring(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, o refreshOptions) ([]tokenstore.Entry, error) {
	all, err := s.Store.List(ctx, s.Profile.Name)
	if err != nil {
		return nil, err
	}
	var soon []tokenstore.Entry
	for _, e := range all {
		if (e.Host == s.API.Host() || e.Host == "") && e.ExpiresAt.Sub(k.Now()) <= o.within {
			soon = append(soon, e)
		}
	}
	return soon, nil
}

func refreshOne(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, e tokenstore.Entry,
	prune bool) (reported, error) {
	rec, err := s.Auth.RefreshListed(ctx, e)
	if err == nil {
		return reported{renewed: renewedOf(k, e.Subject, e.Profile, s.Stored(), rec), Outcome: outcomeRenewed}, nil
	}
	text := err.Error()
	r := reported{Outcome: outcomeFailed, Error: &text}
	r.StoredPair = cmdutil.NewStoredPair(e, s.Stored(), k.Now())
	before := failure.HasReason(err, auth.ReasonRefusedBefore)
	switch {
	case prune && (before || failure.HasReason(err, auth.ReasonUserSignIn)):
		if removeErr := s.Auth.Remove(ctx, e.Subject); removeErr != nil {
			return r, removeErr
		}
		r.Outcome, err = outcomeRemoved, nil
	case before:
		r.Outcome, err = outcomeSkipped, nil
	}
	return r, err
}

// allRenewed returns one error for many: that of a single pair, an interrupt, or a partial failure.
func allRenewed(ctx context.Context, errs []error) error {
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	switch {
	case failed == 0:
		return nil
	case len(errs) == 1:
		return errs[0]
	case ctx.Err() != nil:
		return failure.Newf(failure.Interrupted, "interrupted: %d of %d pairs were renewed", len(errs)-failed, len(errs))
	}
	return failure.Newf(failure.Partial, "%d of %d pairs were not renewed", failed, len(errs)).
		Because(cmdutil.ReasonSomeNotRenewed, "")
}
