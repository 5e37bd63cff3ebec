package operation

import (
	"context"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// ReasonNoAdmin is the reason of a user who is named by a key where no admin can look the key up.
// The subject is the key's field.
const ReasonNoAdmin failure.Reason = "key-needs-admin"

// target finds the user whom a record is about, as the admin where there is one, and else takes the
// record's word. Where an earlier request for the record may have been carried out, what a list
// said before is not believed.
func target(ctx context.Context, users Users, a job.Attempt) (fleet.State, error) {
	switch {
	case a.DeviceToken == uuid.Nil && users == nil:
		return fleet.State{}, failure.Newf(failure.Unauthorized, "look up a user by %s: needs an admin", a.KeyField).
			Because(ReasonNoAdmin, a.KeyField)
	case a.DeviceToken == uuid.Nil:
		f, ok := field.Lookup(a.KeyField)
		if !ok {
			return fleet.State{}, failure.Newf(failure.Invalid, "%q is not a field", a.KeyField)
		}
		return users.Lookup(ctx, fleet.ByKey(f, a.Key))
	case users == nil:
		return fleet.State{Place: fleet.Member, DeviceToken: a.DeviceToken}, nil
	case a.Lost:
		return users.Read(ctx, a.DeviceToken)
	}
	return users.State(ctx, a.DeviceToken)
}

// settled is a record's result where its user could not be found; false where the request itself
// failed, and is to be judged by the engine.
func settled(err error) (job.Result, bool) {
	for _, reason := range []failure.Reason{fleet.ReasonNoMatch, fleet.ReasonManyMatch, fleet.ReasonOtherPlace} {
		if failure.HasReason(err, reason) {
			return failed(err), true
		}
	}
	return job.Result{}, false
}

// one is what Do returns for a single record.
func one(result job.Result, err error) ([]job.Result, error) {
	if err != nil {
		return nil, err
	}
	return []job.Result{result}, nil
}
