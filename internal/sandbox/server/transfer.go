package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// batch is how many users are read or written at once: few enough that requests get in between.
const batch = 5000

// ReasonLine is that of a line that cannot be imported.
const ReasonLine failure.Reason = "sandbox-import"

// Fill adds a fleet. Users of the fleet who are there already stay as they are. It ends
// early, with the context's error, between two batches.
func (s *Server) Fill(ctx context.Context, fleet seed.Fleet) error {
	var maker *seed.Maker
	for done := 0; done < fleet.Users; done += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.Store.Update(ctx, func(st *store.State) []store.Change {
			if maker == nil {
				var ids []uuid.UUID
				for _, i := range st.Instances {
					ids = append(ids, i.ID)
				}
				maker = seed.NewMaker(fleet, ids)
			}
			var changes []store.Change
			for range min(batch, fleet.Users-done) {
				if u := maker.Next(); st.User(u.Token) == nil {
					changes = append(changes, store.Change{User: u})
				}
			}
			return changes
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Export writes every user as it is read, one JSON object a line, in the order of
// registration. It returns how many. Users who come or go meanwhile may be there or not.
func (s *Server) Export(ctx context.Context, w io.Writer) (int, error) {
	out := bufio.NewWriter(w)
	total, place := 0, 0
	for {
		var lines []byte
		err := s.Store.View(ctx, func(st *store.State) {
			var users []*store.User
			users, place = st.UsersFrom(place, batch)
			view := View{State: st, Names: true, Wallets: true}
			for _, u := range users {
				lines = append(appendExtras(view.Append(lines, u), u), '\n')
			}
			total += len(users)
		})
		if err == nil {
			_, err = out.Write(lines)
		}
		if err != nil {
			return total, err
		}
		if place == 0 {
			return total, out.Flush()
		}
	}
}

// appendExtras puts what was set of a user's phone into its line, beside what the service has.
func appendExtras(b []byte, u *store.User) []byte {
	for _, extra := range []struct {
		name string
		of   store.Values
	}{{"DeviceStatus", u.Heartbeat}, {"Statistics", u.Trips}} {
		if data, err := json.Marshal(extra.of); err == nil && extra.of != nil {
			b = append(b[:len(b)-1], `,"`+extra.name+`":`...)
			b = append(append(b, data...), '}')
		}
	}
	return b
}

// imported is a line of Import: a user as it is read, by the service or by telematicsctl.
type imported struct {
	DeviceToken, DateCreated, Status, ActivityStatus json.RawMessage
	UserProfile                                      map[string]json.RawMessage
	MobileDevice                                     map[string]*string
	AccountInfo                                      struct {
		InstanceID string `json:"InstanceId"`
	}
	IdentityID               json.RawMessage `json:"IdentityId"`
	IdentityProvider         json.RawMessage
	UserFields               json.RawMessage
	DeviceStatus, Statistics store.Values
}

// Import adds the users of JSON Lines as Export writes them, and returns how many. A user
// without a DeviceToken gets one; one without an instance comes into the first. A line
// that cannot be used, or whose DeviceToken is taken, ends it with an error of code
// invalid that names the line; the lines before it may have been taken. keep, unless it
// is nil, is given each user that was taken as a line of Export.
func (s *Server) Import(ctx context.Context, r io.Reader, keep func(line []byte)) (int, error) {
	in := bufio.NewReader(r)
	total, line := 0, 0
	for {
		users, readErr := s.importBatch(in, &line)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return total, readErr
		}
		var wrong error
		err := s.Store.Update(ctx, func(st *store.State) (changes []store.Change) {
			changes, wrong = take(st, users, keep)
			return changes
		})
		if err != nil {
			return total, err
		}
		if wrong != nil {
			return total, wrong
		}
		total += len(users)
		if readErr != nil {
			return total, nil
		}
	}
}

// newcomer is a user of a line, before its instance is known.
type newcomer struct {
	store.User
	line       int
	instanceID string
}

// instanceIn finds a newcomer's instance: the first where the line names none.
func (n *newcomer) instanceIn(st *store.State) error {
	in := st.Instances[0]
	if n.instanceID != "" {
		id, _ := field.ParseServiceUUID(n.instanceID)
		in = st.Instance(id)
	}
	if in == nil {
		return fmt.Errorf("unknown instance %q", n.instanceID)
	}
	n.Instance = in.ID
	return nil
}

// take makes users of the lines, up to the first that cannot be used.
func take(st *store.State, users []*newcomer, keep func(line []byte)) (changes []store.Change, wrong error) {
	view := View{State: st, Names: true, Wallets: true}
	taken := map[uuid.UUID]bool{}
	for _, n := range users {
		if err := n.instanceIn(st); err != nil {
			return changes, badLine(n.line, err)
		}
		if st.User(n.Token) != nil || taken[n.Token] {
			return changes, badLine(n.line, fmt.Errorf("the user %s exists already", n.Token))
		}
		taken[n.Token] = true
		changes = append(changes, store.Change{User: &n.User})
		if keep != nil {
			keep(append(appendExtras(view.Append(nil, &n.User), &n.User), '\n'))
		}
	}
	return changes, nil
}

func (s *Server) importBatch(in *bufio.Reader, line *int) ([]*newcomer, error) {
	var users []*newcomer
	for len(users) < batch {
		data, err := in.ReadBytes('\n')
		*line++
		if len(bytes.TrimSpace(data)) > 0 {
			u, wrong := s.parseLine(data)
			if wrong != nil {
				return nil, badLine(*line, wrong)
			}
			u.line = *line
			users = append(users, u)
		}
		if err != nil {
			return users, err
		}
	}
	return users, nil
}

func badLine(line int, why error) error {
	return failure.Newf(failure.Invalid, "cannot import line %d: %s", line, failure.Text(why)).Because(ReasonLine, "")
}

// parseLine reads a user as Export writes it.
func (s *Server) parseLine(data []byte) (*newcomer, error) {
	var l imported
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, err
	}
	r := &reading{object: object{
		"devicetoken": l.DeviceToken, "datecreated": l.DateCreated, "activitystatus": l.ActivityStatus,
		"identityid": l.IdentityID, "identityprovider": l.IdentityProvider, "userfields": l.UserFields,
	}}
	for name, value := range l.UserProfile {
		r.object[strings.ToLower(name)] = value
	}
	if _, ok := r.object["externalimageurl"]; !ok {
		r.object["externalimageurl"] = r.object["imageurl"] // a line may have the one that is shown alone
	}
	u := &newcomer{instanceID: l.AccountInfo.InstanceID}
	readChange(r, field.Update).apply(&u.User)
	u.Heartbeat, u.Trips = l.DeviceStatus, l.Statistics
	u.Token, _ = r.uuid("DeviceToken")
	u.Created, _ = r.moment("DateCreated")
	u.Activity, _ = r.enum("ActivityStatus", []string{"Active", "Inactive", "Lost", "Error", "No Data"})
	if u.Activity == "No Data" {
		u.Activity = ""
	}
	r.object["status"] = l.Status
	status, _ := r.enum("Status", []string{statusActive, "Inactive", statusDeactivated, statusDeleted})
	switch status {
	case "Inactive":
		u.Status = statusDeactivated
	case statusDeactivated, statusDeleted:
		u.Status = status
	}
	for _, name := range DeviceFields {
		if value := l.MobileDevice[name]; value != nil {
			u.Device = append(u.Device, store.Value{Name: name, Text: *value})
		}
	}
	if u.Token == uuid.Nil {
		u.Token = s.NewUUID()
	}
	if u.Created.IsZero() {
		u.Created = s.Now().UTC()
	}
	if r.mistakes != nil {
		for i := range r.mistakes { // the service's own words end with a full stop
			r.mistakes[i].Message = strings.TrimSuffix(r.mistakes[i].Message, ".")
		}
		return u, failure.InvalidFields("invalid fields", r.mistakes)
	}
	return u, nil
}

// Put adds a user, a line of Export, or puts it in the place of the one with its DeviceToken.
func (s *Server) Put(ctx context.Context, line []byte) error {
	n, err := s.parseLine(line)
	if err != nil {
		return failure.Wrap(failure.Invalid, "invalid user", err)
	}
	var wrong error
	err = s.Store.Update(ctx, func(st *store.State) []store.Change {
		if wrong = n.instanceIn(st); wrong != nil {
			return nil
		}
		return []store.Change{{User: &n.User}}
	})
	if wrong != nil {
		err = failure.Wrap(failure.Invalid, "invalid user", wrong)
	}
	return err
}
