package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"sync"

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
	names    bool              // the names of company, application and instance were asked for
	wallets  bool              // a find has an empty list where a page of a list has null (live)
	accounts map[uint64]string // AccountInfo by instance number, as it was written before
}

// longAnswers are the buffers of lists. A list of thousands of users is megabytes; to make room for it anew, again and
// again as it grows, costs more than to write the users.
var longAnswers = sync.Pool{New: func() any { return new([]byte) }}

// listOf is a Result with a list of users in it, written as they come. Its bytes are borrowed until the answer was sent.
type listOf struct {
	*reader
	b     *[]byte
	users int
}

// usualUser is more bytes than most users are, as read.
const usualUser = 1500

// newListOf begins a Result; head is what comes before the first user.
func newListOf(r *reader, head string) listOf {
	b, _ := longAnswers.Get().(*[]byte)
	*b = append((*b)[:0], head...)
	return listOf{reader: r, b: b}
}

func (l *listOf) add(u *user) {
	if cap(*l.b)-len(*l.b) < usualUser {
		*l.b = slices.Grow(*l.b, max(len(*l.b), 16*usualUser)) // twice as much: append alone grows a long list by little
	}
	if l.users > 0 {
		*l.b = append(*l.b, ',')
	}
	*l.b = l.append(*l.b, u)
	l.users++
}

// answer ends the Result with what comes behind the last user.
func (l *listOf) answer(tail string) answer {
	*l.b = append(*l.b, tail...)
	return answer{status: http.StatusOK, result: *l.b, borrowed: l.b}
}

// append writes a user as it is read: every field there, null where nothing is known.
func (r *reader) append(b []byte, u *user) []byte {
	status := "Active"
	if u.Status != "" {
		status = "Inactive"
	}
	b = appendMember(b, `{"DeviceToken":`, u.Token)
	b = u.Created.AppendFormat(append(b, `,"DateCreated":"`...), dateCreatedShape)
	b = appendMember(b, `","Status":`, status)
	b = appendMember(b, `,"ActivityStatus":`, u.activity())
	b = appendProfile(append(b, `,"UserProfile":{`...), u)
	b = appendDevice(append(b, `},"MobileDevice":{`...), u)
	b = append(append(b, `},"AccountInfo":`...), r.account(u.Instance)...)
	b = append(b, `,"UserWallets":`...)
	if r.wallets {
		b = append(b, `[]`...)
	} else {
		b = append(b, `null`...)
	}
	b = appendOptional(b, `,"IdentityId":`, u.IdentityID)
	b = appendOptional(b, `,"IdentityProvider":`, u.IdentityProvider)
	b = appendOptional(b, `,"UserFields":[{"ClientId":`, u.ClientID)
	flags := u.flags()
	for i, name := range flagNames {
		b = strconv.AppendBool(append(b, name...), flags&(1<<i) != 0)
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

// The names of the members of a profile, of a device and of the telematics parameters, as they stand in JSON, each with
// what comes before it.
var (
	profileNames = memberNames("", profileFields, func(f *field.Field) string { return cmp.Or(f.UpdateName, f.Name) })
	deviceNames  = memberNames("", deviceFields, func(name string) string { return name })
	flagNames    = memberNames(",", flagFields, func(f *field.Field) string { return f.Name })
)

func memberNames[T any](before string, of []T, name func(T) string) []string {
	var out []string
	for _, one := range of {
		out = append(out, before+`"`+name(one)+`":`)
		before = ","
	}
	return out
}

// The fields of a profile that are not read as they are kept.
var (
	genderPlace = profilePlace["Gender"]
	imagePlace  = profilePlace["ImageUrl"]
)

// appendProfile writes the profile. The picture has two names: ExternalImageUrl is what was given, ImageUrl what to
// show (live). Gender is None where it was not said (live).
func appendProfile(b []byte, u *user) []byte {
	for i, f := range profileFields {
		b = append(b, profileNames[i]...)
		switch v, ok := u.at(i); {
		case ok && f.Kind == field.Count:
			b = append(b, v...)
		case ok:
			b = appendQuoted(b, v)
		case i == genderPlace:
			b = append(b, `"None"`...)
		default:
			b = append(b, "null"...)
		}
	}
	image, ok := u.at(imagePlace)
	if !ok {
		image = defaultImage
	}
	return appendMember(b, `,"ImageUrl":`, image)
}

func appendDevice(b []byte, u *user) []byte {
	for i, name := range deviceNames {
		if u.Device == nil {
			b = append(append(b, name...), "null"...)
		} else {
			b = appendOptional(b, name, u.Device[i])
		}
	}
	return b
}

// account is the AccountInfo of an instance's users.
func (r *reader) account(number uint64) string {
	if known, ok := r.accounts[number]; ok {
		return known
	}
	in, _ := r.instance(number)
	var b []byte
	for _, level := range []struct{ id, value, name, text string }{
		{`{"CompanyId":`, in.CompanyID, `,"CompanyName":`, in.CompanyName},
		{`,"ApplicationId":`, in.ApplicationID, `,"ApplicationName":`, in.ApplicationName},
		{`,"InstanceId":`, in.ID, `,"InstanceName":`, in.Name},
	} {
		b = appendMember(b, level.id, level.value)
		b = appendOptional(b, level.name, text{level.text, r.names})
	}
	if r.accounts == nil {
		r.accounts = map[uint64]string{}
	}
	r.accounts[number] = string(append(b, '}'))
	return r.accounts[number]
}
