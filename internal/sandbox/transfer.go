package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Export writes every user as it is read, one JSON object a line, in the order in which they came. It returns how many.
// Users who come or go meanwhile may be there or not.
func (s *Sandbox) Export(ctx context.Context, w io.Writer) (int, error) {
	out := bufio.NewWriter(w)
	total, next := 0, prefixUser
	for next != "" {
		lines, n, following, err := s.exportBatch(ctx, next)
		if err == nil {
			_, err = out.Write(lines)
		}
		if err != nil {
			return total, err
		}
		total, next = total+n, following
	}
	return total, out.Flush()
}

// exportBatch is the lines of some users from a key on, and the key to go on at, "" at the end.
func (s *Sandbox) exportBatch(ctx context.Context, from string) (lines []byte, n int, next string, err error) {
	release, err := s.engine.acquire(ctx)
	if err != nil {
		return nil, 0, "", err
	}
	defer release()
	err = s.engine.view(func(t tx) {
		view := reader{state: state{t}, names: true, wallets: true}
		c := t.cursor()
		for ok := c.seek(from); ok && bytes.HasPrefix(c.key(), []byte(prefixUser)); ok = c.next() {
			key := string(c.key())
			if n == batch {
				next = key
				return
			}
			if u, ok := view.user(numberOf(key)); ok {
				lines = append(view.append(lines, u), '\n')
				n++
			}
		}
	})
	return lines, n, next, err
}

// imported is a line of Import: a user as it is read, by the service or by telematicsctl.
type imported struct {
	DeviceToken, DateCreated, Status, ActivityStatus json.RawMessage
	UserProfile                                      map[string]json.RawMessage
	MobileDevice                                     map[string]*string
	AccountInfo                                      struct {
		InstanceID string `json:"InstanceId"`
	}
	IdentityID       json.RawMessage `json:"IdentityId"`
	IdentityProvider json.RawMessage
	UserFields       json.RawMessage
}

// Import adds the users of JSON Lines as Export writes them, and returns how many. A user without a DeviceToken gets one; one
// without an instance comes into the layout's first. A line that cannot be used, or whose DeviceToken is taken, ends it with an
// error of code invalid that names the line; the lines before it may have been taken.
func (s *Sandbox) Import(ctx context.Context, r io.Reader) (int, error) {
	return s.takeAll(ctx, r, nil)
}

// takeAll is Import; keep, where it is not nil, is given each user that was taken as a line of Export.
func (s *Sandbox) takeAll(ctx context.Context, r io.Reader, keep func(line []byte)) (int, error) {
	in := bufio.NewReader(r)
	total, line := 0, 0
	for {
		users, readErr := s.importBatch(in, &line)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return total, readErr
		}
		var wrong error
		err := s.amend(ctx, func(st state) {
			var keys []string
			view := reader{state: st, names: true, wallets: true}
			for i := range users {
				if wrong = st.take(&users[i]); wrong != nil {
					break
				}
				keys = append(keys, indexKeys(&users[i].user)...)
				if keep != nil {
					keep(append(view.append(nil, &users[i].user), '\n'))
				}
				total++
			}
			st.enter(keys)
		})
		if err = errors.Join(err, wrong); err != nil {
			return total, err
		}
		if readErr != nil {
			return total, nil
		}
	}
}

// newcomer is a user of a line, before its instance is known by number.
type newcomer struct {
	user
	line       int
	instanceID string
}

func (s *Sandbox) importBatch(in *bufio.Reader, line *int) ([]newcomer, error) {
	var users []newcomer
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
	return failure.Newf(failure.Invalid, "line %d cannot be imported: %v", line, why).
		WithHint("a line is a user as the sandbox exports it: sandbox serve --export")
}

func (s *Sandbox) parseLine(data []byte) (newcomer, error) {
	var l imported
	if err := json.Unmarshal(data, &l); err != nil {
		return newcomer{}, err
	}
	r := &reading{object: object{
		"devicetoken": l.DeviceToken, "datecreated": l.DateCreated, "activitystatus": l.ActivityStatus, "identityid": l.IdentityID,
		"identityprovider": l.IdentityProvider, "userfields": l.UserFields,
	}}
	for name, value := range l.UserProfile {
		r.object[strings.ToLower(name)] = value
	}
	if _, ok := r.object["externalimageurl"]; !ok {
		r.object["externalimageurl"] = r.object["imageurl"] // a line may have the one that is shown alone
	}
	u := newcomer{instanceID: l.AccountInfo.InstanceID}
	readChange(r, field.Update).apply(&u.user)
	u.Token, _ = r.uuid("DeviceToken")
	u.Created, _ = r.moment("DateCreated")
	u.Activity, _ = r.enum("ActivityStatus", []string{"Active", "Inactive", "Lost", "Error", "No Data"})
	if u.Activity == "No Data" {
		u.Activity = ""
	}
	r.object["status"] = l.Status
	if status, _ := r.enum("Status", []string{statusActive, "Inactive", statusDeactivated, statusDeleted}); status == "Inactive" {
		u.Status = statusDeactivated
	} else if status != statusActive {
		u.Status = status
	}
	for i, name := range deviceFields {
		if value := l.MobileDevice[name]; value != nil {
			if u.Device == nil {
				u.Device = make([]text, len(deviceFields))
			}
			u.Device[i] = said(*value)
		}
	}
	if u.Token == "" {
		u.Token = s.newUUID().String()
	}
	if u.Created.IsZero() {
		u.Created = s.now().UTC()
	}
	if r.mistakes != nil {
		return u, failure.InvalidFields("its fields are wrong", r.mistakes)
	}
	return u, nil
}

// take enrols a newcomer.
func (s state) take(n *newcomer) error {
	n.Instance = s.lowest(prefixInstance)
	if n.instanceID != "" {
		in, ok := s.instanceByID(strings.ToLower(n.instanceID))
		if !ok {
			return badLine(n.line, fmt.Errorf("there is no instance %q", n.instanceID))
		}
		n.Instance = in.Number
	}
	if s.number(prefixToken+n.Token) != 0 {
		return badLine(n.line, fmt.Errorf("there is a user %s already", n.Token))
	}
	s.enrol(&n.user)
	return nil
}

// lowest is the smallest number under a prefix of numbered records.
func (s state) lowest(prefix string) uint64 {
	var n uint64
	s.each(prefix, func(key string) bool {
		n = numberOf(key)
		return false
	})
	return n
}
