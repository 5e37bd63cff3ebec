package server

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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
	instances, applications, companies []string
	filter                             filter
}

// filter is what the users of a list must be, and their order. Text is compared without
// regard to case.
type filter struct {
	search, country, city string
	activities            []string // as they are read; none is all
	from, to              time.Time
	inactive              bool
	realtime              string // "true", "false", or "" for any
	sort                  string
	desc                  bool
}

// list lists a page of users. The vendor's table calls Sort, IncludeAccountInfo and
// ShowInactiveUsers required as well, but clients leave them out: then the list goes by
// DateCreated, without names, active users only (assumed: list-defaults).
func (c *call) list() (any, error) {
	var q listQuery
	if err := c.read(func(r *reading) { q = readList(r) }); err != nil {
		return nil, err
	}
	within, err := q.within(c)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%v %#v", within, q.filter) // of the list, whatever its page
	users, total := c.st.Page(key, (q.number-1)*q.size, q.size, func() *store.Ordered { return q.filter.in(c.st, within) })
	views := make([]userView, len(users))
	for i, u := range users {
		views[i] = viewOf(c.st, u, q.names, nil)
	}
	count := (total + q.size - 1) / q.size
	return struct {
		Users                               []userView
		HasPreviousPage, HasNextPage        bool
		TotalUsers, TotalPages, CurrentPage int
	}{views, q.number > 1, q.number < count, total, count, q.number}, nil
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
		f.realtime = strconv.FormatBool(v)
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
	n, ok := r.count(name)
	r.require(name, ok)
	if ok && (n < 1 || n > most) {
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

// within returns the instances that the list is about: those within the admin's reach that are
// under all that was named. Where something was named that the admin may not see, the list is
// refused (assumed: reach); things that it may see and that have nothing in common are under no
// instance.
func (q listQuery) within(c *call) (map[string]bool, error) {
	reach := slices.DeleteFunc(slices.Clone(c.st.Places()), func(p *store.Place) bool { return !c.admin.Reaches(p) })
	meant := slices.Clone(reach)
	for _, named := range []struct {
		ids []string
		of  func(*store.Place) string
	}{
		{q.companies, func(p *store.Place) string { return p.Company.ID }},
		{q.applications, func(p *store.Place) string { return p.Application.ID }},
		{q.instances, func(p *store.Place) string { return p.ID }},
	} {
		for _, id := range named.ids {
			if !slices.ContainsFunc(reach, func(p *store.Place) bool { return named.of(p) == id }) {
				return nil, refuse(http.StatusForbidden)
			}
		}
		meant = slices.DeleteFunc(meant, func(p *store.Place) bool {
			return len(named.ids) > 0 && !slices.Contains(named.ids, named.of(p))
		})
	}
	ids := map[string]bool{}
	for _, p := range meant {
		ids[p.ID] = true
	}
	return ids, nil
}

// in returns the users that pass, in order. Who has no value in the sort's field comes last, in
// either direction (assumed: sort-missing), as registered.
func (f *filter) in(st *store.State, within map[string]bool) *store.Ordered {
	all := store.Collect(st, func(u *store.User) (store.Entry, bool) {
		if !within[u.Instance] || !f.passes(u) {
			return store.Entry{}, false
		}
		return store.Entry{User: u, Key: sortKey(u, f.sort)}, true
	})
	return store.NewOrdered(all, func(a, b store.Entry) int {
		order := cmp.Compare(a.Key, b.Key)
		if order == 0 && a.Key != last {
			order = compareTexts(sortText(a.User, f.sort), sortText(b.User, f.sort))
		}
		if order == 0 {
			order = a.User.Place() - b.User.Place()
		}
		if f.desc && a.Key != last && b.Key != last {
			return -order
		}
		return order
	})
}

// last is the key of who has no value.
const last = math.MaxUint64

// sortKey returns a number to sort a user by: of a text its first eight bytes, without regard to
// case.
func sortKey(u *store.User, by string) uint64 {
	if by == "DateCreated" {
		return uint64(u.Created.UnixMicro() + 1<<62) // positive
	}
	text := sortText(u, by)
	if text == nil {
		return last
	}
	if by == "ChildrenCount" {
		n, _ := strconv.Atoi(*text)
		return uint64(n + 1<<32) //nolint:gosec // positive: n has 32 bits
	}
	var first [8]byte
	copy(first[:], strings.ToLower((*text)[:min(8, len(*text))]))
	return binary.BigEndian.Uint64(first[:])
}

// sortText returns the text of a sort; nil where there is none.
func sortText(u *store.User, by string) *string {
	switch by {
	case "DeviceToken":
		return &u.Token
	case "ActivityStatus":
		activity := activityOf(u)
		return &activity
	}
	return u.Fields.Lookup(by)
}

func compareTexts(a, b *string) int {
	if a == nil || b == nil || *a == *b {
		return 0
	}
	return strings.Compare(strings.ToLower(*a), strings.ToLower(*b))
}

func (f *filter) passes(u *store.User) bool {
	switch {
	case u.Status != "" && !f.inactive,
		!f.from.IsZero() && u.Created.Before(f.from), !f.to.IsZero() && u.Created.After(f.to),
		len(f.activities) > 0 && !slices.Contains(f.activities, activityOf(u)),
		f.realtime != "" && f.realtime != strconv.FormatBool(flagOf(u, "EnableRealTimeLocation")),
		f.country != "" && !strings.EqualFold(u.Fields.Get("Country"), f.country),
		f.city != "" && !strings.EqualFold(u.Fields.Get("City"), f.city):
		return false
	}
	return f.search == "" || matchesSearch(u, f.search)
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func matchesSearch(u *store.User, term string) bool {
	for _, name := range searched {
		if hasPrefix(u.Fields.Get(name), term) {
			return true
		}
	}
	return hasPrefix(u.Token, term) || hasPrefix(term, u.Fields.Get("FirstName")) && hasPrefix(fullName(u), term)
}
