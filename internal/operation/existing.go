package operation

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Listed are the rows of an input that names users who are there already; *input.File has them.
type Listed interface {
	Rows
	// Skips reports whether a row names nobody, or a user whom an earlier row names.
	Skips(row *input.Row) bool
}

// ExistingUsers are the records of a job that changes users: the selected rows of a file, each with
// its DeviceToken or the key that the user is looked up by. It is for one goroutine at a time.
type ExistingUsers struct {
	File     Listed
	Selector *Selector
	Admin    bool             // an admin looks keys up; else they derive the DeviceToken
	Deriver  identity.Deriver // without an admin

	settled func(n int) bool
}

var _ job.SettledSkipper = (*ExistingUsers)(nil)

// SkipSettled has Records give no more than names rows by for records whose outcome is known.
func (u *ExistingUsers) SkipSettled(settled func(n int) bool) { u.settled = settled }

// Records gives the records in the order of the rows.
func (u *ExistingUsers) Records(ctx context.Context, yield func(job.Record) error) error {
	p, err := u.Selector.begin(u.File.Header())
	if err != nil {
		return err
	}
	look := func(n int) bool { return u.Selector.ByKey() || u.settled == nil || !u.settled(n) }
	err = u.File.EachOf(ctx, look, func(row *input.Row) error {
		read := look(row.N)
		if read && len(row.Mistakes) == 0 && u.File.Skips(row) {
			return nil
		}
		ok, err := p.takes(row.Cells, func() identity.Key { return keyOf(row) })
		if err != nil || !ok {
			return err
		}
		if !read {
			return yield(job.Record{N: row.N, Line: row.Line, ClientID: row.Set.Text("ClientId")})
		}
		return yield(u.record(row))
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Select returns what tells, in one read of the file, which rows the job is about, for a check of
// the file's mistakes.
func (u *ExistingUsers) Select() (func(*input.Row) bool, error) {
	p, err := u.Selector.begin(u.File.Header())
	if err != nil {
		return nil, err
	}
	done := false
	return func(row *input.Row) bool {
		if done {
			return false
		}
		ok, err := p.takes(row.Cells, func() identity.Key { return keyOf(row) })
		done = err != nil
		return ok
	}, nil
}

// keyOf returns what a row names its user by.
func keyOf(row *input.Row) identity.Key {
	if row.DeviceToken != "" {
		return identity.Key{Kind: identity.Given, Value: row.DeviceToken}
	}
	if f, ok := field.Lookup(row.KeyField); ok && row.Key != "" {
		return identity.Key{Kind: identity.ByField, Field: f, Value: row.Key}
	}
	return identity.Key{Kind: identity.ByNumber, Number: row.N}
}

func (u *ExistingUsers) record(row *input.Row) job.Record {
	rec := job.Record{N: row.N, Line: row.Line, ClientID: row.Set.Text("ClientId"), Invalid: invalid(row, nil)}
	key := keyOf(row)
	switch key.Kind {
	case identity.Given:
		rec.DeviceToken = uuid.MustParse(key.Value)
	case identity.ByField:
		if rec.ClientID == "" && key.Field.Name == "ClientId" {
			rec.ClientID = row.Key
		}
		if !u.Admin {
			rec.DeviceToken = u.Deriver.Field(key.Field, key.Value)
			break
		}
		rec.KeyField, rec.Key = row.KeyField, row.Key
	}
	for _, f := range row.Set.Fields() {
		identifies := key.Kind == identity.ByField && f == key.Field
		if value, _ := row.Set.Get(f.Name); f.Use&field.Update != 0 && !identifies {
			rec.Fields.Put(f, value)
		}
	}
	return rec
}
