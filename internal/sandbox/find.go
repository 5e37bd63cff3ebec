package sandbox

import "strings"

// finding is what a find asks for; all that is said must hold. Text is compared without regard to case (assumed: text).
type finding struct {
	token    string // in lower case; "" is not said
	criteria []criterion
}

type criterion struct {
	index index
	value string // as it was asked for
}

// findOrder are the criteria of a find by their names, those first that few users share.
var findOrder = []struct {
	name  string
	index index
}{
	{"Email", profileIndex("Email")},
	{"Phone", profileIndex("Phone")},
	{"ClientId", byClientID},
	{"FullName", byFullName},
	{"LastName", profileIndex("LastName")},
	{"FirstName", profileIndex("FirstName")},
}

// find calls fn with the users of the instances that match, oldest first within an instance. The user is fn's only while
// it runs.
func (s state) find(f finding, instances []instance, fn func(*user)) {
	var u user
	if f.token != "" {
		if s.readUser(s.number(prefixToken+f.token), &u) && among(instances, u.Instance) && u.matches(f) {
			fn(&u)
		}
		return
	}
	by := f.narrowest()
	for _, i := range instances {
		prefix := indexPrefix(i.Number, by.index) + foldValue(by.value) + "\x00"
		s.between(prefix, prefix, "", func(number uint64) {
			if s.readUser(number, &u) && u.matches(f) {
				fn(&u)
			}
		})
	}
}

// narrowest is the criterion whose index is walked: the first, unless both names are asked for, which together are
// narrower than either.
func (f finding) narrowest() criterion {
	first := f.criteria[0]
	if first.index == profileIndex("LastName") && len(f.criteria) == 2 {
		return criterion{byFullName, f.criteria[1].value + " " + first.value}
	}
	return first
}

func among(instances []instance, number uint64) bool {
	for _, i := range instances {
		if i.Number == number {
			return true
		}
	}
	return false
}

func (u *user) matches(f finding) bool {
	if f.token != "" && f.token != u.Token {
		return false
	}
	for _, c := range f.criteria {
		if !u.has(c) {
			return false
		}
	}
	return true
}

// has compares with the user's own text, as an index holds but the beginning of it.
func (u *user) has(c criterion) bool {
	var value string
	var ok bool
	switch c.index {
	case byClientID:
		value, ok = u.ClientID.string, u.ClientID.there
	case byFullName:
		value, ok = u.fullName()
	default:
		value, ok = u.at(indexPlaces[c.index-byProfile])
	}
	return ok && strings.EqualFold(value, c.value)
}
