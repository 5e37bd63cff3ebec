package server

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// largestPage is the most users on a page (assumed: page).
const largestPage = 1000

// activities are the ActivityStatuses of a filter, and how each is read back (live).
var activities = [][2]string{
	{"Active", "Active"}, {"Inactive", "Inactive"}, {"Lost", "Lost"}, {"NoData", "No Data"}, {"Error", "Error"},
}

// sorts are the fields that a list is sorted by (live).
var sorts = []string{
	"DeviceToken", "FirstName", "LastName", "Nickname", "Phone", "Email", "Gender", "Birthday", "MaritalStatus",
	"ChildrenCount", "Country", "District", "City", "DateCreated", "ActivityStatus",
}

// searched are the fields that a search term is looked for in (assumed: search).
var searched = []string{"ClientId", "FirstName", "LastName", "Nickname", "Email", "Phone"}

// listQuery is the body of a list.
type listQuery struct {
	number, size                       int
	names                              bool
	instances, applications, companies []uuid.UUID
	filter                             filter
}

// filter is what the users of a list must be, and their order. Text is compared without
// regard to case.
type filter struct {
	search, country, city string
	activities            []string // as they are read; none is all
	from, to              time.Time
	inactive              bool
	realtime              *bool
	sort                  string
	desc                  bool
}

// list lists a page of users. The vendor's table calls Sort, IncludeAccountInfo and
// ShowInactiveUsers required as well, but clients leave them out: then the list goes by
// DateCreated, without names, active users only (assumed: list-defaults).
func (c *call) list() answer {
	var q listQuery
	bad := c.read(func(r *reading) { q = readList(r) })
	return c.viewAsAdmin(bad, func(st *store.State, a admin) answer {
		within, ok := q.within(st, a)
		if !ok {
			return refuse(http.StatusForbidden)
		}
		all := func() *store.Ordered { return q.filter.in(st, within) }
		users, total := st.Page(q.key(within), (q.number-1)*q.size, q.size, all)
		return q.answer(&View{State: st, Names: q.names}, users, total)
	})
}

