// Package field has the service's fields as one table: name, kind, rule, help, and where
// each may be written. Flags, file columns, validation, JSON bodies, the command
// reference and the sandbox's checks are made from it, so that a new field of the service
// is one new line here.
package field

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// Kind is what a field holds, and with it the rule that its values must keep.
type Kind uint8

// The kinds.
const (
	Text  Kind = iota // any string
	Flag              // a telematics parameter: on or off
	Bool              // true or false
	Count             // a whole number, not negative
	Enum              // one of Values
	Email             // an email address
	Phone             // a phone number; E.164 when it begins with +
	Time              // a date or a moment in ISO 8601, not in the future
	URL               // an absolute http or https URL
	UUID              // a UUID
)

// Use is a set of the places where a field may be written.
type Use uint8

// The places.
const (
	Create   Use = 1 << iota // the body of "register one user"
	Update                   // the body of "update a user"
	File                     // a column of a file of users
	Quantity                 // CustomFields of "register many users at once"
)

// UserFields is the object, inside a user, that holds the telematics parameters and the ClientId.
const UserFields = "UserFields"

// Field is one field of the service.
type Field struct {
	Name       string   // the service's own name
	UpdateName string   // the name on update where that differs
	Inside     string   // UserFields, or "" for the top of the body
	Flag       string   // the command line's name, without dashes
	Kind       Kind     // the rule
	Values     []string // for Enum: the service's spellings
	Use        Use      // where it may be written
	Help       string   // for people: what it is; no capital, no full stop
	Source     string   // where the fact is from: seed, live, client or assumed

	aliases map[string]string // for Enum: what the service reads back, by the value that is written for it
	index   int               // its place in the table
}

const everywhere = Create | Update | File

var table = []*Field{
	{Name: "FirstName", Flag: "first-name", Use: everywhere, Source: "seed", Help: "first name"},
	{Name: "LastName", Flag: "last-name", Use: everywhere, Source: "seed", Help: "last name"},
	{Name: "Nickname", Flag: "nickname", Use: everywhere, Source: "seed", Help: "nickname"},
	{Name: "Phone", Flag: "phone", Kind: Phone, Use: everywhere, Source: "seed",
		Help: "phone number; E.164 when it begins with +"},
	{Name: "Email", Flag: "email", Kind: Email, Use: everywhere, Source: "seed", Help: "email address"},
	{Name: "Gender", Flag: "gender", Kind: Enum, Values: []string{"None", "Male", "Female", "Other"}, Use: everywhere,
		Source: "seed", Help: "None, Male, Female or Other"},
	{Name: "Birthday", Flag: "birthday", Kind: Time, Use: everywhere, Source: "seed",
		Help: "date of birth, ISO 8601: 1990-05-31"},
	{Name: "MaritalStatus", Flag: "marital-status", Use: everywhere, Source: "seed, client",
		Help: "sent as given; known codes: 1 married, 2 widowed, 3 divorced, 4 single"},
	{Name: "ChildrenCount", Flag: "children-count", Kind: Count, Use: everywhere, Source: "seed",
		Help: "number of children"},
	{Name: "Country", Flag: "country", Use: everywhere, Source: "seed", Help: "country"},
	{Name: "District", Flag: "district", Use: everywhere, Source: "seed", Help: "district"},
	{Name: "City", Flag: "city", Use: everywhere, Source: "seed", Help: "city"},
	{Name: "Address", Flag: "address", Use: everywhere, Source: "seed", Help: "street address"},
	{Name: "Status", Flag: "status", Kind: Enum, Values: []string{"Active", "Deactivated"}, Use: everywhere,
		Source: "seed", Help: "Active or Deactivated", aliases: map[string]string{"Inactive": "Deactivated"}},
	{Name: "ImageUrl", UpdateName: "ExternalImageUrl", Flag: "image-url", Kind: URL, Use: everywhere,
		Source: "seed, live", Help: "URL of the user's photo"},
	{Name: "InstanceInviteCode", Flag: "instance-invite-code", Use: Create | File, Source: "seed",
		Help: "register into the instance that has this invite code"},
	{Name: "CustomToken", Flag: "custom-token", Kind: UUID, Use: Create | File, Source: "live",
		Help: "the DeviceToken that the user is to have"},
	{Name: "CreateAccessToken", Flag: "create-access-token", Kind: Bool, Use: Create, Source: "seed",
		Help: "ask for the user's AccessToken and RefreshToken"},
	{Name: "ClientId", Inside: UserFields, Flag: "client-id", Use: everywhere, Source: "seed",
		Help: "the user's id in your own system"},
	{Name: "EnableTracking", Inside: UserFields, Flag: "tracking", Kind: Flag, Use: everywhere | Quantity,
		Source: "seed", Help: "record trips"},
	{Name: "EnableLogging", Inside: UserFields, Flag: "logging", Kind: Flag, Use: everywhere | Quantity, Source: "seed",
		Help: "debug log on the phone; drains its battery"},
	{Name: "EnableRealTimeLocation", Inside: UserFields, Flag: "realtime", Kind: Flag, Use: everywhere, Source: "live",
		Help: "stream the live position; heavy on the battery"},
	{Name: "Enabled", Inside: UserFields, Flag: "enabled", Kind: Flag, Use: everywhere | Quantity, Source: "seed",
		Help: "the user as a whole; off does not delete"},
}

