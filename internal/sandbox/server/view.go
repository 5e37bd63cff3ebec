package server

import (
	"cmp"
	"encoding/json"

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

// members are those of a JSON object, null where nothing is known.
type members map[string]any

// userView is a user as it is read: every field there.
type userView struct {
	DeviceToken, DateCreated, Status, ActivityStatus string
	UserProfile, MobileDevice                        members
	AccountInfo                                      accountInfo
	UserWallets                                      []string // of a find empty, of a list null (live)
	IdentityID                                       any      `json:"IdentityId"`
	IdentityProvider                                 any
	UserFields                                       []members

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
		ActivityStatus: activityOf(u), UserProfile: members{}, MobileDevice: members{},
		AccountInfo: accountOf(st, u.Instance, names), UserWallets: wallets,
		IdentityID: orNull(u.Fields, "IdentityId"), IdentityProvider: orNull(u.Fields, "IdentityProvider"),
	}
	if u.Status != "" {
		v.Status = "Inactive"
	}
	for _, f := range profileFields() {
		value := orNull(u.Fields, f.Name)
		if text, ok := value.(string); ok && f.Kind == field.Count {
			value = json.Number(text)
		}
		v.UserProfile[cmp.Or(f.UpdateName, f.Name)] = value
	}
	// The photo has two names: ExternalImageUrl is what was given, ImageUrl what to show (live).
	v.UserProfile["ImageUrl"] = cmp.Or(orNull(u.Fields, "ImageUrl"), any(defaultImage))
	v.UserProfile["Gender"] = cmp.Or(v.UserProfile["Gender"], any("None")) // where it was not given (live)
	for _, name := range deviceFields {
		v.MobileDevice[name] = orNull(u.Device, name)
	}
	flags := members{"ClientId": orNull(u.Fields, "ClientId")}
	for _, f := range flagFields() {
		flags[f.Name] = flagOf(u, f.Name)
	}
	v.UserFields = []members{flags}
	return v
}

// exportOf returns a user as a line of an export.
func exportOf(st *store.State, u *store.User) ([]byte, error) {
	v := viewOf(st, u, true, []string{})
	v.DeviceStatus, v.Statistics = u.Heartbeat, u.Trips
	line, err := json.Marshal(v)
	return append(line, '\n'), err
}

// orNull returns a field's text; nil where it has none.
func orNull(of store.Values, name string) any {
	if text, ok := of.Lookup(name); ok {
		return text
	}
	return nil
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
