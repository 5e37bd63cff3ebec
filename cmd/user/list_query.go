package user

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// filter is what list applies itself.
type filter struct {
	activeOnly    bool
	flags         map[string]bool
	createdBefore time.Time
	os, sdk, app  string
	without       []render.Column[userservice.User]
}

func (f filter) takes(u userservice.User) bool {
	if f.activeOnly && strings.EqualFold(u.Status, "Inactive") {
		return false // whatever the service makes of the query
	}
	m := u.MobileDevice
	if f.os != "" && !strings.EqualFold(f.os, m.OsType) || f.sdk != "" && f.sdk != m.SdkVersion || f.app != "" &&
		f.app != m.AppVersion {
		return false
	}
	for _, c := range f.without {
		if value := c.Cell(u); value != nil && value != "" && value != (time.Time{}) {
			return false
		}
	}
	for name, want := range f.flags {
		if value, _ := u.Fields.Get(name); value != want {
			return false
		}
	}
	return f.createdBefore.IsZero() || (!u.DateCreated.IsZero() && u.DateCreated.Before(f.createdBefore))
}

func (f filter) any() bool {
	return len(f.flags)+len(f.without) > 0 || f.os+f.sdk+f.app != "" || !f.createdBefore.IsZero()
}

// query checks the options whole.
func (o listOptions) query(now time.Time) (userservice.ListQuery, filter, error) {
	q := userservice.ListQuery{Search: o.search, Country: o.country, City: o.city, ActiveOnly: o.activeOnly,
		PageSize: fleet.PageSize}
	f := filter{activeOnly: o.activeOnly, flags: map[string]bool{}, os: o.os, sdk: o.sdk, app: o.app}
	var wrong []failure.Field
	check := func(flag string, err error) {
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "--" + flag, Message: failure.From(err).Message})
		}
	}
	for _, status := range o.activity {
		value, err := cmdutil.OneOf(status, userservice.ActivityStatuses...)
		check("activity-status", err)
		q.ActivityStatuses = append(q.ActivityStatuses, value)
	}
	var err error
	if o.os != "" {
		f.os, err = cmdutil.OneOf(o.os, "ios", "android")
		check("os", err)
	}
	q.CreatedFrom, err = dateOf(o.createdFrom)
	check("created-from", err)
	q.CreatedTo, err = dateOf(o.createdTo)
	if _, notDay := time.Parse(time.DateOnly, o.createdTo); notDay == nil {
		q.CreatedTo = q.CreatedTo.Add(24*time.Hour - time.Millisecond) // the day as a whole
	}
	check("created-to", err)
	if o.sort != "" {
		q.Sort, err = cmdutil.OneOf(o.sort, sortNames()...)
		check("sort", err)
	}
	if o.rtd != "" {
		on, err := parseOnOff(o.rtd)
		check("rtd", err)
		q.RTD = &on
	}
	for _, fl := range flagFields() {
		if text := *o.flags[fl.Name]; text != "" {
			f.flags[fl.Name], err = parseOnOff(text)
			check(fl.Flag, err)
		}
	}
	for _, name := range o.without {
		c, err := columnOf(name)
		check("without", err)
		f.without = append(f.without, c)
	}
	if o.olderThan != "" {
		age, err := cmdutil.ParseDuration(o.olderThan)
		check("older-than", err)
		f.createdBefore = now.Add(-age)
	}
	if o.limit < 0 {
		check("limit", errors.New("must not be negative"))
	}
	return q, f, failure.InvalidFields("invalid flags", wrong)
}

// columnOf finds a column by its name, or by the last part of it: Country is UserProfile.Country.
func columnOf(name string) (render.Column[userservice.User], error) {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
	}
	for _, c := range userView.Columns {
		if fold(c.Name) == fold(name) || strings.HasSuffix(fold(c.Name), "."+fold(name)) {
			return c, nil
		}
	}
	return render.Column[userservice.User]{}, fmt.Errorf("%q is not one of %s%s", name,
		strings.Join(userView.Names(), ", "), cmdutil.DidYouMean(name, userView.Names()))
}

func parseOnOff(text string) (bool, error) {
	value, err := field.MustGet("Enabled").ParseText(text, time.Time{})
	on, _ := value.(bool)
	return on, err
}

// dateOf reads a date or a time; "" is none.
func dateOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date (such as 2026-05-31)", text)
}
