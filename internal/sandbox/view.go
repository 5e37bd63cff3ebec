package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// defaultImage is the ImageUrl of a user who has none (live).
const defaultImage = "https://user.telematicssdk.com/Files/DefaultImages/ic_no_avatar_white.png"

// dateCreatedShape has no zone (live).
const dateCreatedShape = "2006-01-02T15:04:05.999999"

// deviceFields are what is known of a user's phone, by the service's names (live).
var deviceFields = []string{"MobileUid", "DeviceModel", "OsType", "OsVersion", "SdkVersion", "AppVersion", "VirtualImei"}

// reader turns users into what is read of them.
type reader struct {
	state
	names   bool // the names of company, application and instance were asked for
	wallets bool // a find has an empty list where a page of a list has null (live)
	known   map[uint64]instance
}

func (r *reader) instanceOf(u *user) instance {
	in, ok := r.known[u.Instance]
	if !ok {
		if r.known == nil {
			r.known = map[uint64]instance{}
		}
		in, _ = r.instance(u.Instance)
		r.known[u.Instance] = in
	}
	return in
}

// listOf is a JSON list of users, as they come.
type listOf struct {
	*reader
	b []byte
}

func (l *listOf) add(u *user) {
	if l.b == nil {
		l.b = append(l.b, '[')
	} else {
		l.b = append(l.b, ',')
	}
	if cap(l.b)-len(l.b) < usualUser {
		l.b = slices.Grow(l.b, len(l.b)+4*usualUser) // append alone would copy a long list many times
	}
	l.b = l.append(l.b, u)
}

// usualUser is more bytes than most users are, as read.
const usualUser = 1500

func (l *listOf) end() json.RawMessage {
	if l.b == nil {
		return json.RawMessage("[]")
	}
	return append(l.b, ']')
}

// list is a JSON list of users.
func (r *reader) list(users []*user) json.RawMessage {
	l := listOf{reader: r}
	for _, u := range users {
		l.add(u)
	}
	return l.end()
}

// append writes a user as it is read: every field there, null where nothing is known.
func (r *reader) append(b []byte, u *user) []byte {
	status := "Active"
	if u.Status != "" {
		status = "Inactive"
	}
	b = appendMember(b, `{"DeviceToken":`, u.Token)
	b = appendMember(b, `,"DateCreated":`, u.Created.Format(dateCreatedShape))
	b = appendMember(b, `,"Status":`, status)
	b = appendMember(b, `,"ActivityStatus":`, u.activity())
	b = appendProfile(append(b, `,"UserProfile":{`...), u)
	b = appendDevice(append(b, `},"MobileDevice":{`...), u)
	b = r.appendAccount(append(b, `},"AccountInfo":{`...), u)
	b = append(b, `},"UserWallets":`...)
	if r.wallets {
		b = append(b, `[]`...)
	} else {
		b = append(b, `null`...)
	}
	b = appendOptional(b, `,"IdentityId":`, u.IdentityID)
	b = appendOptional(b, `,"IdentityProvider":`, u.IdentityProvider)
	b = appendOptional(b, `,"UserFields":[{"ClientId":`, u.ClientID)
	flags := u.flags()
	for i, f := range flagFields {
		b = append(append(append(b, `,"`...), f.Name...), `":`...)
		b = strconv.AppendBool(b, flags&(1<<i) != 0)
	}
	return append(b, `}]}`...)
}

func appendMember(b []byte, name, value string) []byte {
	return appendQuoted(append(b, name...), value)
}

func appendOptional(b []byte, name string, value text) []byte {
	if !value.there {
		return append(append(b, name...), "null"...)
	}
	return appendMember(b, name, value.string)
}

// appendProfile writes the profile. The picture has two names: ExternalImageUrl is what was given, ImageUrl what to
// show (live). Gender is None where it was not said (live).
func appendProfile(b []byte, u *user) []byte {
	for i, f := range profileFields {
		if i > 0 {
			b = append(b, ',')
		}
		name := f.Name
		if f.UpdateName != "" {
			name = f.UpdateName
		}
		b = append(append(append(b, '"'), name...), `":`...)
		switch v, ok := u.at(i); {
		case ok && f.Kind == field.Count:
			b = append(b, v...)
		case ok:
			b = appendQuoted(b, v)
		case f.Name == "Gender":
			b = append(b, `"None"`...)
		default:
			b = append(b, "null"...)
		}
	}
	image, ok := u.text("ImageUrl")
	if !ok {
		image = defaultImage
	}
	return appendMember(b, `,"ImageUrl":`, image)
}

func appendDevice(b []byte, u *user) []byte {
	for i, name := range deviceFields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		if u.Device != nil && u.Device[i].there {
			b = appendQuoted(b, u.Device[i].string)
		} else {
			b = append(b, "null"...)
		}
	}
	return b
}

func (r *reader) appendAccount(b []byte, u *user) []byte {
	in := r.instanceOf(u)
	for i, level := range []struct{ what, id, name string }{
		{"Company", in.CompanyID, in.CompanyName}, {"Application", in.ApplicationID, in.ApplicationName}, {"Instance", in.ID, in.Name},
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), level.what...), `Id":`...)
		b = appendQuoted(b, level.id)
		b = append(append(append(b, `,"`...), level.what...), `Name":`...)
		if r.names {
			b = appendQuoted(b, level.name)
		} else {
			b = append(b, "null"...)
		}
	}
	return b
}
