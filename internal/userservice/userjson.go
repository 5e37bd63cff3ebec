package userservice

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// userMembers are the members of a user, in the order in which they are printed. Others follow,
// by name.
var userMembers = []string{
	"DeviceToken", "DateCreated", "Status", "ActivityStatus", "UserProfile", "MobileDevice", "AccountInfo", "UserFields",
	"UserWallets", "IdentityId", "IdentityProvider",
}

// member is a member of an object, its value as it is written.
type member struct {
	name  string
	value json.RawMessage
}

// object is the members of an object, each name once.
type object []member

// put sets a member: the last one of a name counts.
func (o *object) put(name string, value json.RawMessage) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{name, value})
}

func (o *object) get(name string) json.RawMessage {
	for _, m := range *o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// appendTo writes the members in their order.
func (o *object) appendTo(b []byte) []byte {
	b = append(b, '{')
	for i, m := range *o {
		if i > 0 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(m.name)
		b = append(append(append(b, key...), ':'), m.value...)
	}
	return append(b, '}')
}

// MarshalJSON writes the user under the service's own names, null where the service says null:
// with UserFields as an object, DeviceToken in canonical form, and times in RFC 3339 and UTC.
func (u User) MarshalJSON() ([]byte, error) {
	members := make(object, 0, len(userMembers)+4)
	if len(u.raw) > 0 {
		s := scanner{data: u.raw, ok: true}
		s.members(func(name []byte) { members.put(spelled(string(name)), s.value()) })
		if !s.atEnd() {
			return nil, errors.New("a user of invalid JSON")
		}
	}
	token, _ := json.Marshal(u.DeviceToken)
	members.put("DeviceToken", token)
	if !u.DateCreated.IsZero() {
		created, _ := json.Marshal(u.DateCreated.Format(time.RFC3339Nano))
		members.put("DateCreated", created)
	}
	if raw := members.get(field.UserFields); raw != nil {
		members.put(field.UserFields, fieldsObject(raw))
	}
	if raw := members.get(field.UserProfile); raw != nil {
		members.put(field.UserProfile, withMoment(raw, "Birthday"))
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(placeOf(a.name), placeOf(b.name)), strings.Compare(a.name, b.name))
	})
	return members.appendTo(make([]byte, 0, len(u.raw)+100)), nil
}

// placeOf returns the place of a member in print; others come after those that are known.
func placeOf(name string) int {
	if i := slices.Index(userMembers, name); i >= 0 {
		return i
	}
	return len(userMembers)
}

// fieldsObject returns UserFields as one object, by name; null for none.
func fieldsObject(raw json.RawMessage) json.RawMessage {
	s := scanner{data: raw, ok: true}
	var members object
	found := false
	read := func() {
		if found || s.peek() != '{' {
			s.ok = false
			return
		}
		found = true
		s.members(func(name []byte) { members.put(string(name), s.value()) })
	}
	if s.peek() == '[' {
		s.items(read)
	} else {
		read()
	}
	if !s.atEnd() || !found {
		text, _ := json.Marshal(userFields(raw))
		return text
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return members.appendTo(nil)
}

// spelled returns a member's name as it is printed, whatever its case.
func spelled(name string) string {
	for _, known := range userMembers {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// withMoment returns an object with the time in one of its members in RFC 3339 and UTC.
func withMoment(object json.RawMessage, member string) json.RawMessage {
	s := scanner{data: object, ok: true}
	var start, end int
	s.members(func(name []byte) {
		value := s.value()
		if end == 0 && strings.EqualFold(string(name), member) {
			start, end = s.at-len(value), s.at
		}
	})
	if !s.ok || end == 0 {
		return object
	}
	t, err := readText(object[start:end])
	at := moment(string(t))
	if err != nil || at.IsZero() {
		return object
	}
	text, _ := json.Marshal(at.Format(time.RFC3339Nano))
	return slices.Concat(object[:start], text, object[end:])
}