var bySpelling = map[string]*Field{}

func init() {
	for i, f := range table {
		f.index = i
		for _, name := range []string{f.Name, f.Flag, f.UpdateName} {
			if name != "" {
				bySpelling[Fold(name)] = f
			}
		}
	}
}

// Place returns the field's place in the order of all fields, from 0: it is less than 30.
func (f *Field) Place() int { return f.index }

// At returns the field of a place.
func At(place int) *Field { return table[place] }

// All lists the fields that may be written at any of the places, in the service's own order.
func All(use Use) []*Field {
	var out []*Field
	for _, f := range table {
		if f.Use&use != 0 {
			out = append(out, f)
		}
	}
	return out
}

// MustGet returns the field with exactly the service's name; it panics for a name that is not in
// the table.
func MustGet(name string) *Field {
	for _, f := range table {
		if f.Name == name {
			return f
		}
	}
	panic("field: no " + name)
}

// UserProfile is the object, inside a user that is read, that holds the profile fields.
const UserProfile = "UserProfile"

// Lookup returns the field that has a spelling: FirstName, firstName, first_name,
// first-name, First Name; UserProfile.FirstName is FirstName, UserFields.ClientId is
// ClientId, and EnableTracking is tracking.
func Lookup(spelling string) (*Field, bool) {
	s := Fold(spelling)
	if f, ok := bySpelling[s]; ok {
		return f, true
	}
	if bare, ok := strings.CutPrefix(s, "userfields."); ok {
		f, ok := bySpelling[bare]
		return f, ok && f.Inside == UserFields
	}
	if bare, ok := strings.CutPrefix(s, "userprofile."); ok {
		f, ok := bySpelling[bare]
		return f, ok && f.Inside == "" && f.Use&Update != 0
	}
	return nil, false
}

// Path is the field's full name in a body: UserFields.ClientId.
func (f *Field) Path() string {
	if f.Inside == "" {
		return f.Name
	}
	return f.Inside + "." + f.Name
}

// Fold returns what all spellings of a name have in common.
func Fold(s string) string { return folder.Replace(strings.ToLower(NormalizeText(s))) }

var folder = strings.NewReplacer("_", "", "-", "", " ", "", "\u00a0", "")

// DidYouMean returns " (did you mean X?)" about a misspelt name; "" where no candidate is like it.
func DidYouMean(name string, candidates []string) string {
	if near := nearest.By(Fold, name, candidates); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}
