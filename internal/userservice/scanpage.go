package userservice

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Only names what is read of each user of a list besides the DeviceToken and the Status, where a
// caller needs no more. The rest may be read or not.
type Only struct {
	Fields   []*field.Field // of User.Fields
	Activity bool           // ActivityStatus
	Device   bool           // DateCreated and MobileDevice
}

// pageScan reads the answer to a list in one pass. It returns false for what is not written as the
// service writes it, which is then decoded: the same is read of it either way.
type pageScan struct {
	scanner
	only   *Only // nil: everything
	fields map[string]scanField
	order  []namedField      // the fields of a user in the order in which they were met first
	met    int               // of these, of the user that is being read
	size   int               // how many users there may be, about
	texts  map[string]string // what many users of a page have in common, by how it is written
	ids    map[string]string // the same of UUIDs, in canonical form
}

// scanField is a field by one of its names.
type scanField struct {
	*field.Field
	bit    uint64 // of the name
	wanted bool
}

type namedField struct {
	name string
	scanField
}

const (
	mostTexts    = 500  // different texts of a page that are kept
	mostReserved = 1000 // users of a page for whom room is made at once
)

// allFields are the fields by the names that the service writes, all of them wanted.
var allFields = sync.OnceValue(func() map[string]scanField {
	fields := map[string]scanField{}
	for name, f := range fieldsByName() {
		fields[name] = scanField{f, 1 << len(fields), true}
	}
	return fields
})

// scanFields are the fields by the names that the service writes.
func scanFields(only *Only) map[string]scanField {
	if only == nil {
		return allFields()
	}
	fields := maps.Clone(allFields())
	for name, f := range fields {
		f.wanted = slices.Contains(only.Fields, f.Field)
		fields[name] = f
	}
	return fields
}

// scanPage reads an answer to q.
func scanPage(answer []byte, q *ListQuery) (page readPage, ok bool) {
	s := pageScan{
		scanner: scanner{data: answer, ok: true}, only: q.Only, fields: scanFields(q.Only),
		size: min(q.PageSize, mostReserved), texts: map[string]string{}, ids: map[string]string{},
	}
	var result, status bool
	s.members(func(name []byte) {
		switch string(name) {
		case "Result":
			s.ok = s.ok && !result
			result = true
			page = s.page()
		case "Status":
			s.ok = s.ok && !status
			status = true
			s.word("200")
		case "Title":
			if s.isNext('"') {
				s.value()
			}
		case "Errors":
			if s.isNext('[') {
				s.items(func() { s.ok = false })
			}
		default:
			s.other(name, "Result", "Status", "Title", "Errors")
		}
	})
	return page, s.atEnd() && result && status
}

// other skips the value of a member that is not known, unless its name is another spelling of one
// that is.
func (s *scanner) other(name []byte, known ...string) {
	for _, k := range known {
		if strings.EqualFold(k, string(name)) {
			s.ok = false
		}
	}
	s.value()
}

// isNext reports whether a value follows that begins so. null is skipped; anything else is not
// read.
func (s *scanner) isNext(begin byte) bool {
	switch s.peek() {
	case begin:
		return true
	case 'n':
		s.word("null")
	default:
		s.ok = false
	}
	return false
}

// page reads the Result.
func (s *pageScan) page() (page readPage) {
	decode := func(target json.Unmarshaler) {
		if raw := s.value(); s.ok {
			s.ok = target.UnmarshalJSON(raw) == nil
		}
	}
	s.members(func(name []byte) {
		switch string(name) {
		case "Users":
			page.Users = nil
			if s.isNext('[') {
				page.Users = s.users()
			}
		case "HasPreviousPage":
			decode(&page.HasPreviousPage)
		case "HasNextPage":
			decode(&page.HasNextPage)
		case "TotalUsers":
			decode(&page.TotalUsers)
		case "TotalPages":
			decode(&page.TotalPages)
		case "CurrentPage":
			decode(&page.CurrentPage)
		default:
			s.other(name, "Users", "HasPreviousPage", "HasNextPage", "TotalUsers", "TotalPages", "CurrentPage")
		}
	})
	return page
}

// users reads the users of a page. One who is written otherwise than usual is decoded.
func (s *pageScan) users() []User {
	users := make([]User, 0, s.size)
	s.items(func() {
		s.peek()
		start := s.at
		users = append(users, User{})
		u := &users[len(users)-1]
		if s.user(u); s.ok {
			if s.only == nil {
				u.raw = bytes.Clone(s.data[start:s.at])
			}
			return
		}
		s.at, s.ok = start, true
		if raw := s.value(); s.ok {
			*u = User{}
			s.ok = u.UnmarshalJSON(raw) == nil
		}
	})
	return users
}

// user reads a user whose members are known by the names that the service writes; any order will
// do.
func (s *pageScan) user(u *User) {
	var seen uint64
	var userFields bool
	all := s.only == nil
	activity, device := all || s.only.Activity, all || s.only.Device
	s.met = 0
	s.members(func(name []byte) {
		switch string(name) {
		case "DeviceToken":
			u.DeviceToken = s.deviceToken()
		case "DateCreated":
			if raw := s.value(); device && s.ok {
				t, err := readText(raw)
				u.DateCreated, s.ok = moment(string(t)), err == nil
			}
		case "Status":
			u.Status = s.shared(true)
		case "ActivityStatus":
			u.ActivityStatus = s.shared(activity)
		case field.UserProfile:
			if s.wants("") && s.isNext('{') {
				s.putFields(&u.Fields, "", &seen)
			}
		case "MobileDevice":
			s.mobileDevice(&u.MobileDevice, device)
		case "AccountInfo":
			s.accountInfo(&u.AccountInfo, all)
		case field.UserFields:
			s.ok = s.ok && !userFields
			userFields = true
			s.userFields(&u.Fields, &seen)
		default:
			s.other(name, "DeviceToken", "DateCreated", "Status", "ActivityStatus", field.UserProfile, "MobileDevice",
				"AccountInfo", field.UserFields)
		}
	})
	if u.DeviceToken == "" {
		s.ok = false
	}
	u.putStatus()
}

