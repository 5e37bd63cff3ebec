package user

import (
	"context"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// createRecord says who the user is, by the same rule as a row of a file.
func createRecord(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, o createOptions, body field.Set) (job.Record,
	error) {
	deriver, err := s.Deriver(ctx)
	if err != nil {
		return job.Record{}, err
	}
	rule := identity.Rule{Deriver: deriver, Drawn: true, Seed: identity.NewSeed()}
	rule.Preference = identity.DefaultPreference(body.Text("ClientId") != "", identity.Random)
	if o.key != "" {
		if rule.Preference, err = identity.ParsePreference(o.key); err != nil {
			return job.Record{}, failure.InvalidFields("invalid flags", []failure.Field{{Key: "--key",
				Message: failure.From(err).Message}})
		}
	}
	row := identity.Row{N: 1, Cells: body, All: body}
	if rule.NeedsCount() {
		rule.Note(row)
	}
	key, err := rule.Key(row)
	if err != nil {
		return job.Record{}, err
	}
	if err := useIdentity(ctx, a, s, deriver, key); err != nil {
		return job.Record{}, err
	}
	rec := job.Record{N: 1, ClientID: body.Text("ClientId"), Fields: body}
	rec.DeviceToken, rec.Random = rule.Token(key)
	return rec, nil
}

// useIdentity refuses to derive a DeviceToken by another identity key than the one last used for
// the instance, by a job or here: the same person would be registered twice.
func useIdentity(ctx context.Context, a *cmdutil.App, s *cmdutil.Session, deriver identity.Deriver,
	key identity.Key) error {
	if key.Kind != identity.ByField && key.Kind != identity.ByContent {
		return nil
	}
	jobs, err := a.Jobs()
	if err != nil {
		return err
	}
	return jobs.UseKey(ctx, s.API.Host(), s.InstanceID(), deriver.KeyCheck())
}
