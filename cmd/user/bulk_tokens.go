package user

import (
	"context"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

const (
	// largestStored is how many users' tokens one run may put into the token store.
	largestStored = 100
	// storedTogether is how many pairs wait at most to be stored in one write: a run
	// that is killed loses no more.
	storedTogether = 10
)

// bulkTokens takes the tokens of the users of a job: into a file of their own as
// they come, or, if they are few, into the token store.
type bulkTokens struct {
	run     *cmdutil.JobRun
	wanted  bool
	file    *job.CredentialsFile // nil: none was named
	waiting []tokenstore.Item
	missing int    // users whose tokens were asked for and did not come
	release func() // ends the reservation of room in the token store
}

// newBulkTokens makes sure that there is a place for the tokens.
func newBulkTokens(r *cmdutil.JobRun, wanted bool) (*bulkTokens, error) {
	t := &bulkTokens{run: r, wanted: wanted}
	if !wanted || r.Job.Spec.Outputs.TokensOut != "" || t.stores() || r.App.Flags.ShowTokens {
		return t, nil
	}
	return nil, invalidTokens("no token store outlives this run, so the users' tokens would be lost: add " +
		"--tokens-out FILE, or --show-tokens")
}

func invalidTokens(message string) error {
	return failure.InvalidFields("invalid flags", []failure.Field{{Key: "--create-access-token", Message: message}})
}

// stores reports whether there is a token store that outlives the run.
func (t *bulkTokens) stores() bool {
	kind := t.run.Session.Stored()
	return kind != "" && kind != tokenstore.KindMemory
}

func (t *bulkTokens) start(ctx context.Context, requested int) (err error) {
	path := t.run.Job.Spec.Outputs.TokensOut
	switch {
	case path != "":
		t.file, err = job.OpenCredentialsFile(path, t.run.Resumed)
		return err
	case !t.wanted || !t.stores():
		return nil
	case requested > largestStored:
		return invalidTokens(tooManyTokens(requested))
	}
	size := tokenstore.PairSize
	if t.run.Session.Stored() == tokenstore.KindFile { // a keyring need not take an item as long as all of them
		size *= requested
	}
	t.release, err = t.run.Session.Store.Reserve(ctx, tokenstore.Key{Profile: t.run.Session.Profile.Name}, size)
	return err
}

// add keeps the tokens of a row's user.
func (t *bulkTokens) add(ctx context.Context, row job.Row) error {
	pair, _ := row.Payload.(*userservice.Pair)
	switch {
	case pair == nil:
		if t.wanted && !row.Earlier && row.Outcome != job.Failed && row.Outcome != job.Unknown {
			t.missing++
		}
		return nil
	case t.file != nil:
		rec := t.run.Session.Auth.Record(*pair)
		return t.file.Add(row.DeviceToken.String(), job.Credentials{Access: rec.Access, Refresh: rec.Refresh,
			ExpiresAt: rec.ExpiresAt})
	case t.wanted && t.stores():
		t.waiting = append(t.waiting, t.run.Session.Auth.Item(row.DeviceToken.String(), *pair))
		if len(t.waiting) >= storedTogether {
			return t.store(ctx)
		}
	}
	return nil
}

func (t *bulkTokens) finish(ctx context.Context) error {
	if t.release != nil {
		defer t.release()
	}
	login := t.run.App.Command("auth", "login", "--device-token", "TOKEN")
	if t.missing > 0 {
		t.run.App.Streams.Note(cmdutil.Count(t.missing, "user has", "users have") +
			" no tokens: they existed before, or the answers were lost; get them with " + login)
	}
	if t.file == nil {
		return t.store(ctx)
	}
	if n := t.file.Lost(); n > 0 {
		t.run.App.Streams.Warn(cmdutil.Count(n, "user is", "users are") +
			" registered whose tokens could not be written; get them with " + login)
	}
	return t.file.Close()
}

// store puts the pairs that wait into the token store, in one write.
func (t *bulkTokens) store(ctx context.Context) error {
	items := t.waiting
	t.waiting = nil
	if len(items) == 0 {
		return nil
	}
	if err := t.run.Session.Store.Put(ctx, items...); err != nil {
		return failure.Prefix(err, "the users are registered, but their tokens are not stored")
	}
	return nil
}
