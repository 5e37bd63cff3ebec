package user

import (
	"context"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// identified is who the user is, and the key by which that is so.
type identified struct {
	job.Record
	deriver identity.Deriver
	key     identity.Key
}

// identify says who the user is, by the same rule as a row of a file. It refuses an identity key
// that is not the one last used for the instance, by a job or here: the same person would be
// registered twice.
func identify(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, o createOptions, body field.Set) (u identified,
	err error) {
	if u.deriver, err = s.Deriver(ctx); err != nil {
		return u, err
	}
	rule := identity.Rule{Deriver: u.deriver, Drawn: true, Seed: identity.NewSeed()}
	rule.Preference = identity.DefaultPreference(body.Text("ClientId") != "", identity.Random)
	if o.key != "" {
		if rule.Preference, err = identity.ParsePreference(o.key); err != nil {
			return u, failure.InvalidFields("invalid flags", []failure.Field{{Key: "--key",
				Message: failure.From(err).Message}})
		}
	}
	row := identity.Row{N: 1, Cells: body, All: body}
	if rule.NeedsCount() {
		rule.Note(row)
	}
	if u.key, err = rule.Key(row); err != nil {
		return u, err
	}
	u.Record = job.Record{N: 1, ClientID: body.Text("ClientId"), Fields: body}
	u.DeviceToken, u.Random = rule.Token(u.key)
	if !u.derived() {
		return u, nil
	}
	jobs, err := a.Jobs()
	if err != nil {
		return u, err
	}
	return u, jobs.CheckKey(s.API.Host(), s.InstanceID(), u.deriver.KeyCheck())
}

// derived reports whether the DeviceToken depends on the identity key.
func (u identified) derived() bool {
	return u.key.Kind == identity.ByField || u.key.Kind == identity.ByContent
}

// useKey records the identity key as used, before the user is registered; unused takes that back.
func (u identified) useKey(ctx context.Context, a *cmdutil.App, s *cmdutil.Session) (unused func() error, err error) {
	if !u.derived() {
		return func() error { return nil }, nil
	}
	jobs, err := a.Jobs()
	if err != nil {
		return nil, err
	}
	return jobs.UseKey(ctx, s.API.Host(), s.InstanceID(), u.deriver.KeyCheck())
}
