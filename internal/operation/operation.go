// Package operation says what a job does to one user: register, update, delete, move, join. Each
// operation says what is sent for a record, whether it may be sent again after an answer was lost,
// and which answer is which outcome. The engine (internal/job) does the rest: it retries, paces,
// and keeps the journal.
//
// An outcome rests only on an answer in the service's envelope: what a gateway says proves nothing.
// userservice makes that distinction; here it is relied on.
package operation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Reasons of errors of this room. The subject is the DeviceToken, unless another is given.
const (
	// the user belongs to another instance than the profile's
	ReasonOtherInstance failure.Reason = "user-of-other-instance"
	ReasonNoUser        failure.Reason = "user-not-found" // no such user in the instance
	// the DeviceToken belongs to a user of another instance, or to none that can be read
	ReasonTaken failure.Reason = "device-token-of-other-instance"
	// no instance has the invite code, or the user does not exist; the subject is the DeviceToken
	ReasonInviteCode failure.Reason = "invite-code-unknown"
)

// Users reads users as the admin; *fleet.Membership does.
type Users interface {
	// State returns what is known of a user, a list that was read included.
	State(ctx context.Context, deviceToken uuid.UUID) (fleet.State, error)
	// Read reads a user now.
	Read(ctx context.Context, deviceToken uuid.UUID) (fleet.State, error)
	// Lookup finds the one user of the instance whom a token names.
	Lookup(ctx context.Context, token fleet.Token) (fleet.State, error)
}

// failed is the result of a record that is not sent, or was refused.
func failed(err error) job.Result { return job.Result{Outcome: job.Failed, Err: err} }

// otherInstance is the error for a user whom the admin could change, but who is not of the
// profile's instance.
func otherInstance(deviceToken uuid.UUID, instanceID string) error {
	return failure.Newf(failure.Unauthorized, "user %s belongs to instance %s, not to the profile's", deviceToken,
		instanceID).
		Because(ReasonOtherInstance, deviceToken.String())
}

// noUser is the error for a DeviceToken that nobody has.
func noUser(deviceToken uuid.UUID, instance string) error {
	return failure.Newf(failure.NotFound, "no user %s in instance %s", deviceToken, instance).
		Because(ReasonNoUser, deviceToken.String())
}

// clockTolerance is how much earlier than a request a user must have been created, by the service's
// clock, to be older: its times have whole seconds. unknownClock is the same where the service's
// clock is not known.
const (
	clockTolerance = 2 * time.Second
	unknownClock   = 5 * time.Minute
)
