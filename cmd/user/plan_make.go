package user

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// planning makes the plan of a file.
type planning struct {
	app     *cmdutil.App
	o       *planOptions
	session *cmdutil.Session
	id      string // of the instance
	ledger  *apply.Ledger
	file    *apply.File
	in      apply.Input
}

// makePlan reads the file and the users, and compares them. It sends nothing but reads.
func makePlan(
	ctx context.Context, a *cmdutil.App, s *cmdutil.Session, o *planOptions,
) (*apply.Plan, *apply.Ledger, error) {
	p := &planning{app: a, o: o, session: s}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return nil, nil, err
	}
	options, err := p.options(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan, err := apply.Make(ctx, p.file, p.users(&options), options)
	if err != nil {
		return nil, nil, err
	}
	doubt, err := apply.CheckEnd(plan, p.ledger, o.checked.rows)
	if err != nil {
		return nil, nil, err
	}
	if doubt != "" {
		a.Streams.Warn(fmt.Sprintf("%s has no line end after row %d: if it was cut off, %s of that row is not whole", o.File,
			p.in.Rows, doubt))
	}
	p.lastSeen(ctx, plan)
	return plan, p.ledger, nil
}

// planMemory is the heap up to which garbage is not in the way: a million rows and users take 70
// MiB.
const planMemory = 88 << 20

// limitPlanMemory keeps the heap small while a plan is made and carried out. A GOMEMLIMIT of the
// environment is left as it is.
func limitPlanMemory() (restore func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(planMemory)
	return func() { debug.SetMemoryLimit(math.MaxInt64) }
}

func (p *planning) close() {
	if p.file != nil {
		_ = p.file.In.Close()
	}
}

// open reads the file once, and refuses one that cannot be whole.
func (p *planning) open(ctx context.Context) (err error) {
	if p.id, err = profileInstance(p.session); err != nil {
		return err
	}
	cfg, err := p.app.Config()
	if err != nil {
		return err
	}
	path, err := p.o.ledgerPath(cfg.StateDir, p.session.API.Host(), p.id)
	if err != nil {
		return err
	}
	if p.ledger, err = apply.OpenLedger(path, p.session.API.Host(), p.id); err != nil {
		return err
	}
	file, copied, err := openCopy(ctx, p.app, p.o)
	if err != nil {
		return err
	}
	p.file = &apply.File{In: file, Keys: p.o.checked.keys, BlankClears: p.o.blank == blankClears}
	var groups input.Groups
	rows, bad, err := p.file.Check(ctx, groups.AddRow)
	if err != nil {
		return groups.With(err)
	}
	for _, warning := range file.Warnings() {
		p.app.Streams.Warn(warning)
	}
	if bad > 0 {
		return mistakes(groups.Err(fmt.Sprintf("%d of %s %s invalid: nothing was sent", bad,
			cmdutil.Count(rows, "row", "rows"), cmdutil.Are(bad))))
	}
	text := file.Format() == input.CSV || file.Format() == input.TSV
	p.in = apply.Input{Name: p.o.File, Digest: copied.digest(), Rows: rows, Ended: !text || copied.ended()}
	if last := file.LastField(); last != nil && text {
		p.in.Last = last.Name
	}
	if p.o.blank == blankClears && !text && file.Format() != input.XLSX {
		return failure.InvalidFields("invalid flags",
			[]failure.Field{{Key: "--blank", Message: "a JSON file has null to clear a value"}})
	}
	return apply.CheckRows(p.in, file.Truncated(), p.ledger, p.o.checked.rows)
}

// mistakes is the error of a file that has some: no row of it can be skipped.
func mistakes(err error) error {
	e := failure.Copy(err)
	switch e.Reason {
	case input.ReasonDates:
		return e.Because(cmdutil.ReasonPlanDates, "")
	case input.ReasonUnknownColumn:
		return e.Because(cmdutil.ReasonPlanColumns, "")
	}
	return e.Because(cmdutil.ReasonPlanMistakes, "")
}

func (p *planning) options(ctx context.Context) (apply.Options, error) {
	deriver, err := p.session.Deriver(ctx)
	if err != nil {
		return apply.Options{}, err
	}
	keep, err := p.keep(ctx)
	if err != nil {
		return apply.Options{}, err
	}
	columns := p.file.In.Fields()
	slices.SortFunc(columns, func(a, b *field.Field) int { return tableOrder(a) - tableOrder(b) })
	now := p.app.Now().UTC()
	head := apply.Head{
		Tool: "telematicsctl " + p.app.Version, Made: now, Listed: now, Profile: p.session.Profile.Name,
		Host: p.session.API.Host(), Instance: p.id, Input: &p.in, Blank: "leaves the value alone", Ledger: p.ledger.Path,
		Grace: p.o.grace, Keep: p.o.keep, Moves: p.o.moves,
	}
	if p.o.blank == blankClears {
		head.Blank = "clears the value"
	}
	o := apply.Options{
		Head: head, Columns: columns, Keys: p.o.checked.keys, Absent: apply.Absent(p.o.absent),
		Scope: p.o.checked.scope, Keep: keep, Grace: p.o.checked.grace, Ledger: p.ledger, Deriver: deriver, Now: now,
	}
	if p.o.moves {
		o.Moves = fleet.FindIn(p.session.API, userservice.AsAdmin())
	}
	return o, nil
}

func tableOrder(f *field.Field) int { return slices.Index(field.All(field.Update), f) }

// keep reads the users whom --keep names: tokens, one a line, or a file with a DeviceToken or a
// ClientId column.
func (p *planning) keep(ctx context.Context) (*apply.Keep, error) {
	if p.o.keep == "" {
		return nil, nil //nolint:nilnil // nobody is exempt
	}
	file, err := input.Open(ctx, input.Options{Name: p.o.keep, Now: p.app.Now()}, p.app.Streams.In)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var tokens []fleet.Token
	err = file.Each(ctx, 1, func(r *input.Row) error {
		f, isField := field.Lookup(r.KeyField)
		switch {
		case len(r.Mistakes) > 0:
			return failure.Newf(failure.Invalid, "--keep %s: row %d: %s", p.o.keep, r.N, r.Mistakes[0].Why)
		case r.DeviceToken != "":
			t, err := fleet.ParseToken(r.DeviceToken)
			tokens = append(tokens, t)
			return err
		case isField && r.Key != "":
			tokens = append(tokens, fleet.ByKey(f, r.Key))
		}
		return nil
	})
	return apply.NewKeep(tokens), err
}
