package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"

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
	spool   *spooled
	file    *input.File
	in      apply.Input
}

// makePlan reads the file and the users, and compares them. It sends nothing but reads.
func makePlan(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, o *planOptions) (*apply.Plan, *apply.Ledger, error) {
	defer limitPlanMemory()()
	p := &planning{app: a, o: o, session: s}
	defer p.close()
	if err := p.open(ctx); err != nil {
		return nil, nil, err
	}
	options, err := p.options(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows := apply.File(p.file, options.Columns, o.checked.keys, o.blank == blankClears)
	plan, err := apply.Make(ctx, rows, p.users(rows, options.Absent), options)
	if err != nil {
		return nil, nil, err
	}
	p.lastSeen(ctx, plan)
	return plan, p.ledger, nil
}

// planMemory is the heap up to which garbage is not in the way: what a million rows take.
const planMemory = 96 << 20

// limitPlanMemory keeps the heap small while a plan is made. A GOMEMLIMIT of the environment is left
// as it is.
func limitPlanMemory() (restore func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(planMemory)
	return func() { debug.SetMemoryLimit(math.MaxInt64) }
}

func (p *planning) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
	if p.spool != nil {
		p.spool.remove()
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
	if p.spool, err = spool(p.app, p.o.File, p.o.InputSize()); err != nil {
		return err
	}
	if p.file, err = input.Open(ctx, p.o.openOptions(p.spool.path, p.app.Now()), nil); err != nil {
		return err
	}
	var groups input.Groups
	rows, bad, err := p.file.Check(ctx, func(m input.Mistake) error { groups.Add(m); return nil })
	if err != nil {
		return err
	}
	for _, warning := range p.file.Warnings() {
		p.app.Streams.Warn(warning)
	}
	if bad > 0 {
		return groups.Err(fmt.Sprintf("%d of %s %s invalid: nothing was sent", bad, cmdutil.Count(rows, "row", "rows"), cmdutil.Are(bad)))
	}
	text := p.file.Format() == input.CSV || p.file.Format() == input.TSV
	p.in = apply.Input{Name: p.o.File, Digest: p.spool.digest, Rows: rows, Ended: text && p.spool.ended}
	if p.o.blank == blankClears && !text && p.file.Format() != input.XLSX {
		return failure.InvalidFields("invalid flags", []failure.Field{{Key: "--blank", Message: "a JSON file has null to clear a value"}})
	}
	return apply.CheckRows(p.in, p.file.Truncated(), p.ledger, p.o.checked.rows)
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
	columns := p.file.Fields()
	slices.SortFunc(columns, func(a, b *field.Field) int { return tableOrder(a) - tableOrder(b) })
	now := p.app.Now().UTC()
	head := apply.Head{
		Tool: "telematicsctl " + p.app.Version, Made: now, Listed: now, Profile: p.session.Profile.Name, Host: p.session.API.Host(),
		Instance: p.id, Input: &p.in, Blank: "leaves the value alone", Ledger: p.ledger.Path, Grace: p.o.grace, Keep: p.o.keep, Moves: p.o.moves,
	}
	if p.o.blank == blankClears {
		head.Blank = "clears the value"
	}
	o := apply.Options{
		Head: head, Columns: columns, Keys: p.o.checked.keys, Absent: apply.Absent(p.o.absent), Scope: p.o.checked.scope, Keep: keep,
		Grace: p.o.checked.grace, Ledger: p.ledger, Deriver: deriver, Now: now,
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

// users gives the users of the instance: all of them, listed completely; or, where the rows are few
// and nobody is removed, those whom the rows name, one by one.
func (p *planning) users(rows apply.Rows, absent apply.Absent) apply.Users {
	return func(ctx context.Context, do func(*userservice.User) error) (int, error) {
		fetch := fleet.FetchInstance(p.session.API, userservice.AsAdmin(), p.id)
		first, err := fetch(ctx, 1, fleet.PageSize)
		if err != nil {
			return 0, err
		}
		if size := len(first.Users); absent == apply.AbsentIgnore && first.More && size > 0 && p.in.Rows <= first.Total/size {
			return first.Total, p.lookUp(ctx, rows, do)
		}
		total := first.Total
		for page, err := range fleet.Pages(ctx, fetch, fleet.PageOptions{Complete: true, Seen: apply.Seen()}) {
			if err != nil {
				return 0, err
			}
			total = page.Total
			for i := range page.Users {
				if err := do(&page.Users[i]); err != nil {
					return 0, err
				}
			}
		}
		return total, nil
	}
}

// lookUp gives the users whom rows name.
func (p *planning) lookUp(ctx context.Context, rows apply.Rows, do func(*userservice.User) error) error {
	find := fleet.FindIn(p.session.API, userservice.AsAdmin())
	given := map[string]bool{}
	return rows(ctx, func(r apply.Row) error {
		f, value := r.KeyField, r.Key
		if r.DeviceToken != [16]byte{} {
			f, value = nil, r.DeviceToken.String()
		}
		users, err := find(ctx, f, value)
		if err != nil && !failure.Is(err, failure.NotFound) {
			return err
		}
		for i := range users {
			u := &users[i]
			if !strings.EqualFold(u.AccountInfo.InstanceID, p.id) || given[u.DeviceToken] {
				continue
			}
			given[u.DeviceToken] = true
			if err := do(u); err != nil {
				return err
			}
		}
		return nil
	})
}

// mostSeen is of how many users who are removed the last trip is read.
const mostSeen = 20

// lastSeen completes the removals that are shown by the last trip; where it cannot be read, there is
// none.
func (p *planning) lastSeen(ctx context.Context, plan *apply.Plan) {
	n := 0
	for i := range plan.Actions {
		a := &plan.Actions[i]
		if !a.Action.Removes() {
			continue
		}
		if n++; n > mostSeen {
			return
		}
		dates, err := p.session.API.Once().TripDates(ctx, userservice.AsAdmin(), a.DeviceToken.String())
		if err == nil && !dates.LatestTrip.IsZero() {
			a.LastSeen = &dates.LatestTrip
		}
	}
}

// spooled is a private copy of an input.
type spooled struct {
	path   string
	digest string
	ended  bool // its last byte is a line end, and it is not compressed
}

func (s *spooled) remove() { _ = os.Remove(s.path) }

// spool copies the input, so that it is the same however often it is read.
func spool(a *cmdutil.App, name string, limit int64) (s *spooled, err error) {
	in := a.Streams.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, failure.Wrap(failure.Invalid, "the file cannot be read", err)
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, failure.Newf(failure.Invalid, "%s is a folder, not a file", name)
		}
		in = f
	}
	out, err := os.CreateTemp("", "telematicsctl-*")
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the input cannot be copied", err)
	}
	s = &spooled{path: out.Name()}
	sum, last := sha256.New(), &ends{}
	n, err := io.Copy(io.MultiWriter(out, sum, last), io.LimitReader(in, limit+1))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		s.remove()
		return nil, failure.Wrap(failure.Invalid, "the input cannot be copied", err)
	}
	if n > limit {
		s.remove()
		return nil, failure.Newf(failure.Invalid, "%s is larger than %d bytes", name, limit)
	}
	compressed := last.first == 0x1f || last.first == 'P' && last.second == 'K'
	s.digest, s.ended = hex.EncodeToString(sum.Sum(nil)), last.last == '\n' && !compressed
	return s, nil
}

// ends remembers the first two bytes of what is written, and the last.
type ends struct {
	first, second, last byte
	n                   int
}

func (e *ends) Write(p []byte) (int, error) {
	for _, b := range p[:min(len(p), 2)] {
		switch e.n {
		case 0:
			e.first = b
		case 1:
			e.second = b
		}
		e.n++
	}
	if len(p) > 0 {
		e.last = p[len(p)-1]
	}
	return len(p), nil
}
