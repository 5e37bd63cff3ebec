package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// derived is what `user token` prints.
type derived struct {
	DeviceToken string
	InstanceID  string `json:"InstanceId"`
	Key         string // the field that identifies the user
	Value       string // its normalized value, which is what is hashed
}

var derivedView = render.View[derived]{
	Columns: []render.Column[derived]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(d derived) any { return d.DeviceToken }},
		{Head: "INSTANCE", Name: "InstanceId", Wide: true, Cell: func(d derived) any { return d.InstanceID }},
		{Head: "KEY", Name: "Key", Wide: true, Cell: func(d derived) any { return d.Key }},
		{Head: "VALUE", Name: "Value", Wide: true, Cell: func(d derived) any { return d.Value }},
	},
	ID: func(d derived) string { return d.DeviceToken },
}

func newToken(a *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "token --client-id C | --email A | --phone N",
		Annotations: cmdutil.Effects(),
		Short:       "Print the DeviceToken that a key derives, offline",
		Long: `Prints the DeviceToken that the other commands give a user with this key in
this instance. Nothing is sent: it says nothing about whether the user exists.

Users who were registered with a CustomToken, who moved here, or whose key was
changed have another DeviceToken: user find asks the service.`,
		Example: `  telematicsctl user token --client-id c-1001
  telematicsctl user token --email ada@example.com -o json`,
		Args: cobra.NoArgs,
	}
	names := []string{"client-id", "email", "phone"}
	var keys []*field.Field
	for _, name := range names {
		f, _ := field.Lookup(name)
		keys = append(keys, f)
	}
	flags := addFieldFlags(c, keys)
	c.MarkFlagsOneRequired(names...)
	c.MarkFlagsMutuallyExclusive(names...)
	c.RunE = func(c *cobra.Command, _ []string) error { return deriveToken(c.Context(), a, flags.given()) }
	return c
}

// deriveToken derives as `user create` would with the one field that was given.
func deriveToken(ctx context.Context, a *cmdutil.App, given map[*field.Field]string) error {
	if err := cmdutil.CheckOutput(ctx, a, derivedView); err != nil {
		return err
	}
	s, err := a.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	o := createOptions{given: given}
	body, err := createBody(a, o, s.Profile.NeedInstance())
	if err != nil {
		return err
	}
	out := derived{InstanceID: s.InstanceID()}
	for f := range given {
		o.key, out.Key, out.Value = f.Flag, f.Name, f.Normalize(body.Text(f.Name))
	}
	rec, err := identify(ctx, a, s, o, body)
	if err != nil {
		return err
	}
	out.DeviceToken = rec.DeviceToken.String()
	return cmdutil.Print(ctx, a, derivedView, out)
}
