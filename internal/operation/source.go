package operation

import (
	"context"
	"errors"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Rows are the rows of an input; *input.File has them.
type Rows interface {
	Header() []string
	// EachOf gives every row to do; of rows for which look reports false, only what is needed to
	// name them.
	EachOf(ctx context.Context, look func(n int) bool, do func(*input.Row) error) error
}

// NewUsers are the records of a job that registers users: the selected rows of a file, or a number
// of rows that have nothing but what templates say; each with the DeviceToken that its rule
// derives. It is for one goroutine at a time.
type NewUsers struct {
	File      Rows // nil: Quantity rows
	Quantity  int
	Selector  *Selector
	Templates *Templates
	Rule      *identity.Rule

	counted bool
	passed  *passed // what the last read by Select has counted
	settled func(n int) bool
}

var _ job.SettledSkipper = (*NewUsers)(nil)

// SkipSettled has Records give no more than names rows by for records whose outcome is known.
func (u *NewUsers) SkipSettled(settled func(n int) bool) { u.settled = settled }

// Records gives the records in the order of the rows. The error is failure.Invalid where the input
// has no column to match.
func (u *NewUsers) Records(ctx context.Context, yield func(job.Record) error) error {
	if err := u.count(ctx); err != nil {
		return err
	}
	return u.each(ctx, func(row *input.Row, key identity.Key, err error, all identity.Row) error {
		if u.isSettled(row.N) {
			return yield(job.Record{N: row.N, Line: row.Line, ClientID: all.All.Text("ClientId")})
		}
		rec := job.Record{N: row.N, Line: row.Line, ClientID: all.All.Text("ClientId"), Fields: all.All,
			Invalid: invalid(row, err)}
		if err == nil {
			rec.DeviceToken, rec.Random = u.Rule.Token(key)
		}
		return yield(rec)
	})
}

// Keys gives each selected row with what it is known by.
func (u *NewUsers) Keys(ctx context.Context, do func(*input.Row, identity.Key) error) error {
	if err := u.count(ctx); err != nil {
		return err
	}
	return u.each(ctx, func(row *input.Row, key identity.Key, _ error, _ identity.Row) error { return do(row, key) })
}

func (u *NewUsers) isSettled(n int) bool { return u.settled != nil && u.settled(n) }

// Select returns what tells, in one read of the file, which rows the job is about, for a check of
// the file's mistakes.
func (u *NewUsers) Select() (func(*input.Row) bool, error) {
	p, err := u.Selector.begin(u.File.Header())
	if err != nil {
		return nil, err
	}
	u.Rule.Rewind()
	done := false
	counts := &passed{}
	u.passed = counts
	return func(row *input.Row) bool {
		if done {
			return false
		}
		key, _, keyErr := u.key(row)
		ok, err := p.takes(row.Cells, func() identity.Key { return key })
		done = err != nil
		if ok {
			counts.requested++
			if keyErr != nil || len(row.Mistakes) > 0 {
				counts.invalid++
			}
		}
		return ok
	}, nil
}

// passed counts the rows that were selected, and those of them that cannot be sent.
type passed struct{ requested, invalid int }

// Counted returns how many records there are, and how many of them are invalid, as a check of the
// whole file found that had no mistakes to report: the file need not be read for it once more.
// false: that is not known.
func (u *NewUsers) Counted() (requested, invalid int, ok bool) {
	if u.passed == nil || u.Rule.NeedsCount() {
		return 0, 0, false
	}
	return u.passed.requested, u.passed.invalid, true
}

// count counts equal rows, where that matters, over the whole input.
func (u *NewUsers) count(ctx context.Context) error {
	if u.counted || u.File == nil || !u.Rule.NeedsCount() {
		return nil
	}
	err := u.File.EachOf(ctx, func(int) bool { return true }, func(row *input.Row) error {
		all, _ := u.Templates.Fill(row.N, row.Set)
		u.Rule.Note(identity.Row{N: row.N, DeviceToken: row.DeviceToken, Cells: row.Set, All: all})
		return nil
	})
	u.counted = err == nil
	return err
}

// each gives every selected row with what it is known by, or why it is known by nothing.
func (u *NewUsers) each(ctx context.Context,
	do func(row *input.Row, key identity.Key, err error, all identity.Row) error) error {
	var header []string
	if u.File != nil {
		header = u.File.Header()
	}
	p, err := u.Selector.begin(header)
	if err != nil {
		return err
	}
	u.Rule.Rewind()
	take := func(row *input.Row) error {
		key, all, keyErr := u.key(row)
		ok, err := p.takes(row.Cells, func() identity.Key { return key })
		if err != nil || !ok {
			return err
		}
		return do(row, key, keyErr, all)
	}
	if u.File == nil {
		err = u.numbered(ctx, take)
	} else {
		err = u.File.EachOf(ctx, u.look, take)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// look reports whether a row is needed as a whole: not one that is settled, unless its key decides
// something.
func (u *NewUsers) look(n int) bool {
	return u.Selector.ByKey() || u.Rule.NeedsCount() || !u.isSettled(n)
}

func (u *NewUsers) numbered(ctx context.Context, take func(*input.Row) error) error {
	for n := 1; n <= u.Quantity; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := take(&input.Row{N: n}); err != nil {
			return err
		}
	}
	return nil
}

// key returns what a row is known by, and the row with what the templates add. A row whose template
// cannot be filled in has an error.
func (u *NewUsers) key(row *input.Row) (identity.Key, identity.Row, error) {
	all, mistakes := u.Templates.Fill(row.N, row.Set)
	r := identity.Row{N: row.N, DeviceToken: row.DeviceToken, Cells: row.Set, All: all}
	key, err := u.Rule.Key(r)
	if len(mistakes) > 0 {
		err = failure.InvalidFields("invalid", mistakes)
	}
	if err != nil && key.Kind == 0 {
		key = identity.Key{Kind: identity.ByNumber, Number: row.N} // it falls to some shard, and its mistake with it
	}
	return key, r, err
}

// invalid returns why a row cannot be sent; "" where it can.
func invalid(row *input.Row, err error) string {
	var why []string
	for _, m := range row.Mistakes {
		why = append(why, strings.TrimPrefix(m.Column+": "+m.Why, ": "))
	}
	if err != nil && len(why) == 0 {
		why = append(why, strings.TrimPrefix(err.Error(), "invalid: "))
	}
	if why == nil {
		return ""
	}
	return "invalid: " + strings.Join(why, "; ")
}
