package userservice

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// userMembers are the members of a user, in the order in which they are printed. Others follow,
// by name.
var userMembers = []string{
	"DeviceToken", "DateCreated", "Status", "ActivityStatus", "UserProfile", "MobileDevice", "AccountInfo", "UserFields",
	"UserWallets", "IdentityId", "IdentityProvider",
}

// MarshalJSON writes the user under the service's own names, null where the service says null:
// with UserFields as an object, DeviceToken in canonical form, and times in RFC 3339 and UTC.
func (u User) MarshalJSON() ([]byte, error) {
	members := map[string]json.RawMessage{}
	if len(u.raw) > 0 {
		if err := json.Unmarshal(u.raw, &members); err != nil {
			return nil, err
		}
	}
	byName := map[string]json.RawMessage{}
	for name, value := range members {
		byName[spelled(name)] = value
	}
	byName["DeviceToken"], _ = json.Marshal(u.DeviceToken)
	if !u.DateCreated.IsZero() {
		byName["DateCreated"], _ = json.Marshal(u.DateCreated.Format(time.RFC3339Nano))
	}
	if raw, ok := byName["UserFields"]; ok {
		fields := userFields(raw)
		text, err := json.Marshal(fields) // null for none
		if err != nil {
			return nil, err
		}
		byName["UserFields"] = text
	}
	byName["UserProfile"] = withMoment(byName["UserProfile"], "Birthday")
	var b bytes.Buffer
	b.WriteByte('{')
	write := func(name string) {
		value, ok := byName[name]
		if !ok || value == nil {
			return
		}
		delete(byName, name)
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(name)
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	for _, name := range userMembers {
		write(name)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		write(name)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
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
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return object
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return object
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return object
		}
		var t text
		if s, _ := name.(string); !strings.EqualFold(s, member) || json.Unmarshal(value, &t) != nil {
			continue
		}
		at := moment(string(t))
		if at.IsZero() {
			return object
		}
		text, _ := json.Marshal(at.Format(time.RFC3339Nano))
		end := int(d.InputOffset())
		return slices.Concat(object[:end-len(value)], text, object[end:])
	}
	return object
}
