package hierarchy

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Delete deletes an instance that has no users. One with users is failure.Rejected
// (ReasonHasUsers). One that is gone meanwhile is deleted.
func Delete(ctx context.Context, api API, in userservice.InstanceInfo) error {
	err := api.DeleteInstance(ctx, admin, in.ID)
	f := failure.From(err)
	switch {
	case err == nil:
		return nil
	case f.Enveloped && (f.Code == failure.NotFound || f.Status == 403): // as for one that is gone (live)
		if _, gone := api.Instance(ctx, admin, in.ID); failure.Is(gone, failure.NotFound) {
			return nil
		}
	case f.Enveloped && f.Code == failure.Rejected && hasField(f, "InstanceId"):
		refused := *f
		refused.Message = "the service deletes no instance that has users, and instance " + in.ID + " has some"
		return refused.Because(ReasonHasUsers, in.ID)
	}
	return err
}

func hasField(f *failure.Error, key string) bool {
	for _, one := range f.Fields {
		if one.Key == key {
			return true
		}
	}
	return false
}

// UsersAPI makes the calls by which users are listed and deleted; *userservice.Client does.
type UsersAPI interface {
	fleet.Lister
	operation.Deleter
}

// Emptying deletes the users of a throw-away instance. What is left to do is known from the list of
// the instance's users alone, so that it can be begun again however an earlier one has ended.
type Emptying struct {
	API     UsersAPI // Delete is called once an attempt
	Retry   operation.Retry
	Deleted func(ctx context.Context, r job.Result) // called for each user, by one goroutine at a time
}

// Users lists the users of an instance. It is an error if the list has a user of another instance:
// then nobody in it may be deleted.
func (e *Emptying) Users(ctx context.Context, in userservice.InstanceInfo) ([]uuid.UUID, error) {
	if !ThrowAway(in) {
		return nil, failure.Newf(failure.Invalid, "instance %s (%s) is not marked as throw-away: its users are not deleted",
			in.Name, in.ID).Because(ReasonNotThrowAway, in.ID)
	}
	var all []uuid.UUID
	for page, err := range fleet.Pages(ctx, fleet.FetchInstance(e.API, admin, in.ID), fleet.PageOptions{Complete: true}) {
		if err != nil {
			return nil, err
		}
		for _, u := range page.Users {
			if u.AccountInfo.InstanceID != in.ID {
				return nil, failure.Newf(failure.Failed, "the list of instance %s has user %s of instance %s: nobody is deleted",
					in.ID, u.DeviceToken, u.AccountInfo.InstanceID)
			}
			token, err := field.ParseServiceUUID(u.DeviceToken)
			if err != nil {
				return nil, err // the list itself refuses such a user
			}
			all = append(all, token)
		}
	}
	return all, nil
}

// mostRounds is how often users are looked for who were registered meanwhile.
const mostRounds = 5

// Run deletes users, and then those who were registered meanwhile. It ends with the first user who
// cannot be deleted; those in flight are awaited. deleted counts those that are gone.
func (e *Emptying) Run(ctx context.Context, in userservice.InstanceInfo, users []uuid.UUID) (deleted int, err error) {
	for range mostRounds {
		n, err := e.round(ctx, users)
		deleted += n
		if err != nil {
			return deleted, left(in.ID, deleted, deleted+len(users)-n, err)
		}
		if users, err = e.Users(ctx, in); err != nil || len(users) == 0 {
			return deleted, err
		}
	}
	err = failure.New(failure.Failed, "users are registered as fast as they are deleted")
	return deleted, left(in.ID, deleted, deleted+len(users), err)
}

func (e *Emptying) round(ctx context.Context, users []uuid.UUID) (deleted int, err error) {
	op := &operation.Delete{API: lasting{e.API}}
	var mu sync.Mutex
	g, going := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, token := range users {
		g.Go(func() error {
			if err := going.Err(); err != nil {
				return err
			}
			r := operation.Single(going, op, job.Record{N: i + 1, DeviceToken: token}, e.Retry)
			mu.Lock()
			defer mu.Unlock()
			e.Deleted(context.WithoutCancel(ctx), r)
			if r.Err == nil {
				deleted++
			}
			return r.Err
		})
	}
	err = g.Wait()
	if ctx.Err() != nil {
		err = failure.From(ctx.Err())
	}
	return deleted, err
}

// lasting lets a request that is in flight come to its answer when no further one is begun.
type lasting struct{ operation.Deleter }

func (l lasting) Delete(ctx context.Context, as userservice.Caller, deviceToken string) error {
	return l.Deleter.Delete(context.WithoutCancel(ctx), as, deviceToken)
}

func left(id string, deleted, all int, err error) error {
	return failure.Prefix(err, fmt.Sprintf("%d of %d users deleted", deleted, all)).Because(ReasonUsersLeft, id)
}
