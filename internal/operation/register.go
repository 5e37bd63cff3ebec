package operation

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Registrar makes the calls of Register, once each; *userservice.Client does.
type Registrar interface {
	Register(ctx context.Context, in userservice.Instance, user field.Set) (userservice.Registered, error)
	RegisterMany(ctx context.Context, in userservice.Instance, quantity int, accessTokens bool,
		custom field.Set) ([]userservice.Registered, error)
}

// Register creates a user for each record. The payload of a Result is the user's *userservice.Pair,
// where there is one.
//
// Registering is not idempotent by itself. A record with a DeviceToken can be sent again, as the
// service refuses a CustomToken that is taken; one without cannot, nor can a group.
type Register struct {
	API          Registrar
	Instance     userservice.Instance
	AccessTokens bool  // ask for the users' tokens
	Users        Users // reads as the admin; nil where there is none
	// ServiceTime returns a time of this machine's clock by the service's; nil, or false, where
	// that is not known.
	ServiceTime func(time.Time) (time.Time, bool)

	// GroupSize is how many records are registered by one call of register many; 1 or 0 for single
	// registrations. Then all records say what Custom says.
	GroupSize int
	Custom    field.Set

	ungrouped atomic.Bool // the service takes no groups
	proven    atomic.Bool // it has taken one
	ignores   atomic.Bool // it ignores CustomToken
}

var _ job.Operation = (*Register)(nil)

// Name is part of what a job is known by.
func (r *Register) Name() string { return "register" }

// Group returns how many records one request takes.
func (r *Register) Group() int {
	if r.grouped() {
		return r.GroupSize
	}
	return 1
}

func (r *Register) grouped() bool { return r.GroupSize > 1 && !r.ungrouped.Load() }

// Resendable reports whether the service would refuse a second user of the record.
func (r *Register) Resendable(rec job.Record) bool {
	return rec.DeviceToken != uuid.Nil && !r.ignores.Load()
}

// IgnoresCustomToken reports whether the service has been seen to choose DeviceTokens itself
// although it was sent one.
func (r *Register) IgnoresCustomToken() bool { return r.ignores.Load() }

// SetIgnoresCustomToken says that it was seen before, in an earlier run.
func (r *Register) SetIgnoresCustomToken() { r.ignores.Store(true) }

// Preview returns the body that would be sent for a record.
func (r *Register) Preview(rec job.Record) (any, error) {
	if r.grouped() {
		return r.Custom.Body(field.Quantity)
	}
	body := r.body(rec)
	return body.Body(field.Create)
}

// Do registers the users of a group.
func (r *Register) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	if len(group) > 1 {
		return r.many(ctx, group)
	}
	result, err := r.single(ctx, group[0])
	if err != nil {
		return nil, err
	}
	return []job.Result{result}, nil
}

// many registers a group by one call. Where the service has never taken one, and says that it has
// no such call, the error is job.ErrUngroup; afterwards the same answer is a gateway's.
func (r *Register) many(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	users, err := r.API.RegisterMany(ctx, r.Instance, len(group), r.AccessTokens, r.Custom)
	switch {
	case err == nil:
	case userservice.NoSuchCall(err) && !r.proven.Load():
		r.ungrouped.Store(true)
		return nil, fmt.Errorf("%w: %w", job.ErrUngroup, err)
	case userservice.NoSuchCall(err):
		return nil, &failure.Error{Code: failure.Unavailable, Message: err.Error(), Status: failure.From(err).Status,
			Cause: err}
	default:
		return nil, err
	}
	r.proven.Store(true)
	results := make([]job.Result, max(len(users), len(group)))
	for i := range results {
		if i < len(users) {
			results[i] = created(users[i])
			continue
		}
		results[i] = job.Result{Outcome: job.Unknown, Err: &failure.Error{Code: failure.Failed, MayHaveApplied: true,
			Message: fmt.Sprintf("register many users: the service returned %d of the %d users asked for in rows %d to %d",
				len(users), len(group), group[0].N, group[len(group)-1].N)}}
	}
	return results, nil
}

func created(user userservice.Registered) job.Result {
	result := job.Result{Outcome: job.Created}
	result.DeviceToken, _ = field.ParseServiceUUID(user.DeviceToken) // the client has read it
	if user.Pair != nil {
		result.Payload = user.Pair
	}
	return result
}

// body returns what is sent for a record.
func (r *Register) body(rec job.Record) field.Set {
	body := rec.Fields.Clone()
	body.Put(field.MustGet("CreateAccessToken"), r.AccessTokens)
	if rec.DeviceToken != uuid.Nil {
		body.Put(field.MustGet("CustomToken"), rec.DeviceToken.String())
	}
	return body
}

// single registers one user.
func (r *Register) single(ctx context.Context, a job.Attempt) (job.Result, error) {
	user, err := r.API.Register(ctx, r.Instance, r.body(a.Record))
	switch {
	case err == nil:
		result := created(user)
		if a.DeviceToken != uuid.Nil && result.DeviceToken != a.DeviceToken {
			r.ignores.Store(true)
		}
		return result, nil
	case a.DeviceToken != uuid.Nil && userservice.TokenTaken(err):
		return r.taken(ctx, a), nil
	}
	return job.Result{}, err
}

// taken returns the outcome of a record whose DeviceToken belongs to a user already.
func (r *Register) taken(ctx context.Context, a job.Attempt) job.Result {
	switch {
	case a.Random: // nobody but this job can have sent it
		return job.Result{Outcome: job.Created}
	case r.Users == nil:
		return takenUnseen(a)
	}
	state, err := r.Users.Read(ctx, a.DeviceToken)
	switch {
	case err != nil: // what cannot be read is believed
		return takenUnseen(a)
	case state.Place == fleet.OtherInstance && a.Fields.Text("InstanceInviteCode") == "":
		return failed(failure.Newf(failure.Rejected, "the DeviceToken %s belongs to a user of instance %s", a.DeviceToken,
			state.InstanceID).
			Because(ReasonTaken, a.DeviceToken.String()))
	case !a.Lost && state.Place == fleet.Absent:
		return failed(failure.Newf(failure.Rejected, "the DeviceToken %s belongs to a user whom this admin cannot see",
			a.DeviceToken).
			Because(ReasonTaken, a.DeviceToken.String()))
	case !a.Lost || r.older(state.Created, a.FirstSent):
		return job.Result{Outcome: job.Existing, Changes: changedCells(a.Fields, state)}
	}
	return job.Result{Outcome: job.Confirmed}
}

// changedCells returns where a record differs from the user who exists. Nothing of it is written.
func changedCells(wanted field.Set, state fleet.State) []job.Change {
	if !state.Known {
		return nil
	}
	var updatable field.Set
	for _, f := range wanted.Fields() {
		if value, _ := wanted.Get(f.Name); f.Use&field.Update != 0 && value != nil {
			updatable.Put(f, value)
		}
	}
	return changes(fleet.Differences(updatable, state.Values))
}

// takenUnseen is the outcome where no admin can look.
func takenUnseen(a job.Attempt) job.Result {
	if a.Lost {
		return job.Result{Outcome: job.Confirmed}
	}
	return job.Result{Outcome: job.Existing}
}

// older reports whether a user was created before the first attempt began.
func (r *Register) older(created, firstSent time.Time) bool {
	if created.IsZero() || firstSent.IsZero() {
		return false
	}
	tolerance := unknownClock
	if r.ServiceTime != nil {
		if t, ok := r.ServiceTime(firstSent); ok {
			firstSent, tolerance = t, clockTolerance
		}
	}
	return created.Add(tolerance).Before(firstSent)
}
