package operation

import (
	"context"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Updater makes the call of Update, once; *userservice.Client does.
type Updater interface {
	Update(ctx context.Context, as userservice.Caller, deviceToken string, change field.Set) error
}

// Update changes fields of users, the flags included. Where a read shows that a user has all values
// already, the outcome is unchanged, and nothing is sent; else only what differs is sent. Changing
// something twice is changing it once.
type Update struct {
	API      Updater
	Actor    Actor
	Users    Users          // reads as the admin; nil where users act for themselves
	Instance fleet.Instance // of the users
	Change   field.Set      // for every record; what a record itself says wins
	NoRead   bool           // send all fields without comparing; users are held to the instance anyway

	lost sync.Map // DeviceToken → []job.Change: what a request whose answer was lost had to change
}

var _ job.Operation = (*Update)(nil)

// Name is part of what a job is known by.
func (u *Update) Name() string { return "update" }

// Group returns 1: the service changes one user at a time.
func (u *Update) Group() int { return 1 }

// Resendable is true.
func (u *Update) Resendable(job.Record) bool { return true }

// Preview returns the body that would be sent for a record.
func (u *Update) Preview(rec job.Record) (any, error) {
	wanted := u.wanted(rec)
	return wanted.Body(field.Update)
}

func (u *Update) wanted(rec job.Record) field.Set {
	wanted := u.Change.Clone()
	wanted.Merge(rec.Fields)
	return wanted
}

// Do changes one user.
func (u *Update) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	return one(u.do(ctx, group[0]))
}

func (u *Update) do(ctx context.Context, a job.Attempt) (job.Result, error) {
	state, err := target(ctx, u.Users, a)
	if result, ok := settled(err); ok {
		return result, nil
	}
	if err != nil {
		return job.Result{}, err
	}
	switch state.Place {
	case fleet.Absent:
		return failed(noUser(state.DeviceToken, u.Instance.String())), nil
	case fleet.OtherInstance:
		return failed(otherInstance(state.DeviceToken, state.InstanceID)), nil
	}
	wanted := u.wanted(a.Record)
	result := job.Result{Outcome: job.Updated, DeviceToken: state.DeviceToken}
	if state.Known && !u.NoRead {
		differences := fleet.Differences(wanted, state.Values)
		result.Changes = changes(differences)
		// What an earlier request may have changed is sent again: only the answer to it says who
		// changed it.
		if comparable := len(wanted.Fields()) == wanted.Len(); comparable && !a.Lost {
			if len(differences) == 0 {
				return job.Result{Outcome: job.Unchanged, DeviceToken: state.DeviceToken}, nil
			}
			wanted = only(wanted, differences)
		}
	}
	if before, ok := u.lost.Load(state.DeviceToken); ok {
		result.Changes = before.([]job.Change) // what is read now may be what that request has done
	}
	if err := u.API.Update(ctx, u.Actor.Caller(state.DeviceToken), state.DeviceToken.String(), wanted); err != nil {
		if failure.MayHaveApplied(err) {
			u.lost.Store(state.DeviceToken, result.Changes)
		}
		return job.Result{}, err
	}
	u.lost.Delete(state.DeviceToken)
	return result, nil
}

// only returns the fields that differ.
func only(wanted field.Set, differences []fleet.Difference) field.Set {
	var out field.Set
	for _, d := range differences {
		value, _ := wanted.Get(d.Field.Name)
		out.Put(d.Field, value)
	}
	return out
}

func changes(differences []fleet.Difference) []job.Change {
	var out []job.Change
	for _, d := range differences {
		out = append(out, job.Change{Field: d.Field.Name, From: d.From, To: d.To})
	}
	return out
}

// PrepareUpdate has a membership read the list where that is the cheaper way for so many users:
// where the list holds the current values of all fields that are changed, or nothing is to be
// compared. Otherwise each user is read anyway. The list is read while users are changed, which
// moves nobody in it; stop ends that.
func PrepareUpdate(ctx context.Context, m *fleet.Membership, fields []*field.Field, noRead bool,
	users int) (stop func(), err error) {
	if !noRead {
		if !fleet.Packable(fields) {
			return func() {}, nil
		}
		m.Keep = fields
	}
	return m.PrepareAhead(ctx, users)
}