// shared reads a text that other users may have too; "" where it is not wanted.
func (s *pageScan) shared(wanted bool) string {
	raw := s.value()
	if !wanted || !s.ok {
		return ""
	}
	if known, ok := s.texts[string(raw)]; ok {
		return known
	}
	t, err := readText(raw)
	s.ok = err == nil
	if len(s.texts) < mostTexts {
		s.texts[string(raw)] = string(t)
	}
	return string(t)
}

// sharedID is shared for a UUID.
func (s *pageScan) sharedID(wanted bool) string {
	written := s.shared(wanted)
	id, ok := s.ids[written]
	if !ok {
		if id = canonical(written); len(s.ids) < mostTexts {
			s.ids[written] = id
		}
	}
	return id
}

// deviceToken reads a DeviceToken in canonical form; "" for one that must be decoded.
func (s *pageScan) deviceToken() string {
	raw := s.value()
	if len(raw) != len(`""`)+36 {
		return ""
	}
	id, err := uuid.ParseBytes(raw[1:37])
	if err != nil || id == uuid.Nil {
		return ""
	}
	return id.String()
}

// userFields reads UserFields: an object, or a list of one.
func (s *pageScan) userFields(set *field.Set, seen *uint64) {
	if !s.wants(field.UserFields) {
		return
	}
	if s.peek() == '{' {
		s.putFields(set, field.UserFields, seen)
		return
	}
	if !s.isNext('[') {
		return
	}
	first := true
	s.items(func() {
		if s.ok = first && s.peek() == '{'; s.ok {
			s.putFields(set, field.UserFields, seen)
		}
		first = false
	})
}

// wants reports whether any field there is wanted, and skips the value where none is.
func (s *pageScan) wants(inside string) bool {
	if s.only == nil || slices.ContainsFunc(s.only.Fields, func(f *field.Field) bool { return f.Inside == inside }) {
		return true
	}
	s.value()
	return false
}

// putFields reads the fields of an object of a user, each once and where it belongs.
func (s *pageScan) putFields(set *field.Set, inside string, seen *uint64) {
	s.members(func(name []byte) {
		f, ok := s.field(name)
		raw := s.value()
		if !ok {
			if _, otherSpelling := field.Lookup(string(name)); otherSpelling {
				s.ok = false
			}
			return
		}
		if f.Inside != inside || *seen&f.bit != 0 {
			s.ok = false
			return
		}
		*seen |= f.bit
		if !f.wanted || !s.ok {
			return
		}
		if value := readValue(f.Field, raw); value != nil {
			// ExternalImageUrl wins over ImageUrl, whichever comes first.
			if _, put := set.Value(f.Field); !put || string(name) != f.Name {
				set.Put(f.Field, value)
			}
		}
	})
}

// field returns a field by its name. The users of a page have theirs in one order, nearly always:
// the next one is looked at before all are.
func (s *pageScan) field(name []byte) (f scanField, ok bool) {
	if s.met < len(s.order) && s.order[s.met].name == string(name) {
		s.met++
		return s.order[s.met-1].scanField, true
	}
	if f, ok = s.fields[string(name)]; ok && s.met == len(s.order) {
		s.order = append(s.order, namedField{string(name), f})
		s.met++
	}
	return f, ok
}

func (s *pageScan) mobileDevice(d *MobileDevice, wanted bool) {
	s.sharedMembers(wanted, []textMember{{"MobileUid", &d.MobileUID, false}, {"DeviceModel", &d.DeviceModel, false},
		{"OsType", &d.OsType, false}, {"OsVersion", &d.OsVersion, false}, {"SdkVersion", &d.SdkVersion, false},
		{"AppVersion", &d.AppVersion, false}, {"VirtualImei", &d.VirtualIMEI, false}})
}

func (s *pageScan) accountInfo(a *AccountInfo, wanted bool) {
	s.sharedMembers(wanted, []textMember{{"CompanyId", &a.CompanyID, true}, {"CompanyName", &a.CompanyName, false},
		{"ApplicationId", &a.ApplicationID, true}, {"ApplicationName", &a.ApplicationName, false},
		{"InstanceId", &a.InstanceID, true}, {"InstanceName", &a.InstanceName, false}})
}

// textMember is where a member of an object goes: a text, or a UUID in any spelling.
type textMember struct {
	name string
	to   *string
	isID bool
}

// sharedMembers reads an object of texts.
func (s *pageScan) sharedMembers(wanted bool, members []textMember) {
	if !s.isNext('{') {
		return
	}
	s.members(func(name []byte) {
		for _, m := range members {
			switch {
			case string(name) != m.name:
				continue
			case m.isID:
				*m.to = s.sharedID(wanted)
			default:
				*m.to = s.shared(wanted)
			}
			return
		}
		names := make([]string, len(members))
		for i, m := range members {
			names[i] = m.name
		}
		s.other(name, names...)
	})
}
