package cmdutil

import (
	"context"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A Change says what a command is about to do and to whom, for the questions that it asks:
// "Set EnableTracking to off for 1 user (Ada Lovelace, c-2001)".
type Change struct {
	What  string // before the users: "Set EnableTracking to off for", "Delete"
	Users int    // 0 where What says it all
	Whom  string // who the only user is: "Ada Lovelace, c-2001"; "" where that is not known
	Then  string // after the users: " for good, with all telematics data"; begins with a space
	Asks  bool   // is asked in any profile; where there are several users, their number is typed
}

func (c Change) String() string {
	text := c.What
	if c.Users > 0 {
		text += " " + Count(c.Users, "user", "users")
	}
	if c.Users == 1 && c.Whom != "" {
		text += " (" + c.Whom + ")"
	}
	return text + c.Then
}

// ConfirmChange says, on standard error, which profile and instance a command is about to change,
// and asks what is to be asked: one question at most. It is called when everything else has been
// checked and nothing has been sent. A no is failure.Invalid.
func (s *Session) ConfirmChange(ctx context.Context, c Change) error {
	s.noteTarget()
	name := s.Profile.Name
	answered, err := false, error(nil)
	if c.Asks {
		answered, err = s.app.ConfirmDeletion(c.Users, "user", "users")
	}
	switch {
	case err != nil:
	case answered && s.Profile.Protected:
		err = s.app.Confirm(ctx, "Profile "+name+" is protected. "+c.String()+"?")
	case answered:
	case c.Asks && c.Users > 1:
		err = s.app.confirmNumber(ctx, c.in(name, s.Profile.Protected), c.Users)
	case s.Profile.Protected:
		err = s.app.Confirm(ctx, "Profile "+name+" is protected. "+c.String()+"?")
	case c.Asks:
		err = s.app.Confirm(ctx, c.in(name, false)+"?")
	}
	if err != nil {
		return err
	}
	s.app.NoteChange()
	return nil
}

// in says in which profile the change is made.
func (c Change) in(profile string, protected bool) string {
	text := c.String()
	if c.Then != "" {
		text += ","
	}
	return text + protectedText(protected, profile)
}

func protectedText(protected bool, name string) string {
	if protected {
		return " in the protected profile " + name
	}
	return " in profile " + name
}

// confirmNumber has the number of users typed; --yes answers it too.
func (k *App) confirmNumber(ctx context.Context, what string, n int) error {
	if k.Flags.Yes {
		return nil
	}
	answer, err := k.Streams.Line(ctx, what+"? Type the number of users to confirm", "--yes")
	if err != nil {
		return err
	}
	if answer != strconv.Itoa(n) {
		return failure.New(failure.Invalid, "nothing was changed: the number was not confirmed")
	}
	return nil
}

func (s *Session) noteTarget() {
	where := "profile " + s.Profile.Name
	if id := s.InstanceID(); id != "" {
		where += ", instance " + id
	}
	s.app.Streams.Note("Using " + where)
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
