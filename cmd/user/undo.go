package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// The reasons of an undo that is not made. The subject is the DeviceToken.
const (
	reasonNothingToUndo failure.Reason = "nothing-to-undo"
	reasonChangedSince  failure.Reason = "changed-since"
)

// before returns the values that the last change of a user by this tool had replaced; only, if not
// nil, is the field that it must be about. A user who is not as that change left it is an error.
func (c *changer) before(ctx context.Context, s fleet.State, only *field.Field) (field.Set, error) {
	last, err := c.lastChange(ctx, s.DeviceToken, only)
	if err != nil {
		return field.Set{}, err
	}
	if last != nil && last.Operation == opUndo {
		c.app.Streams.Note("The last change of user " + s.DeviceToken.String() + " was an undo: it is undone")
	}
	if last == nil {
		return field.Set{}, failure.Newf(failure.Failed, "undo a change of user %s: none is recorded here", s.DeviceToken).
			Because(reasonNothingToUndo, s.DeviceToken.String())
	}
	var out field.Set
	var since []string
	for _, change := range last.Changes {
		f, ok := field.Lookup(change.Field)
		if !ok || only != nil && f != only {
			continue
		}
		if now, _ := s.Values.Get(f.Name); !fleet.Same(f, change.To, now) {
			since = append(since, fmt.Sprintf("%s is %s, not %s", f.Name, cmdutil.ValueText(now), cmdutil.ValueText(change.To)))
		}
		out.Put(f, fleet.Written(f, change.From))
	}
	if len(since) > 0 {
		return field.Set{}, failure.Newf(failure.Failed,
			"undo a change of user %s: changed since by someone else (%s); nothing was sent",
			s.DeviceToken, strings.Join(since, ", ")).Because(reasonChangedSince, s.DeviceToken.String())
	}
	return out, nil
}

// lastChange returns the last recorded change of a user whose values before are known;
// nil for none.
func (c *changer) lastChange(ctx context.Context, id uuid.UUID, only *field.Field) (last *audit.Entry, err error) {
	cfg, err := c.app.Config()
	if err != nil {
		return nil, err
	}
	filter := audit.Filter{DeviceToken: id.String(), InstanceID: c.instance.ID}
	_, err = c.app.AuditOf(cfg, c.session.Profile).Each(ctx, filter, func(e audit.Entry) error {
		about := only == nil || slices.ContainsFunc(e.Changes, func(ch audit.Change) bool { return ch.Field == only.Name })
		if e.Outcome == "updated" && len(e.Changes) > 0 && about {
			last = &e
		}
		return nil
	})
	return last, err
}

// undoes is the field whose last change is undone; nil for any.
func (c *changeCommand) undoes() *field.Field {
	for _, s := range switches {
		if c.name == "user "+s.name {
			return field.MustGet(s.field)
		}
	}
	return nil
}

// ownUsers reads users as themselves, where no admin is available.
type ownUsers struct {
	api interface {
		OwnProfile(ctx context.Context, as userservice.Caller) (userservice.User, error)
	}
	instance userservice.Instance
}

var _ operation.Users = ownUsers{}

// State implements operation.Users.
func (u ownUsers) State(ctx context.Context, id uuid.UUID) (fleet.State, error) {
	return u.Read(ctx, id)
}

// Read implements operation.Users.
func (u ownUsers) Read(ctx context.Context, id uuid.UUID) (fleet.State, error) {
	user, err := u.api.OwnProfile(ctx, userservice.AsUser(id.String(), u.instance))
	if err != nil {
		return fleet.State{DeviceToken: id}, err
	}
	return fleet.State{
		Place: fleet.Member, DeviceToken: id, InstanceID: u.instance.ID, Values: user.Fields, Known: true, User: &user,
	}, nil
}

// Lookup implements operation.Users: nobody but an admin can look a key up.
func (u ownUsers) Lookup(_ context.Context, t fleet.Token) (fleet.State, error) {
	return fleet.State{}, failure.Newf(failure.Unauthorized, "look up a user by %s: needs an admin", t.Field.Name).
		Because(operation.ReasonNoAdmin, t.Field.Name)
}
