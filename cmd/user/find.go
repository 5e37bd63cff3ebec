package user

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type findOptions struct {
	query        userservice.FindQuery
	os           string
	allInstances bool
}

func newFind(k *cmdutil.App) *cobra.Command {
	var o findOptions
	c := &cobra.Command{
		Use:         "find",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Find users by email, phone, name or id",
		Long: `Finds the users of the profile's instance who meet all criteria, as the admin.
Email, phone, ClientId and DeviceToken are compared exactly, in their normalized
form. Deactivated users are included, unless --active-only.`,
		Example: `  telematicsctl user find --email ada@example.com
  telematicsctl user find --last-name Lovelace --country GB
  telematicsctl user find --client-id c-1001 -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return findUsers(c.Context(), k, o) },
	}
	f, q := c.Flags(), &o.query
	f.StringVar(&q.DeviceToken, "device-token", "", "`DeviceToken` of the user")
	f.StringVar(&q.Email, "email", "", "email `address`")
	f.StringVar(&q.Phone, "phone", "", "phone `number`")
	f.StringVar(&q.ClientID, "client-id", "", "`id` in your own system")
	f.StringVar(&q.FirstName, "first-name", "", "first `name`")
	f.StringVar(&q.LastName, "last-name", "", "last `name`")
	f.StringVar(&q.FullName, "full-name", "", "first and last `name`")
	f.StringVar(&q.Country, "country", "", "only users of this `country`; narrows the others")
	f.StringVar(&o.os, "os", "", "only this `platform`: ios or android; narrows the others")
	f.BoolVar(&q.ActiveOnly, "active-only", false, "leave out deactivated users")
	f.BoolVar(&o.allInstances, "all-instances", false, "users of every instance that the admin may see")
	cmdutil.AddColumns(c, k, userView.Names())
	cmdutil.CompleteWords(c, "os", "ios", "android")
	return c
}

// check holds the criteria to their rules.
func (o *findOptions) check() error {
	var wrong cmdutil.Wrong
	q := &o.query
	if q.DeviceToken != "" {
		id, err := field.ParseServiceUUID(q.DeviceToken)
		if err != nil {
			wrong = append(wrong, failure.Field{Key: "--device-token", Message: err.Error()})
		}
		q.DeviceToken = id.String()
	}
	wrong.OneOf("--os", &o.os, "ios", "android")
	switch o.os {
	case "android":
		q.OsType = userservice.OsAndroid
	case "ios":
		q.OsType = userservice.OsIOS
	}
	if q.DeviceToken+q.Email+q.Phone+q.ClientID+q.FirstName+q.LastName+q.FullName == "" {
		wrong = append(wrong, failure.Field{Key: "criteria", Message: "at least one is required besides --country and --os"})
	}
	return failure.InvalidFields("invalid flags", wrong)
}

// normalized returns a query with its values as the tool writes them: the service compares exactly.
func normalized(q userservice.FindQuery) userservice.FindQuery {
	for name, value := range map[string]*string{
		"Email": &q.Email, "Phone": &q.Phone, "ClientId": &q.ClientID, "FirstName": &q.FirstName, "LastName": &q.LastName,
	} {
		*value = field.MustGet(name).Normalize(*value)
	}
	return q
}

// findAsTyped finds users by a query as it was typed, or else in its normalized form.
func findAsTyped(ctx context.Context, api *userservice.Client, q userservice.FindQuery) ([]userservice.User, error) {
	found, err := api.Find(ctx, userservice.AsAdmin(), q)
	if written := normalized(q); err == nil && len(found) == 0 && written != q {
		return api.Find(ctx, userservice.AsAdmin(), written)
	}
	return found, err
}

func findUsers(ctx context.Context, k *cmdutil.App, o findOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := cmdutil.CheckOutput(ctx, k, userView); err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	found, err := findAsTyped(ctx, s.API, o.query)
	if err != nil {
		return err
	}
	var users []userservice.User
	inOthers := 0
	for _, u := range found {
		if o.query.ActiveOnly && strings.EqualFold(u.Status, "Inactive") {
			continue // whatever the service makes of the query
		}
		if o.allInstances || strings.EqualFold(u.AccountInfo.InstanceID, s.InstanceID()) {
			users = append(users, u)
		} else {
			inOthers++
		}
	}
	none := "No users match"
	if inOthers > 0 {
		none = "No users match in this instance; " + cmdutil.Count(inOthers, "user matches", "users match") +
			" in others (--all-instances)"
	}
	return cmdutil.PrintList(ctx, k, userView, users, none)
}
