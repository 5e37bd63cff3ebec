package server

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

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
		err := s.Store.Update(ctx, func(st *store.State) (changes []store.Change) {
			if maker == nil {
				maker = seed.NewMaker(fleet, st.Places())
			}
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
		var wrong error
		err := s.Store.View(ctx, func(st *store.State) {
			var users []*store.User
			users, place = st.UsersFrom(place, batch)
			for _, u := range users {
				line, failed := exportOf(st, u)
				lines, wrong = append(lines, line...), errors.Join(wrong, failed)
			}
			total += len(users)
		})
		if err = errors.Join(err, wrong); err == nil {
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

// imported is a line of Import: a user as it is read, by the service or by telematicsctl.
type imported struct {
	DeviceToken, DateCreated, Status, ActivityStatus json.RawMessage
	UserProfile                                      map[string]json.RawMessage
	AccountInfo                                      struct {
		InstanceID string `json:"InstanceId"`
	}
	IdentityID               json.RawMessage `json:"IdentityId"`
	IdentityProvider         json.RawMessage
	UserFields               json.RawMessage
	MobileDevice             store.Values
	DeviceStatus, Statistics store.Values
}

// Import adds the users of JSON Lines as Export writes them, and returns how many. A user
// without a DeviceToken gets one; one without an instance comes into the first. A line
// that cannot be used, or whose DeviceToken is taken, ends it with an error of code
// invalid that names the line; the lines before it may have been taken.
func (s *Server) Import(ctx context.Context, r io.Reader) (total int, err error) {
	in, users, ended := bufio.NewReader(r), []newcomer{}, error(nil)
	for line := 1; ended == nil; line++ {
		var data []byte
		if data, ended = in.ReadBytes('\n'); len(bytes.TrimSpace(data)) > 0 {
			u, err := s.parseLine(data)
			if err != nil {
				return total, badLine(line, err)
			}
			users = append(users, newcomer{u, line})
		}
		if len(users) == batch || errors.Is(ended, io.EOF) {
			if err := s.take(ctx, users); err != nil {
				return total, err
			}
			total, users = total+len(users), nil
		}
	}
	if errors.Is(ended, io.EOF) {
		ended = nil
	}
	return total, ended
}

// newcomer is a user of a line.
type newcomer struct {
	*store.User
	line int
}

// take adds users, up to the first that cannot be.
func (s *Server) take(ctx context.Context, users []newcomer) error {
	var wrong error
	err := s.Store.Update(ctx, func(st *store.State) (changes []store.Change) {
		taken := map[string]bool{}
		for _, u := range users {
			err := place(st, u.User)
			if err == nil && (st.User(u.Token) != nil || taken[u.Token]) {
				err = fmt.Errorf("the user %s exists already", u.Token)
			}
			if err != nil {
				wrong = badLine(u.line, err)
				return changes
			}
			taken[u.Token] = true
			changes = append(changes, store.Change{User: u.User})
		}
		return changes
	})
	return cmp.Or(err, wrong)
}

// place finds the instance of a user as a line names it: the first where it names none.
func place(st *store.State, u *store.User) error {
	in := st.Places()[0]
	if u.Instance != "" {
		id, _ := field.ParseUUID(u.Instance)
		in = st.Instance(id)
	}
	if in == nil {
		return fmt.Errorf("unknown instance %q", u.Instance)
	}
	u.Instance = in.ID
	return nil
}

func badLine(line int, why error) error {
	return failure.Newf(failure.Invalid, "cannot import line %d: %s", line, failure.Text(why)).Because(ReasonLine, "")
}

// parseLine reads a user as Export writes it; its instance is yet to be found.
func (s *Server) parseLine(data []byte) (*store.User, error) {
	var l imported
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, err
	}
	r := &reading{wanted: map[string]bool{}, asked: func(string) {}, values: map[string]json.RawMessage{
		"devicetoken": l.DeviceToken, "datecreated": l.DateCreated, "activitystatus": l.ActivityStatus,
		"identityid": l.IdentityID, "identityprovider": l.IdentityProvider, "userfields": l.UserFields,
	}}
	for name, value := range l.UserProfile {
		r.values[strings.ToLower(name)] = value
	}
	if _, ok := r.values["externalimageurl"]; !ok {
		r.values["externalimageurl"] = r.values["imageurl"] // a line may have the one that is shown alone
	}
	u := &store.User{
		Instance: l.AccountInfo.InstanceID, Device: l.MobileDevice, Heartbeat: l.DeviceStatus, Trips: l.Statistics,
	}
	readUser(r, field.Update, u)
	u.Token, _ = r.uuid("DeviceToken")
	u.Created, _ = r.moment("DateCreated")
	u.Activity, _ = r.enum("ActivityStatus", []string{"Active", "Inactive", "Lost", "Error", "No Data"})
	if u.Activity == "No Data" {
		u.Activity = ""
	}
	r.values["status"] = l.Status
	status, _ := r.enum("Status", []string{store.Active, "Inactive", store.Deactivated, statusDeleted})
	switch status {
	case "Inactive":
		u.Status = store.Deactivated
	case store.Deactivated, statusDeleted:
		u.Status = status
	}
	if u.Token == "" {
		u.Token = s.NewUUID()
	}
	if u.Created.IsZero() {
		u.Created = s.Now().UTC()
	}
	var mistakes []failure.Field
	for _, m := range r.mistakes { // the service's own words end with a full stop
		mistakes = append(mistakes, failure.Field{Key: m.Key, Message: strings.TrimSuffix(m.Message, ".")})
	}
	return u, failure.InvalidFields("invalid fields", mistakes)
}

// Put adds a user, a line of Export, or puts it in the place of the one with its DeviceToken.
func (s *Server) Put(ctx context.Context, line []byte) error {
	u, wrong := s.parseLine(line)
	if wrong == nil {
		err := s.Store.Update(ctx, func(st *store.State) []store.Change {
			if wrong = place(st, u); wrong != nil {
				return nil
			}
			return []store.Change{{User: u}}
		})
		if err != nil {
			return err
		}
	}
	if wrong != nil {
		return failure.Wrap(failure.Invalid, "invalid user", wrong)
	}
	return nil
}
