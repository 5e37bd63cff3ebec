package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Name is the operation of a job that carries out a plan.
const Name = "apply"

// API makes the calls, once each; *userservice.Client does.
type API interface {
	operation.Registrar
	operation.Updater
	operation.Deleter
	operation.Mover
}

// Operation carries out the actions of a plan, as the admin. A user is read just before it is
// changed: one who is not as the plan's values before say is stale, and nothing is sent; one who is
// as the plan wants is unchanged.
type Operation struct {
	API         API
	Users       *fleet.Membership // of the instance
	Instance    userservice.Instance
	ServiceTime func(time.Time) (time.Time, bool)
	Actions     []Action // by the number of the record, from 1
	// Other returns another instance with its key, for users who are moved back.
	Other func(ctx context.Context, instanceID string) (userservice.Instance, error)
}

var (
	_ job.Operation = (*Operation)(nil)
	_ job.Source    = (*Operation)(nil)
)

// Name is part of what a job is known by.
func (o *Operation) Name() string { return Name }

// Group returns 1.
func (o *Operation) Group() int { return 1 }

// Resendable reports whether doing it twice is doing it once: a create has a DeviceToken that the
// service takes once, and all else sets what it sets.
func (o *Operation) Resendable(r job.Record) bool { return r.DeviceToken != uuid.Nil }

