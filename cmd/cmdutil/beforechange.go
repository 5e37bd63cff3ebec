package cmdutil

import "context"

// BeforeChangeTo is BeforeChange for a change of something else than the profile's instance: what
// names it, as in "delete instance ci-1". question, if not empty, is asked in any case.
func (s *Session) BeforeChangeTo(ctx context.Context, what, question string) error {
	s.app.Streams.Note("Using profile " + s.Profile.Name + ": " + what)
	if s.Profile.Protected {
		if question == "" {
			question = "Go ahead: " + what + "?"
		}
		question = "Profile " + s.Profile.Name + " is protected. " + question
	}
	if question != "" {
		if err := s.app.Confirm(ctx, question); err != nil {
			return err
		}
	}
	s.app.changed.Store(true)
	return nil
}
