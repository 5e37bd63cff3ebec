package cmdutil

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/audit"
)

// ConfirmOther is ConfirmChange for a change of something else than the profile's instance. what
// says what is done, as in "deleting instance ci-1"; question is asked in any profile, "" for none.
// Where several users are concerned, their number is typed.
func (s *Session) ConfirmOther(ctx context.Context, what, question string, users int) error {
	name := s.Profile.Name
	s.app.Streams.Note("Using profile " + name + ": " + what)
	answered, err := false, error(nil)
	if question != "" {
		answered, err = s.app.ConfirmDeletion(users, "user, with the instance", "users, with the instance")
	}
	switch {
	case err != nil:
	case answered && !s.Profile.Protected:
	case question != "" && users > 1:
		err = s.app.confirmNumber(ctx, question+protectedText(s.Profile.Protected, name), users)
	case question != "":
		err = s.app.Confirm(ctx, question+protectedText(s.Profile.Protected, name)+"?")
	case s.Profile.Protected:
		err = s.app.Confirm(ctx, "Profile "+name+" is protected. Continue with "+what+"?")
	}
	if err == nil {
		s.app.changed.Store(true)
	}
	return err
}

// Other records a change of an instance that need not be the profile's, or of one of its users;
// deviceToken is "" for the instance itself.
func (r *Recorder) Other(ctx context.Context, command, operation, instanceID, deviceToken, outcome string) {
	if r == nil {
		return
	}
	r.warnOf(r.log.Add(ctx, audit.Entry{
		Time: r.session.app.Now(), Profile: r.session.Profile.Name, InstanceID: instanceID, Command: command,
		Operation: operation, DeviceToken: deviceToken, Outcome: outcome,
	}))
}
