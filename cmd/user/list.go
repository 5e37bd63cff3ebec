package user

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
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
		Use:         "list",
		Aliases:     []string{"ls"},
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "List the users of the instance",
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
	addListFlags(c, k, &o)
	return c
}

func addListFlags(c *cobra.Command, k *cmdutil.App, o *listOptions) {
	f := c.Flags()
	f.StringVar(&o.search, "search", "", "only users that the service's search finds by this `text`")
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
	names := []string{}
	for _, fl := range flagFields() {
		names = append(names, fl.Flag)
		value := new(string)
		o.flags[fl.Name] = value
		f.StringVar(value, fl.Flag, "", "only users with "+fl.Name+" `on|off`")
		cmdutil.CompleteWords(c, fl.Flag, "on", "off")
	}
	f.StringVar(&o.os, "os", "", "only this `platform`: ios or android")
	f.StringVar(&o.sdk, "sdk-version", "", "only users with this `version` of the SDK")
	f.StringVar(&o.app, "app-version", "", "only users with this `version` of the app")
	f.StringSliceVar(&o.without, "without", nil, "only users without a value of this `column`")
	f.StringVar(&o.olderThan, "older-than", "", "only users registered longer ago than this `time` (36h, 30d)")
	f.IntVar(&o.limit, "limit", 0, "print at most `N` users")
	cmdutil.AddColumns(c, k, userView.Names())
	cmdutil.GroupFlags(c, "Filters of the service", "search", "country", "city", "activity-status", "created-from",
		"created-to", "rtd", "active-only", "all-instances")
	cmdutil.GroupFlags(c, "Filters applied here",
		append(names, "os", "sdk-version", "app-version", "without", "older-than", "limit")...)
	cmdutil.GroupFlags(c, "Output", "sort", "columns")
	for flag, values := range map[string][]string{"activity-status": userservice.ActivityStatuses, "rtd": {"on", "off"},
		"sort": sortNames(), "os": {"ios", "android"}, "without": userView.Names()} {
		cmdutil.CompleteWords(c, flag, values...)
	}
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

func listUsers(ctx context.Context, k *cmdutil.App, o listOptions) error {
	q, f, err := o.query(k.Now())
	if err != nil {
		return err
	}
	p, err := cmdutil.PrinterOf(ctx, k, userView)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{InFlight: 2})
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
	if p.Format() == render.IDs && !p.Queried() && !f.any() {
		q.Only = &userservice.Only{}
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
	return "", s.Profile.NeedInstance()
}
