package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// largestPage is the most users on a page (assumed: page).
const largestPage = 1000

// activities are the ActivityStatuses of a filter, and how each is read back (live).
var activities = map[string]string{"Active": "Active", "Inactive": "Inactive", "Lost": "Lost", "NoData": "No Data", "Error": "Error"}

// pageAsked is the body of a list.
type pageAsked struct {
	number, size                       int
	names                              bool
	instances, applications, companies []string
	listing                            listing
}

// list is «list». The vendor's table calls Sort, IncludeAccountInfo and ShowInactiveUsers required as well, but clients
// leave them out: then the list goes by DateCreated, without names, active users only (assumed: list-defaults).
func (c *call) list() answer {
	r, bad := c.fields()
	if bad != nil {
		r = &reading{}
	}
	p := readPage(r)
	return c.view(func(s state) answer {
		a, no := c.asAdmin(s)
		switch {
		case no != nil:
			return *no
		case bad != nil:
			return *bad
		case r.mistakes != nil:
			return invalid(r.mistakes...)
		}
		var ok bool
		if p.listing.within, ok = p.meant(s, a); !ok {
			return refuse(http.StatusForbidden)
		}
		users, total := c.pages.page(s, p.listing, p.number, p.size)
		return p.answer(&reader{state: s, names: p.names}, users, total)
	})
}

// answer is the page as it is read; total is how many users are on all pages.
func (p pageAsked) answer(r *reader, users []*user, total int) answer {
	l := newListOf(r, `{"Users":[`)
	for _, u := range users {
		l.add(u)
	}
	count := (total + p.size - 1) / p.size
	return l.answer(fmt.Sprintf(`],"HasPreviousPage":%t,"HasNextPage":%t,"TotalUsers":%d,"TotalPages":%d,"CurrentPage":%d}`,
		p.number > 1, p.number < count, total, count, p.number))
}

func readPage(r *reading) pageAsked {
	var p pageAsked
	p.number = readPositive(r, "PageNumber", 1<<30)
	p.size = readPositive(r, "PageSize", largestPage)
	p.names, _ = r.boolean("IncludeAccountInfo")
	p.instances, p.applications, p.companies = r.uuids("InstanceIds"), r.uuids("ApplicationIds"), r.uuids("CompanyIds")
	p.listing.sort, p.listing.desc = readSort(r)
	f := &p.listing.filter
	f.search, _ = r.text("SearchTerm")
	f.search = strings.TrimSpace(f.search)
	f.country, _ = r.text("Country")
	f.city, _ = r.text("City")
	f.from, _ = r.moment("DateCreatedFrom")
	f.to, _ = r.moment("DateCreatedTo")
	inactive, _ := r.boolean("ShowInactiveUsers")
	f.activeOnly = !inactive
	if v, ok := r.boolean("RtdEnabled"); ok {
		f.realtime = &v
	}
	for _, name := range r.texts("ActivityStatuses") {
		read := ""
		for written, as := range activities {
			if strings.EqualFold(written, name) || strings.EqualFold(as, name) {
				read = as
			}
		}
		if read == "" {
			r.wrong("ActivityStatuses", "a list of Active, Inactive, Lost, NoData, Error")
			break
		}
		f.activities = append(f.activities, read)
	}
	return p
}

func readPositive(r *reading, name string, most int) int {
	before := len(r.mistakes)
	n, ok := r.count(name)
	switch {
	case !ok && len(r.mistakes) == before:
		r.required(name)
	case ok && (n < 1 || n > most):
		r.wrong(name, fmt.Sprintf("between 1 and %d", most))
	}
	return n
}

func readSort(r *reading) (by index, desc bool) {
	text, ok := r.text("Sort")
	if !ok || text == "" {
		return byCreated, false
	}
	name := text
	if cut := len(text) - len("Desc"); cut > 0 && strings.EqualFold(text[cut:], "Desc") {
		name, desc = text[:cut], true
	}
	by, ok = sortIndex(name)
	if !ok {
		r.wrong("Sort", "a known sort")
	}
	return by, desc
}

// meant are the instances that the list is about: those within the admin's reach that are under all that was named.
// It is false where something was named that the admin may not see (assumed: reach); things that it may see and that have nothing in common are under
// no instance.
func (p pageAsked) meant(s state, a admin) ([]instance, bool) {
	reach := s.instances(a.reaches)
	meant := slices.Clone(reach)
	for _, named := range []struct {
		ids []string
		of  func(instance) string
	}{
		{p.companies, func(i instance) string { return i.CompanyID }},
		{p.applications, func(i instance) string { return i.ApplicationID }},
		{p.instances, func(i instance) string { return i.ID }},
	} {
		for _, id := range named.ids {
			if !slices.ContainsFunc(reach, func(i instance) bool { return named.of(i) == id }) {
				return nil, false
			}
		}
		if len(named.ids) > 0 {
			meant = slices.DeleteFunc(meant, func(i instance) bool { return !slices.Contains(named.ids, named.of(i)) })
		}
	}
	return meant, true
}
