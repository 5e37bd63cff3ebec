package server

import (
	"cmp"
	"encoding/json"
	"reflect"
	"sync"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// defaultImage is the ImageUrl of a user who has none (live).
const defaultImage = "https://user.telematicssdk.com/Files/DefaultImages/ic_no_avatar_white.png"

// dateCreatedShape has no zone (live).
const dateCreatedShape = "2006-01-02T15:04:05.999999"

// deviceFields are what is known of a user's phone, by the service's names (live).
var deviceFields = []string{
	"MobileUid", "DeviceModel", "OsType", "OsVersion", "SdkVersion", "AppVersion", "VirtualImei",
}

// shape is a JSON object with names from a table. It is a struct, which encoding/json writes three
// times as fast as a map, in the order of the names.
type shape struct {
	names []string
	typ   reflect.Type
}

func newShape(names ...string) shape {
	var fields []reflect.StructField
	for _, name := range names {
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[any]()})
	}
	return shape{names, reflect.StructOf(fields)}
}

// with returns an object with a value for each name.
func (s shape) with(value func(i int, name string) any) any {
	out := reflect.New(s.typ)
	for i, name := range s.names {
		out.Elem().Field(i).Set(reflect.ValueOf(value(i, name)))
	}
	return out.Interface()
}

// The objects inside a user.
var (
	profileShape = sync.OnceValue(func() shape {
		var names []string
		for _, f := range profileFields() {
			names = append(names, cmp.Or(f.UpdateName, f.Name))
		}
		return newShape(append(names, "ImageUrl")...)
	})
	deviceShape = sync.OnceValue(func() shape { return newShape(deviceFields...) })
	flagsShape  = sync.OnceValue(func() shape {
		names := []string{"ClientId"}
		for _, f := range flagFields() {
			names = append(names, f.Name)
		}
		return newShape(names...)
	})
)

// userView is a user as it is read: every field there.
type userView struct {
	DeviceToken, DateCreated, Status, ActivityStatus string
	UserProfile, MobileDevice                        any
	AccountInfo                                      accountInfo
	UserWallets                                      []string // of a find empty, of a list null (live)
	IdentityID                                       *string  `json:"IdentityId"`
	IdentityProvider                                 *string
	UserFields                                       []any

	// Of an export only: what was set of the user's phone.
	DeviceStatus store.Values `json:",omitzero"`
	Statistics   store.Values `json:",omitzero"`
}

// accountInfo is where a user belongs; the names are there where they were asked for.
type accountInfo struct {
	CompanyID       string `json:"CompanyId"`
	CompanyName     *string
	ApplicationID   string `json:"ApplicationId"`
	ApplicationName *string
	InstanceID      string `json:"InstanceId"`
	InstanceName    *string
}

// viewOf returns a user as it is read, with the names of its levels where they were asked for.
func viewOf(st *store.State, u *store.User, names bool, wallets []string) userView {
	v := userView{
		DeviceToken: u.Token, DateCreated: u.Created.Format(dateCreatedShape), Status: store.Active,
		ActivityStatus: activityOf(u),
		AccountInfo:    accountOf(st, u.Instance, names), UserWallets: wallets,
		IdentityID: u.Fields.Lookup("IdentityId"), IdentityProvider: u.Fields.Lookup("IdentityProvider"),
	}
	if u.Status != "" {
		v.Status = "Inactive"
	}
	v.UserProfile = profileShape().with(func(i int, name string) any {
		if name == "ImageUrl" { // the photo to show; ExternalImageUrl is what was given (live)
			image := defaultImage
			return cmp.Or(u.Fields.Lookup(name), &image)
		}
		f := profileFields()[i]
		switch text := u.Fields.Lookup(f.Name); {
		case text == nil && name == "Gender":
			return "None" // (live)
		case f.Kind == field.Count:
			return (*json.Number)(text)
		default:
			return text
		}
	})
	v.MobileDevice = deviceShape().with(func(_ int, name string) any { return u.Device.Lookup(name) })
	v.UserFields = []any{flagsShape().with(func(i int, name string) any {
		if i == 0 {
			return u.Fields.Lookup(name)
		}
		return flagOf(u, name)
	})}
	return v
}

// exportOf returns a user as a line of an export.
func exportOf(st *store.State, u *store.User) ([]byte, error) {
	v := viewOf(st, u, true, []string{})
	v.DeviceStatus, v.Statistics = u.Heartbeat, u.Trips
	line, err := json.Marshal(v)
	return append(line, '\n'), err
}

// activityOf returns the ActivityStatus as it is read.
func activityOf(u *store.User) string { return cmp.Or(u.Activity, "No Data") }

// accountOf returns the AccountInfo of an instance's users.
func accountOf(st *store.State, id string, names bool) (out accountInfo) {
	p := st.Instance(id)
	if p == nil {
		return out
	}
	out.CompanyID, out.ApplicationID, out.InstanceID = p.Company.ID, p.Application.ID, id
	if names {
		out.CompanyName, out.ApplicationName, out.InstanceName = &p.Company.Name, &p.Application.Name, &p.Name
	}
	return out
}
