package token

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// reported is what became of one pair of --all.
type reported struct {
	renewed
	Outcome string // renewed or failed
	Error   *string
}

func reportedView(showTokens bool) render.View[reported] {
	v := render.View[reported]{ID: func(r reported) string { return storedView.ID(r.stored) }}
	for _, c := range renewedView(showTokens).Columns {
		v.Columns = append(v.Columns, render.Column[reported]{Head: c.Head, Name: c.Name, Cell: func(r reported) any { return c.Cell(r.renewed) }})
	}
	v.Columns = append(v.Columns,
		render.Column[reported]{Head: "OUTCOME", Name: "Outcome", Cell: func(r reported) any { return r.Outcome }},
		render.Column[reported]{Head: "ERROR", Name: "Error", Cell: func(r reported) any { return r.Error }})
	return v
}

func refreshAll(ctx context.Context, k *cmdutil.App, o refreshOptions) error {
	view := reportedView(k.Flags.ShowTokens)
	if err := cmdutil.CheckOutput(ctx, k, view); err != nil {
		return err
	}
	s, err := k.Session(o.concurrency, true)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	s.Auth.Guard.Ignore = o.ignoreGuard
	if s.Stored() == "" {
		_, err := s.Auth.Refresh(ctx, "") // it says what is wrong with that
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
			results[i], errs[i] = refreshOne(ctx, k, s, e)
			return nil
		})
	}
	_ = g.Wait()
	if err := cmdutil.PrintList(ctx, k, view, results, "No pair of profile "+s.Profile.Name+" expires within "+o.within.String()); err != nil {
		return err
	}
	return allRenewed(ctx, errs)
}

// expiring are the stored pairs of this host that expire soon. One that says no end counts as expiring, and one that says no host, as it is
// damaged, is to be reported.
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

func refreshOne(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, e tokenstore.Entry) (reported, error) {
	rec, err := s.Auth.RefreshListed(ctx, e)
	if err == nil {
		return reported{renewed: renewedOf(k, e.Subject, e.Profile, s.Stored(), rec), Outcome: "renewed"}, nil
	}
	text := err.Error()
	old := renewed{stored: show(e.Subject, e.Profile, s.Stored(), e.IssuedAt, e.ExpiresAt, k.Now())}
	return reported{renewed: old, Outcome: "failed", Error: &text}, err
}

// allRenewed makes one error of many: a single pair's is its own, Ctrl-C stays Ctrl-C, and otherwise some have failed.
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
		return failure.Newf(failure.Interrupted, "interrupted: %d of %d pairs were renewed", len(errs)-failed, len(errs)).WithHint("give the same command again")
	}
	return failure.Newf(failure.Partial, "%d of %d pairs were not renewed", failed, len(errs)).WithHint("the rest is done and stored; -o json names the error of each")
}