// Records gives the actions: creates first, then updates, moves, deactivations and deletions.
func (o *Operation) Records(ctx context.Context, yield func(job.Record) error) error {
	for i := range o.Actions {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := &o.Actions[i]
		r := job.Record{N: i + 1, DeviceToken: a.DeviceToken, ClientID: a.Key, Action: string(a.Action),
			Phase: phase(a.Action)}
		if a.KeyField != deviceTokenKey {
			r.KeyField, r.Key = a.KeyField, a.Key
		}
		r.Fields = a.Fields()
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func phase(k Kind) int {
	for i, kind := range Kinds() {
		if kind == k {
			return i
		}
	}
	return len(Kinds())
}

// Do carries out one action.
func (o *Operation) Do(ctx context.Context, group []job.Attempt) ([]job.Result, error) {
	attempt := group[0]
	action := &o.Actions[attempt.N-1]
	var result job.Result
	var err error
	switch action.Action {
	case Create:
		result, err = o.create(ctx, attempt)
	case Update, Deactivate:
		result, err = o.update(ctx, attempt, action)
	case Move:
		result, err = o.move(ctx, attempt, action)
	case Delete:
		result, err = o.remove(ctx, attempt, action)
	}
	if err != nil {
		return nil, err
	}
	return []job.Result{result}, nil
}

// create registers a user, once nobody is found by the key: a list that moved may have missed
// somebody.
func (o *Operation) create(ctx context.Context, a job.Attempt) (job.Result, error) {
	if f, ok := field.Lookup(a.KeyField); ok && a.Key != "" && !a.Lost {
		state, err := o.Users.Lookup(ctx, fleet.ByKey(f, a.Key))
		switch {
		case err == nil:
			return job.Result{Outcome: job.Existing, DeviceToken: state.DeviceToken}, nil
		case failure.HasReason(err, fleet.ReasonOtherPlace):
			return failed(failure.Newf(failure.Failed, "%s %q belongs to a user of another instance", f.Name, a.Key).
				Because(ReasonOtherInstance, a.Key)), nil
		case failure.HasReason(err, fleet.ReasonManyMatch):
			return failed(err), nil
		case !failure.HasReason(err, fleet.ReasonNoMatch):
			return job.Result{}, err
		}
	}
	register := operation.Register{API: o.API, Instance: o.Instance, Users: o.Users, ServiceTime: o.ServiceTime}
	results, err := register.Do(ctx, []job.Attempt{a})
	if err != nil {
		return job.Result{}, err
	}
	result := results[0]
	if result.Outcome == job.Existing {
		return o.otherKey(ctx, a, result)
	}
	if result.Outcome == job.Created {
		result.Changes = o.Actions[a.N-1].Changes
	}
	result.Payload = nil
	return result, nil
}

// otherKey refuses a user who has the DeviceToken of a key, and another key by now.
func (o *Operation) otherKey(ctx context.Context, a job.Attempt, result job.Result) (job.Result, error) {
	f, ok := field.Lookup(a.KeyField)
	if !ok || a.Key == "" {
		return result, nil
	}
	state, err := o.Users.Read(ctx, a.DeviceToken)
	if err != nil || state.Place != fleet.Member {
		return result, err
	}
	value, _ := state.Values.Value(f)
	if fleet.Same(f, a.Key, value) {
		return result, nil
	}
	return failed(failure.Newf(failure.Rejected, "the DeviceToken of %s %q belongs to the user with %s %q", f.Name,
		a.Key, f.Name,
		fmt.Sprint(value)).Because(operation.ReasonTaken, a.DeviceToken.String())), nil
}

// read reads the user of an action now. A result that is not nil is the action's.
func (o *Operation) read(ctx context.Context, action *Action) (fleet.State, *job.Result, error) {
	state, err := o.Users.Read(ctx, action.DeviceToken)
	if err != nil {
		return state, nil, err
	}
	there := state.Place == fleet.Member || state.Place == fleet.OtherInstance && action.InstanceID != "" &&
		state.InstanceID == action.InstanceID
	if state.Place != fleet.Absent && !there {
		return state, stale("the user is in instance %s by now", state.InstanceID), nil
	}
	return state, nil, nil
}

func (o *Operation) update(ctx context.Context, a job.Attempt, action *Action) (job.Result, error) {
	state, result, err := o.read(ctx, action)
	switch {
	case err != nil:
		return job.Result{}, err
	case result != nil:
		return *result, nil
	case state.Place == fleet.Absent && action.Action == Deactivate:
		return job.Result{Outcome: job.Unchanged}, nil
	case state.Place == fleet.Absent:
		return *stale("the user was deleted"), nil
	}
	if why := rekeyed(action, &state); why != nil {
		return *why, nil
	}
	var body field.Set
	var changes []job.Change
	for _, c := range action.Changes {
		f, ok := field.Lookup(c.Field)
		if !ok {
			continue
		}
		now, _ := state.Values.Value(f)
		to := value(f, c.To)
		is, was := fleet.Same(f, to, now), fleet.Same(f, value(f, c.From), now)
		switch {
		case is && !a.Lost: // it is as the plan wants
		case is || was:
			body.Put(f, to)
			changes = append(changes, c)
		default:
			return *stale("%s is %v by now, not %v", f.Name, shown(now), shown(c.From)), nil
		}
	}
	if body.Len() == 0 {
		return job.Result{Outcome: job.Unchanged}, nil
	}
	if err := o.API.Update(ctx, userservice.AsAdmin(), action.DeviceToken.String(), body); err != nil {
		return job.Result{}, err
	}
	return job.Result{Outcome: job.Updated, Changes: changes}, nil
}

// rekeyed is the result for a user who is to be removed, and has another key by now; nil otherwise.
func rekeyed(action *Action, state *fleet.State) *job.Result {
	f, ok := field.Lookup(action.KeyField)
	if !ok || !action.Action.Removes() || action.Key == "" {
		return nil
	}
	if now, _ := state.Values.Value(f); !fleet.Same(f, action.Key, now) {
		return stale("%s is %v by now, not %v", f.Name, shown(now), action.Key)
	}
	return nil
}

func (o *Operation) move(ctx context.Context, a job.Attempt, action *Action) (job.Result, error) {
	from, to := action.ends()
	state, err := o.Users.Read(ctx, action.DeviceToken)
	switch {
	case err != nil:
		return job.Result{}, err
	case state.Place == fleet.Absent:
		return *stale("the user was deleted"), nil
	case sameUUID(state.InstanceID, to) && a.Lost:
		return job.Result{Outcome: job.Moved, Changes: action.Changes}, nil
	case sameUUID(state.InstanceID, to):
		return job.Result{Outcome: job.Unchanged}, nil
	case !sameUUID(state.InstanceID, from):
		return *stale("the user is in instance %s by now", state.InstanceID), nil
	}
	into := o.Instance
	if !sameUUID(to, o.Instance.ID) {
		if into, err = o.Other(ctx, to); err != nil {
			return job.Result{}, err
		}
	}
	if err := o.API.Move(ctx, userservice.AsAdmin(), action.DeviceToken.String(), into); err != nil {
		return job.Result{}, err
	}
	return job.Result{Outcome: job.Moved, Changes: action.Changes}, nil
}

// ends returns the instances of a move.
func (a *Action) ends() (from, to string) {
	for _, c := range a.Changes {
		if c.Field == instanceField {
			from, _ = c.From.(string)
			to, _ = c.To.(string)
		}
	}
	return from, to
}

func sameUUID(a, b string) bool {
	x, errX := field.ParseServiceUUID(a)
	y, errY := field.ParseServiceUUID(b)
	return errX == nil && errY == nil && x == y
}

func (o *Operation) remove(ctx context.Context, a job.Attempt, action *Action) (job.Result, error) {
	state, result, err := o.read(ctx, action)
	switch {
	case err != nil:
		return job.Result{}, err
	case result != nil:
		return *result, nil
	case state.Place == fleet.Absent && a.Lost:
		return job.Result{Outcome: job.Deleted}, nil
	case state.Place == fleet.Absent:
		return job.Result{Outcome: job.Unchanged}, nil
	case state.Values.Text("Status") != "Deactivated":
		return *stale("Status is %v by now, not Deactivated", shown(state.Values.Text("Status"))), nil
	}
	if why := rekeyed(action, &state); why != nil {
		return *why, nil
	}
	err = o.API.Delete(ctx, userservice.AsAdmin(), action.DeviceToken.String())
	if failure.Is(err, failure.NotFound) { // it was there a moment ago
		err = nil
	}
	if err != nil {
		return job.Result{}, err
	}
	return job.Result{Outcome: job.Deleted, Changes: action.Changes}, nil
}

func failed(err error) job.Result { return job.Result{Outcome: job.Failed, Err: err} }

// stale is the result of an action whose user has changed since the plan was made.
func stale(format string, args ...any) *job.Result {
	return &job.Result{Outcome: job.Stale, Err: failure.Newf(failure.Failed, format, args...)}
}

func shown(v any) any {
	if v == nil || v == "" {
		return "empty"
	}
	return v
}

// mostStale is the part of the actions that may be stale before the run is stopped.
const mostStale = 0.05

// CheckStale ends a run of which too many actions are stale.
func CheckStale(t job.Tally) error {
	n := t.Count(job.Stale)
	if float64(n) <= mostStale*float64(t.Requested) {
		return nil
	}
	return failure.Newf(failure.Partial, "stopped: %d of %d users have changed since the plan was made", n, t.Requested).
		Because(ReasonStale, "")
}
