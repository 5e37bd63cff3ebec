package sandbox

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An index is one order of the users of an instance. Its entries are keys without values:
//
//	x <instance number> <index> <value> 0 <user number>
//
// A user for whom there is no value has no entry. Text stands in lower case, so that finding and sorting go without
// regard to case.
type index byte

// The indexes. Their numbers are part of the state's format.
const (
	byToken    index = 1 + iota
	byCreated        // a fixed-length moment
	byActivity       // as it is read
	byClientID
	byFullName
	byInactive       // only who is not active; the value is empty
	byRealtime       // only who streams the live position; the value is empty
	byProfile  index = 32
)

// profileIndexes are the profile fields that have an index, byProfile and following: those that a list can be sorted
// by (live), a find asks for (live) or a list filters by (live).
var profileIndexes = []string{
	"FirstName", "LastName", "Nickname", "Phone", "Email", "Gender", "Birthday", "MaritalStatus", "ChildrenCount",
	"Country", "District", "City",
}

// longestIndexed is how much of a text goes into an index, in bytes. What is longer sorts by its beginning, and a find
// looks at the record besides.
const longestIndexed = 120

func profileIndex(name string) index {
	i := slices.Index(profileIndexes, name)
	if i < 0 {
		panic("sandbox: no index of " + name)
	}
	return byProfile + index(i) //nolint:gosec // a short list
}

// sortIndex is the index of a sort's name, in any case.
func sortIndex(name string) (index, bool) {
	switch {
	case strings.EqualFold(name, "DeviceToken"):
		return byToken, true
	case strings.EqualFold(name, "DateCreated"):
		return byCreated, true
	case strings.EqualFold(name, "ActivityStatus"):
		return byActivity, true
	}
	for _, p := range profileIndexes {
		if strings.EqualFold(name, p) {
			return profileIndex(p), true
		}
	}
	return 0, false
}

// all tells whether every user has an entry in the index.
func (i index) all() bool { return i == byToken || i == byCreated || i == byActivity }

// value is what the user has in an index.
func (u *user) value(i index) (string, bool) {
	switch i {
	case byToken:
		return u.Token, true
	case byCreated:
		return momentValue(u.Created.UnixMicro()), true
	case byActivity:
		return foldValue(u.activity()), true
	case byClientID:
		return foldValue(u.ClientID.string), u.ClientID.there
	case byFullName:
		name, ok := u.fullName()
		return foldValue(name), ok
	case byInactive:
		return "", u.Status != ""
	case byRealtime:
		return "", u.flag("EnableRealTimeLocation")
	}
	v, ok := u.at(indexPlaces[i-byProfile])
	if ok && i == byChildren {
		n, err := strconv.ParseInt(v, 10, 64)
		return momentValue(n), err == nil
	}
	return foldValue(v), ok
}

// indexPlaces are the places of the indexed fields in a profile.
var indexPlaces = func() []int {
	var out []int
	for _, name := range profileIndexes {
		out = append(out, profilePlace[name])
	}
	return out
}()

// byChildren is the one index of a number.
var byChildren = profileIndex("ChildrenCount")

// momentValue orders whole numbers, negative ones too.
func momentValue(n int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(n)^(1<<63)) //nolint:gosec // the sign is turned, so that it sorts
	return string(b)
}

// foldValue is a text as it stands in an index: in lower case, not too long, without the byte that ends it.
func foldValue(s string) string {
	if len(s) > longestIndexed {
		s = s[:longestIndexed]
		for r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && n == 1; r, n = utf8.DecodeLastRuneInString(s) {
			s = s[:len(s)-1]
		}
	}
	s = strings.ToLower(s)
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\x01")
	}
	return s
}

var everyIndex = func() []index {
	all := []index{byToken, byCreated, byActivity, byClientID, byFullName, byInactive, byRealtime}
	for _, name := range profileIndexes {
		all = append(all, profileIndex(name))
	}
	return all
}()

// indexKeys are all the entries of a user.
func indexKeys(u *user) []string {
	keys := make([]string, 0, len(everyIndex))
	for _, i := range everyIndex {
		if v, ok := u.value(i); ok {
			keys = append(keys, indexKey(u.Instance, i, v, u.Number))
		}
	}
	return keys
}

func indexKey(instance uint64, i index, value string, number uint64) string {
	b := make([]byte, 0, indexHead+len(value)+indexTail)
	b = append(b, indexPrefix(instance, i)...)
	b = append(b, value...)
	b = append(b, 0)
	return string(binary.BigEndian.AppendUint64(b, number))
}

const (
	indexHead = len(prefixIndex) + 2 + 1 // before the value
	indexTail = 1 + 8                    // behind it
)

// indexPrefix is what all the entries of an index of an instance begin with.
func indexPrefix(instance uint64, i index) string {
	b := make([]byte, 0, indexHead)
	b = append(b, prefixIndex...)
	b = binary.BigEndian.AppendUint16(b, uint16(instance)) //nolint:gosec // a layout has no more than fit
	return string(append(b, byte(i)))
}
