package userservice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// User is a user as the service shows it. As JSON it has the service's own names, UserFields as
// an object, and times in RFC 3339 and UTC.
type User struct {
	DeviceToken    string    // in canonical form
	DateCreated    time.Time // in UTC; zero where the service does not say
	Status         string    // Active or Inactive
	ActivityStatus string    // such as Active, Lost or "No Data"
	// Fields are the values of the user's fields, as they would be written: Status is Deactivated
	// where it reads Inactive. A field without a value, or with an empty one, is not in it.
	Fields       field.Set
	MobileDevice MobileDevice
	AccountInfo  AccountInfo

	raw json.RawMessage // as it came; nil where only some of it was asked for (Only)
}

// MobileDevice is the phone of a user; all empty where the app has never signed in (live).
type MobileDevice struct {
	MobileUID, DeviceModel, OsType, OsVersion, SdkVersion, AppVersion, VirtualIMEI string
}

// AccountInfo is where a user is registered. The names are empty unless they were asked for (live).
type AccountInfo struct {
	CompanyID, CompanyName, ApplicationID, ApplicationName, InstanceID, InstanceName string // the IDs in canonical form
}

// readUser is a user as it is read (live): DateCreated has no zone, UserFields is a list of one.
type readUser struct {
	DeviceToken    text
	DateCreated    text
	Status         text
	ActivityStatus text
	UserProfile    map[string]json.RawMessage
	MobileDevice   struct {
		MobileUid, DeviceModel, OsType, OsVersion, SdkVersion, AppVersion, VirtualImei text
	}
	AccountInfo struct {
		CompanyId, CompanyName, ApplicationId, ApplicationName, InstanceId, InstanceName text
	}
	UserFields json.RawMessage
}

// UnmarshalJSON reads a user as the service writes it. One without a DeviceToken is an error.
func (u *User) UnmarshalJSON(data []byte) error {
	var r readUser
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	token := canonical(string(r.DeviceToken))
	if _, err := uuid.Parse(token); err != nil {
		return fmt.Errorf("its DeviceToken is not a UUID: %.80q", string(r.DeviceToken))
	}
	m, a := r.MobileDevice, r.AccountInfo
	*u = User{
		DeviceToken: token, DateCreated: moment(string(r.DateCreated)), Status: string(r.Status),
		ActivityStatus: string(r.ActivityStatus),
		MobileDevice: MobileDevice{
			string(m.MobileUid), string(m.DeviceModel), string(m.OsType), string(m.OsVersion), string(m.SdkVersion),
			string(m.AppVersion), string(m.VirtualImei),
		},
		AccountInfo: AccountInfo{
			canonical(string(a.CompanyId)), string(a.CompanyName), canonical(string(a.ApplicationId)), string(a.ApplicationName),
			canonical(string(a.InstanceId)), string(a.InstanceName),
		},
		raw: bytes.Clone(data),
	}
	putFields(&u.Fields, r.UserProfile)
	putFields(&u.Fields, userFields(r.UserFields))
	u.putStatus()
	return nil
}

// putStatus puts the Status into Fields as it would be written.
func (u *User) putStatus() {
	switch {
	case strings.EqualFold(u.Status, "Inactive"):
		u.Fields.Put(field.MustGet("Status"), "Deactivated")
	case u.Status != "":
		u.Fields.Put(field.MustGet("Status"), u.Status)
	}
}

// ClientID returns the user's ClientId; "" where it has none.
func (u *User) ClientID() string { return u.Fields.Text("ClientId") }

// userFields returns the members of UserFields, which is read as a list of one object (live), or
// as that object.
func userFields(raw json.RawMessage) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &object) == nil {
		return object
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return list[0]
	}
	return nil
}

// putFields puts the values that have a field. ExternalImageUrl, which is what update writes,
// wins over ImageUrl.
func putFields(set *field.Set, members map[string]json.RawMessage) {
	for name, raw := range members {
		if isNull(raw) {
			continue
		}
		f, ok := fieldsByName()[name]
		if !ok {
			f, ok = field.Lookup(name)
		}
		if !ok {
			continue
		}
		value := readValue(f, raw)
		if value == nil || f.UpdateName != "" && strings.EqualFold(name, f.Name) && hasText(members, f.UpdateName) {
			continue
		}
		set.Put(f, value)
	}
}

// fieldsByName has the fields by the names that the service writes, so that the usual ones are
// found without folding them.
var fieldsByName = sync.OnceValue(func() map[string]*field.Field {
	byName := map[string]*field.Field{}
	for _, f := range field.All(field.Create | field.Update) {
		byName[f.Name] = f
		if f.UpdateName != "" {
			byName[f.UpdateName] = f
		}
	}
	return byName
})

func hasText(members map[string]json.RawMessage, name string) bool {
	for other, raw := range members {
		if strings.EqualFold(other, name) {
			t, err := readText(raw)
			return err == nil && t != ""
		}
	}
	return false
}

// readValue reads a field's value leniently; nil where there is none.
func readValue(f *field.Field, raw json.RawMessage) any {
	t, err := readText(raw)
	if err != nil || t == "" {
		return nil
	}
	switch f.Kind {
	case field.Flag, field.Bool:
		if yes := parseTruth(string(t)); yes != nil {
			return *yes
		}
	case field.Count:
		if n, err := strconv.ParseFloat(string(t), 64); err == nil {
			return int64(n)
		}
	case field.Time:
		if at := moment(string(t)); !at.IsZero() {
			return at.Format(time.RFC3339)
		}
	}
	return string(t)
}
