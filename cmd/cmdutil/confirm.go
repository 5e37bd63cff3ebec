package cmdutil

import (
	"context"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// BeforeChange says, on standard error, which profile and instance a command is about to change, and for a protected profile asks first.
// It is called when everything else has been checked and nothing has been sent.
func (s *Session) BeforeChange(ctx context.Context) error {
	where := "profile " + s.Profile.Name
	if id := s.InstanceID(); id != "" {
		where += ", instance " + id
	}
	s.app.Streams.Note("Using " + where)
	if s.Profile.Protected {
		if err := s.app.Confirm(ctx, "Profile "+s.Profile.Name+" is protected. Change it?"); err != nil {
			return err
		}
	}
	s.app.changed.Store(true)
	return nil
}

// Confirm asks a yes or no question that --yes answers. A no is failure.Invalid: nothing was done.
func (k *App) Confirm(ctx context.Context, question string) error {
	if k.Flags.Yes {
		return nil
	}
	ok, err := k.Streams.Confirm(ctx, question, "--yes")
	if err != nil {
		return err
	}
	if !ok {
		return failure.New(failure.Invalid, "nothing was changed: the answer was no")
	}
	return nil
}
