// Package report counts the users of a fleet: by activity, platform, versions, country, flags and
// the week of their registration. A Report grows with the number of different values, not of users.
package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Report is a fleet in figures. The value "" counts the users who have none.
type Report struct {
	Users int
	By    By
}

// By are the figures of a report.
type By struct {
	ActivityStatus map[string]int
	OsType         map[string]int
	SdkVersion     map[string]int
	AppVersion     map[string]int
	Country        map[string]int
	Flags          Flags
	Registered     map[string]int // by ISO week in UTC: 2026-W05
}

// Flags count the users with a flag on.
type Flags struct{ EnableTracking, EnableLogging, EnableRealTimeLocation, Enabled int }

// New returns a report of nobody.
func New() *Report {
	return &Report{By: By{
		ActivityStatus: map[string]int{}, OsType: map[string]int{}, SdkVersion: map[string]int{},
		AppVersion: map[string]int{},
		Country:    map[string]int{}, Registered: map[string]int{},
	}}
}

// Read counts the users of a list, page by page.
func Read(ctx context.Context, fetch fleet.Fetch) (*Report, error) {
	r := New()
	for page, err := range fleet.Pages(ctx, fetch, fleet.PageOptions{Seen: fleet.Recent()}) {
		if err != nil {
			return nil, err
		}
		for i := range page.Users {
			r.Add(&page.Users[i])
		}
	}
	return r, nil
}

// Needs is what Add looks at of a user.
func Needs() *userservice.Only {
	fields := []*field.Field{field.MustGet("Country")}
	for _, name := range FlagNames {
		fields = append(fields, field.MustGet(name))
	}
	return &userservice.Only{Fields: fields, Activity: true, Device: true}
}

// Add counts a user.
func (r *Report) Add(u *userservice.User) {
	r.Users++
	by := &r.By
	by.ActivityStatus[u.ActivityStatus]++
	by.OsType[u.MobileDevice.OsType]++
	by.SdkVersion[u.MobileDevice.SdkVersion]++
	by.AppVersion[u.MobileDevice.AppVersion]++
	by.Country[u.Fields.Text("Country")]++
	by.Registered[Week(u.DateCreated)]++
	for i, count := range by.Flags.counters() {
		if on, _ := u.Fields.Get(FlagNames[i]); on == true {
			*count++
		}
	}
}

// FlagNames are the flags, in the order of a report.
var FlagNames = []string{"EnableTracking", "EnableLogging", "EnableRealTimeLocation", "Enabled"}

// counters are the counts, in the order of FlagNames.
func (f *Flags) counters() [4]*int {
	return [...]*int{&f.EnableTracking, &f.EnableLogging, &f.EnableRealTimeLocation, &f.Enabled}
}

// Week returns the ISO week of a time, in UTC: 2026-W05; "" for none.
func Week(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	year, week := t.UTC().ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, week)
}

// Monday returns the first day of a Week; zero for what is not one.
func Monday(week string) time.Time {
	var year, n int
	if _, err := fmt.Sscanf(week, "%04d-W%02d", &year, &n); err != nil {
		return time.Time{}
	}
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC) // is always in week 1
	return fourth.AddDate(0, 0, (n-1)*7-(int(fourth.Weekday())+6)%7)
}

// A Figure is one count of a report.
type Figure struct {
	By    string // the name of the member in By
	Value string // "" counts who has none
	Users int
}

// The names of the groups of figures.
const (
	ByActivity   = "ActivityStatus"
	ByOS         = "OsType"
	BySDK        = "SdkVersion"
	ByApp        = "AppVersion"
	ByCountry    = "Country"
	ByFlag       = "Flags"
	ByRegistered = "Registered"
)

// Groups are the groups in the order of a report.
var Groups = []string{ByActivity, ByOS, BySDK, ByApp, ByFlag, ByCountry, ByRegistered}

// Group returns the figures of a group: the largest first, but flags in their order and weeks in
// theirs.
func (r *Report) Group(by string) []Figure {
	if by == ByFlag {
		counts := r.By.Flags.counters()
		var out []Figure
		for i, name := range FlagNames {
			out = append(out, Figure{by, name, *counts[i]})
		}
		return out
	}
	counts := r.counts(by)
	var out []Figure
	for _, value := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, Figure{by, value, counts[value]})
	}
	if by != ByRegistered {
		slices.SortStableFunc(out, func(a, b Figure) int { return cmp.Compare(b.Users, a.Users) })
	}
	return out
}

func (r *Report) counts(by string) map[string]int {
	switch by {
	case ByActivity:
		return r.By.ActivityStatus
	case ByOS:
		return r.By.OsType
	case BySDK:
		return r.By.SdkVersion
	case ByApp:
		return r.By.AppVersion
	case ByCountry:
		return r.By.Country
	case ByRegistered:
		return r.By.Registered
	}
	return nil
}

// RecentWeeks returns the n weeks up to the latest registration, those without one too.
func (r *Report) RecentWeeks(n int) []Figure {
	var out []Figure
	last := Monday(slices.Max(append(slices.Collect(maps.Keys(r.By.Registered)), "")))
	if last.IsZero() {
		return nil
	}
	for i := n - 1; i >= 0; i-- {
		week := Week(last.AddDate(0, 0, -7*i))
		out = append(out, Figure{ByRegistered, week, r.By.Registered[week]})
	}
	return out
}
