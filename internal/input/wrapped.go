package input

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// wrapped returns the path of the member that holds users, where an object is not one
// itself: Result.Users of an answer of the service, or the keys of an object by key. It
// is "" for an object that may be a user.
func wrapped(object []byte, n *names) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || isUser(members, n) {
		return ""
	}
	return usersIn(members, n, "", 0)
}

// isUser reports whether an object has a member that says something of a user: a Status
// alone may be that of an answer.
func isUser(members map[string]json.RawMessage, n *names) bool {
	for name := range members {
		folded := field.Fold(name)
		m := n.of(name)
		switch {
		case folded == "userfields" || folded == "userprofile":
			return true
		case m.role == value && m.field.Name != "Status", m.role == token:
			return true
		}
	}
	return false
}

// deepest is how many levels below the top users are looked for.
const deepest = 3

func usersIn(object map[string]json.RawMessage, n *names, path string, depth int) string {
	var keyed []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		raw := object[name]
		var list []map[string]json.RawMessage
		var inner map[string]json.RawMessage
		switch {
		case json.Unmarshal(raw, &list) == nil && len(list) > 0:
			if isUser(list[0], n) {
				return at
			}
		case json.Unmarshal(raw, &inner) == nil && inner != nil:
			if isUser(inner, n) {
				keyed = append(keyed, at)
			} else if depth < deepest {
				if found := usersIn(inner, n, at, depth+1); found != "" {
					return found
				}
			}
		}
	}
	switch {
	case len(keyed) == 0:
		return ""
	case len(keyed) <= 3:
		return strings.Join(keyed, ", ")
	default:
		return fmt.Sprintf("%s and %d more", strings.Join(keyed[:3], ", "), len(keyed)-3)
	}
}
