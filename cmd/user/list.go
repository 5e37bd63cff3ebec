package user

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type listOptions struct {
	search, country, city string
	activity              []string
	createdFrom           string
	createdTo             string
	olderThan             string
	rtd, sort             string
	activeOnly            bool
	allInstances          bool
	limit                 int
	flags                 map[string]*string // by the field's name: "on", "off" or ""
	os, sdk, app          string
	without               []string
}

func newList(k *cmdutil.App) *cobra.Command {
	o := listOptions{flags: map[string]*string{}}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the users of the instance",
		Long: `Lists the users of the profile's instance, page after page, as the admin. Users
are printed as they come, so that memory does not grow with their number.
Deactivated users are included, unless --active-only.

The JSON can be given back: user bulk --file, user update --file.`,
		Example: `  telematicsctl user list --logging on
  telematicsctl user list --activity-status Lost,NoData -o wide
  telematicsctl user list -o json > fleet.json
  telematicsctl user list --logging on -o ids |
    telematicsctl user set-logging off --file -`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listUsers(c.Context(), k, o) },
	}
	f := c.Flags()
	f.StringVar(&o.search, "search", "", "only users whose data contain this `text`")
	f.StringVar(&o.country, "country", "", "only users of this `country`")
	f.StringVar(&o.city, "city", "", "only users of this `city`")
	f.StringSliceVar(&o.activity, "activity-status", nil,
		"only these `states`: "+strings.Join(userservice.ActivityStatuses, ", "))
	f.StringVar(&o.createdFrom, "created-from", "", "only users registered at this `date` or later")
	f.StringVar(&o.createdTo, "created-to", "", "only users registered at this `date` or before")
	f.StringVar(&o.rtd, "rtd", "", "only users with real-time data `on|off`")
	f.StringVar(&o.sort, "sort", "", "order by this `field`, such as LastName or date-created-desc (default: "+
		"registration, oldest first)")
	f.BoolVar(&o.activeOnly, "active-only", false, "leave out deactivated users")
	f.BoolVar(&o.allInstances, "all-instances", false, "users of every instance that the admin may see")
	for _, fl := range flagFields() {
		value := new(string)
		o.flags[fl.Name] = value
		f.StringVar(value, fl.Flag, "", "only users with "+fl.Name+" `on|off`")
		_ = c.RegisterFlagCompletionFunc(fl.Flag,
			cobra.FixedCompletions([]string{"on", "off"}, cobra.ShellCompDirectiveNoFileComp))
	}
	f.StringVar(&o.os, "os", "", "only this `platform`: ios or android")
	f.StringVar(&o.sdk, "sdk-version", "", "only users with this `version` of the SDK")
	f.StringVar(&o.app, "app-version", "", "only users with this `version` of the app")
	f.StringSliceVar(&o.without, "without", nil, "only users without a value of this `column`")
	f.StringVar(&o.olderThan, "older-than", "", "only users registered longer ago than this `time` (36h, 30d)")
	f.IntVar(&o.limit, "limit", 0, "print at most `N` users")
	cmdutil.AddColumns(c, k, userView.Names())
	names := []string{}
	for _, fl := range flagFields() {
		names = append(names, fl.Flag)
	}
	cmdutil.GroupFlags(c, "Filters of the service", "search", "country", "city", "activity-status", "created-from",
		"created-to", "rtd", "active-only", "all-instances")
	cmdutil.GroupFlags(c, "Filters applied here",
		append(names, "os", "sdk-version", "app-version", "without", "older-than", "limit")...)
	cmdutil.GroupFlags(c, "Output", "sort", "columns")
	for flag, values := range map[string][]string{"activity-status": userservice.ActivityStatuses, "rtd": {"on", "off"},
		"sort": sortNames(), "os": {"ios", "android"}, "without": userView.Names()} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

// flagFields are the four telematics flags.
func flagFields() []*field.Field {
	return slices.DeleteFunc(field.All(field.Update), func(f *field.Field) bool { return f.Kind != field.Flag })
}

func sortNames() []string {
	var out []string
	for _, s := range userservice.Sorts {
		out = append(out, s, s+"Desc")
	}
	return out
}

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
		value, err := oneOf(status, userservice.ActivityStatuses)
		check("activity-status", err)
		q.ActivityStatuses = append(q.ActivityStatuses, value)
	}
	var err error
	q.CreatedFrom, err = dateOf(o.createdFrom)
	check("created-from", err)
	q.CreatedTo, err = dateOf(o.createdTo)
	if _, notDay := time.Parse(time.DateOnly, o.createdTo); notDay == nil {
		q.CreatedTo = q.CreatedTo.Add(24*time.Hour - time.Millisecond) // the day as a whole
	}
	check("created-to", err)
	if o.sort != "" {
		q.Sort, err = oneOf(o.sort, sortNames())
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
	value, err := field.Get("Enabled").ParseText(text, time.Time{})
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

// oneOf finds a value in a list, whatever its spelling: DateCreatedDesc,
// date-created-desc, "No Data".
func oneOf(text string, values []string) (string, error) {
	fold := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	for _, v := range values {
		if fold(v) == fold(text) {
			return v, nil
		}
	}
	return "", fmt.Errorf("%q is not one of %s%s", text, strings.Join(values, ", "), cmdutil.DidYouMean(text, values))
}

func listUsers(ctx context.Context, k *cmdutil.App, o listOptions) error {
	q, f, err := o.query(k.Now())
	if err != nil {
		return err
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := userView.Check(p); err != nil {
		return err
	}
	s, err := k.Session(2, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if !o.allInstances {
		id, err := profileInstance(s)
		if err != nil {
			return err
		}
		q.InstanceIDs = []string{id}
	}
	pages := fleet.PageOptions{Limit: o.limit}
	if f.any() {
		pages.Limit = 0 // of those that pass the filters, which are applied here
	}
	out := render.NewStream(p, userView, render.Frame{})
	printed := 0
	err = func() error {
		for page, err := range fleet.Pages(ctx, fleet.FetchList(s.API, userservice.AsAdmin(), q), pages) {
			if err != nil {
				return err
			}
			for _, u := range page.Users {
				if !f.takes(u) {
					continue
				}
				if err := out.Add(u); err != nil {
					return err
				}
				if printed++; printed == o.limit {
					return nil
				}
			}
		}
		return nil
	}()
	if closeErr := out.Close(nil); err == nil {
		err = closeErr
	}
	if err == nil && printed == 0 {
		k.Streams.Note("No users match")
	}
	return err
}

// profileInstance returns the InstanceId of the profile.
func profileInstance(s *cmdutil.Session) (string, error) {
	if id := s.InstanceID(); id != "" {
		return strings.ToLower(id), nil
	}
	return "", failure.New(failure.Invalid, "no instance: the profile has no instance_id").
		Because(reasonNoInstance, s.Profile.Name)
}

const reasonNoInstance failure.Reason = "no-instance"