// key identifies the list, whatever its page.
func (q listQuery) key(within map[uuid.UUID]bool) string {
	ids := []string{}
	for id := range within {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	realtime := q.filter.realtime
	q.filter.realtime = nil
	key := fmt.Sprintf("%q %+v", ids, q.filter)
	if realtime != nil {
		key += fmt.Sprint(*realtime)
	}
	return key
}

// answer is the page as it is read; total is how many users are on all pages.
func (q listQuery) answer(v *View, users []*store.User, total int) answer {
	b := append(make([]byte, 0, 200+1500*len(users)), `{"Users":[`...)
	for i, u := range users {
		b = v.Append(append(b, comma(i)...), u)
	}
	count := (total + q.size - 1) / q.size
	b = fmt.Appendf(b, `],"HasPreviousPage":%t,"HasNextPage":%t,"TotalUsers":%d,"TotalPages":%d,"CurrentPage":%d}`,
		q.number > 1, q.number < count, total, count, q.number)
	return answer{status: http.StatusOK, result: b}
}

func readList(r *reading) listQuery {
	var q listQuery
	q.number = readPositive(r, "PageNumber", 1<<30)
	q.size = readPositive(r, "PageSize", largestPage)
	q.names, _ = r.boolean("IncludeAccountInfo")
	q.instances, q.applications, q.companies = r.uuids("InstanceIds"), r.uuids("ApplicationIds"), r.uuids("CompanyIds")
	f := &q.filter
	f.sort, f.desc = readSort(r)
	f.search, _ = r.text("SearchTerm")
	f.search = strings.TrimSpace(f.search)
	f.country, _ = r.text("Country")
	f.city, _ = r.text("City")
	f.from, _ = r.moment("DateCreatedFrom")
	f.to, _ = r.moment("DateCreatedTo")
	f.inactive, _ = r.boolean("ShowInactiveUsers")
	if v, ok := r.boolean("RtdEnabled"); ok {
		f.realtime = &v
	}
	for _, name := range r.texts("ActivityStatuses") {
		i := slices.IndexFunc(activities, func(a [2]string) bool {
			return strings.EqualFold(a[0], name) || !r.strict && strings.EqualFold(a[1], name)
		})
		if i < 0 {
			r.wrong("ActivityStatuses", "a list of Active, Inactive, Lost, NoData, Error")
			break
		}
		f.activities = append(f.activities, activities[i][1])
	}
	return q
}

func readPositive(r *reading, name string, most int) int {
	before := len(r.mistakes)
	n, ok := r.count(name)
	switch {
	case !ok && len(r.mistakes) == before:
		r.required(name)
	case ok && (n < 1 || n > most):
		r.between(name, 1, most)
	}
	return n
}

func readSort(r *reading) (by string, desc bool) {
	text, ok := r.text("Sort")
	if !ok || text == "" {
		return "DateCreated", false
	}
	name := text
	if end := len(text) - len("Desc"); end > 0 && strings.EqualFold(text[end:], "Desc") {
		name, desc = text[:end], true
	}
	for _, s := range sorts {
		if strings.EqualFold(s, name) {
			return s, desc
		}
	}
	r.wrong("Sort", "a known sort")
	return "", false
}

// within returns the instances that the list is about: those within the admin's reach
// that are under all that was named. ok is false where something was named that the admin
// may not see (assumed: reach); things that it may see and that have nothing in common
// are under no instance.
func (q listQuery) within(st *store.State, a admin) (ids map[uuid.UUID]bool, ok bool) {
	reach := a.instances()
	meant := slices.Clone(reach)
	for _, named := range []struct {
		ids []uuid.UUID
		of  func(*store.Instance) uuid.UUID
	}{
		{q.companies, func(i *store.Instance) uuid.UUID { return i.Company }},
		{q.applications, func(i *store.Instance) uuid.UUID { return i.Application }},
		{q.instances, func(i *store.Instance) uuid.UUID { return i.ID }},
	} {
		for _, id := range named.ids {
			if !slices.ContainsFunc(reach, func(i *store.Instance) bool { return named.of(i) == id }) {
				return nil, false
			}
		}
		if len(named.ids) > 0 {
			meant = slices.DeleteFunc(meant, func(i *store.Instance) bool { return !slices.Contains(named.ids, named.of(i)) })
		}
	}
	ids = map[uuid.UUID]bool{}
	for _, i := range meant {
		ids[i.ID] = true
	}
	return ids, true
}

// in returns the users that pass, in order. Who has no value in the sort's field comes last, in
// either direction (assumed: sort-missing), as registered.
func (f *filter) in(st *store.State, within map[uuid.UUID]bool) *store.Ordered {
	all := store.Collect(st, func(u *store.User) (store.Entry, bool) {
		if !within[u.Instance] || !f.passes(u) {
			return store.Entry{}, false
		}
		key, there := sortKey(u, f.sort)
		switch {
		case !there:
			key = missing
		case f.desc:
			key = missing - 1 - key
		}
		return store.Entry{User: u, Key: key}, true
	})
	return store.NewOrdered(all, func(a, b store.Entry) int {
		order := cmp.Compare(a.Key, b.Key)
		switch {
		case order != 0:
			return order
		case f.sort == "DateCreated" || a.Key == missing:
			order = a.User.Created.Compare(b.User.Created)
		case f.sort == "DeviceToken":
			order = bytes.Compare(a.User.Token[:], b.User.Token[:])
		default:
			order = compareTexts(sortText(a.User, f.sort), sortText(b.User, f.sort))
		}
		order = cmp.Or(order, a.User.Place()-b.User.Place())
		if f.desc && a.Key != missing {
			return -order
		}
		return order
	})
}

// missing is the sort key of who has no value: the last.
const missing = math.MaxUint64

// sortKey returns a number to sort a user by; it may be the same for two that differ.
func sortKey(u *store.User, by string) (key uint64, there bool) {
	switch by {
	case "DateCreated":
		return uint64(u.Created.UnixMicro() + 1<<62), true // positive
	case "DeviceToken":
		return binary.BigEndian.Uint64(u.Token[:]) >> 1, true
	case "ActivityStatus":
		return textKey(activityOf(u)), true
	}
	value, ok := u.Fields.Get(by)
	if by == "ChildrenCount" {
		n, _ := strconv.ParseInt(value, 10, 64)
		return uint64(n + 1<<32), ok // positive: the count is of 32 bits
	}
	return textKey(value), ok
}

// textKey is the first eight bytes of a text in lower case.
func textKey(text string) (key uint64) {
	if strings.ContainsFunc(text[:min(8, len(text))], func(r rune) bool { return r >= utf8.RuneSelf }) {
		text = strings.ToLower(text)
	}
	for i := range 8 {
		key <<= 8
		if i < len(text) {
			key |= uint64(text[i])
			if 'A' <= text[i] && text[i] <= 'Z' {
				key += 'a' - 'A'
			}
		}
	}
	return key
}

func sortText(u *store.User, by string) string {
	if by == "ActivityStatus" {
		return activityOf(u)
	}
	text, _ := u.Fields.Get(by)
	return text
}

func compareTexts(a, b string) int {
	if a == b {
		return 0
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

func (f *filter) passes(u *store.User) bool {
	switch {
	case u.Status != "" && !f.inactive,
		!f.from.IsZero() && u.Created.Before(f.from), !f.to.IsZero() && u.Created.After(f.to),
		len(f.activities) > 0 && !slices.Contains(f.activities, activityOf(u)),
		f.realtime != nil && *f.realtime != flagOf(u, "EnableRealTimeLocation"),
		f.country != "" && !is(u, "Country", f.country), f.city != "" && !is(u, "City", f.city):
		return false
	}
	return f.search == "" || matchesSearch(u, f.search)
}

func is(u *store.User, name, text string) bool {
	value, ok := u.Fields.Get(name)
	return ok && strings.EqualFold(value, text)
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func matchesSearch(u *store.User, term string) bool {
	for _, name := range searched {
		if value, ok := u.Fields.Get(name); ok && hasPrefix(value, term) {
			return true
		}
	}
	if first, ok := u.Fields.Get("FirstName"); ok && hasPrefix(term, first) {
		full, _ := valueOf(u, "FullName")
		if hasPrefix(full, term) {
			return true
		}
	}
	var beginning [8]byte
	hex.Encode(beginning[:], u.Token[:4])
	return strings.EqualFold(string(beginning[:min(8, len(term))]), term[:min(8, len(term))]) &&
		hasPrefix(u.Token.String(), term)
}
