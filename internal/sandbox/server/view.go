package server

import (
	"cmp"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// defaultImage is the ImageUrl of a user who has none (live).
const defaultImage = "https://user.telematicssdk.com/Files/DefaultImages/ic_no_avatar_white.png"

// dateCreatedShape has no zone (live).
const dateCreatedShape = "2006-01-02T15:04:05.999999"

// DeviceFields are what is known of a user's phone, by the service's names (live).
var DeviceFields = []string{
	"MobileUid", "DeviceModel", "OsType", "OsVersion", "SdkVersion", "AppVersion", "VirtualImei",
}

// View writes users as they are read.
type View struct {
	State   *store.State
	Names   bool // the names of company, application and instance were asked for
	Wallets bool // a find has an empty list where a page of a list has null (live)

	accounts map[uuid.UUID][]byte // AccountInfo by instance, as it was written before
}

// Append writes a user as it is read: every field there, null where nothing is known.
func (v *View) Append(b []byte, u *store.User) []byte {
	status := statusActive
	if u.Status != "" {
		status = "Inactive"
	}
	b = appendMember(b, `{"DeviceToken":`, u.Token.String())
	b = u.Created.AppendFormat(append(b, `,"DateCreated":"`...), dateCreatedShape)
	b = appendMember(b, `","Status":`, status)
	b = appendMember(b, `,"ActivityStatus":`, activityOf(u))
	b = appendProfile(append(b, `,"UserProfile":{`...), u)
	b = append(b, `},"MobileDevice":{`...)
	for i, name := range DeviceFields {
		b = appendOptional(append(b, comma(i)...), `"`+name+`":`, u.Device, name)
	}
	b = append(append(b, `},"AccountInfo":`...), v.account(u.Instance)...)
	b = append(b, `,"UserWallets":`...)
	if v.Wallets {
		b = append(b, `[]`...)
	} else {
		b = append(b, `null`...)
	}
	b = appendOptional(b, `,"IdentityId":`, u.Fields, "IdentityId")
	b = appendOptional(b, `,"IdentityProvider":`, u.Fields, "IdentityProvider")
	b = appendOptional(b, `,"UserFields":[{"ClientId":`, u.Fields, "ClientId")
	for _, f := range flagFields() {
		b = append(append(append(b, `,"`...), f.Name...), `":`...)
		b = strconv.AppendBool(b, flagOf(u, f.Name))
	}
	return append(b, `}]}`...)
}

// activityOf returns the ActivityStatus as it is read.
func activityOf(u *store.User) string { return cmp.Or(u.Activity, "No Data") }

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func appendMember(b []byte, name, value string) []byte {
	return store.AppendString(append(b, name...), value)
}

func appendOptional(b []byte, name string, of store.Values, field string) []byte {
	value, ok := of.Get(field)
	if !ok {
		return append(append(b, name...), "null"...)
	}
	return appendMember(b, name, value)
}

// profileNames returns the names of the members of a profile, as they stand in JSON.
var profileNames = sync.OnceValue(func() []string {
	var out []string
	for i, f := range profileFields() {
		out = append(out, comma(i)+`"`+cmp.Or(f.UpdateName, f.Name)+`":`)
	}
	return out
})

// appendProfile writes the profile. The photo has two names: ExternalImageUrl is what was
// given, ImageUrl what to show (live). Gender is None where it was not given (live).
func appendProfile(b []byte, u *store.User) []byte {
	names := profileNames()
	for i, f := range profileFields() {
		b = append(b, names[i]...)
		switch v, ok := u.Fields.Get(f.Name); {
		case ok && f.Kind == field.Count:
			b = append(b, v...)
		case ok:
			b = store.AppendString(b, v)
		case f.Name == "Gender":
			b = append(b, `"None"`...)
		default:
			b = append(b, "null"...)
		}
	}
	image, ok := u.Fields.Get("ImageUrl")
	if !ok {
		image = defaultImage
	}
	return appendMember(b, `,"ImageUrl":`, image)
}

// account returns the AccountInfo of an instance's users.
func (v *View) account(id uuid.UUID) []byte {
	if known, ok := v.accounts[id]; ok {
		return known
	}
	var company, application, instance [2]string
	if in := v.State.Instance(id); in != nil {
		instance = [2]string{in.ID.String(), in.Name}
		if a := v.State.Application(in.Application); a != nil {
			application = [2]string{a.ID.String(), a.Name}
		}
		if c := v.State.Company(in.Company); c != nil {
			company = [2]string{c.ID.String(), c.Name}
		}
	}
	var b []byte
	for _, level := range []struct {
		id, name string
		is       [2]string
	}{
		{`{"CompanyId":`, `,"CompanyName":`, company},
		{`,"ApplicationId":`, `,"ApplicationName":`, application},
		{`,"InstanceId":`, `,"InstanceName":`, instance},
	} {
		b = appendMember(b, level.id, level.is[0])
		if v.Names {
			b = appendMember(b, level.name, level.is[1])
		} else {
			b = append(append(b, level.name...), "null"...)
		}
	}
	if v.accounts == nil {
		v.accounts = map[uuid.UUID][]byte{}
	}
	v.accounts[id] = append(b, '}')
	return v.accounts[id]
}
