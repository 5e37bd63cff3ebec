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
	in, line := bufio.NewReader(r), 0
	for ended := false; !ended; {
		var users []*newcomer
		if users, ended, err = s.importBatch(in, &line); err != nil {
			return total, err
		}
		var wrong error
		err = s.Store.Update(ctx, func(st *store.State) (changes []store.Change) {
			taken := map[string]bool{}
			for _, n := range users {
				if wrong = n.instanceIn(st); wrong == nil && (st.User(n.Token) != nil || taken[n.Token]) {
					wrong = fmt.Errorf("the user %s exists already", n.Token)
				}
				if wrong != nil {
					wrong = badLine(n.line, wrong)
					return changes
				}
				taken[n.Token] = true
				changes = append(changes, store.Change{User: &n.User})
			}
			return changes
		})
		if err = cmp.Or(err, wrong); err != nil {
			return total, err
		}
		total += len(users)
	}
	return total, nil
}

// newcomer is a user of a line, before its instance is known.
type newcomer struct {
	store.User
	line       int
	instanceID string
}

// instanceIn finds a newcomer's instance: the first where the line names none.
func (n *newcomer) instanceIn(st *store.State) error {
	in := st.Places()[0]
	if n.instanceID != "" {
		id, _ := field.ParseUUID(n.instanceID)
		in = st.Instance(id)
	}
	if in == nil {
		return fmt.Errorf("unknown instance %q", n.instanceID)
	}
	n.Instance = in.ID
	return nil
}

func (s *Server) importBatch(in *bufio.Reader, line *int) (users []*newcomer, ended bool, err error) {
	for len(users) < batch {
		data, err := in.ReadBytes('\n')
		*line++
		if len(bytes.TrimSpace(data)) > 0 {
			u, wrong := s.parseLine(data)
			if wrong != nil {
				return nil, false, badLine(*line, wrong)
			}
			u.line = *line
			users = append(users, u)
		}
		if errors.Is(err, io.EOF) {
			return users, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return users, false, nil
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
	u := &newcomer{instanceID: l.AccountInfo.InstanceID}
	readChange(r, field.Update).apply(&u.User)
	u.Device, u.Heartbeat, u.Trips = l.MobileDevice, l.DeviceStatus, l.Statistics
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
