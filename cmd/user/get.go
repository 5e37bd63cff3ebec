package user

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

type getOptions struct {
	token string
	diff  string
	as    string
}

func newGet(k *cmdutil.App) *cobra.Command {
	var o getOptions
	c := &cobra.Command{
		Use:         "get TOKEN",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Show one user in full",
		Long: `Shows one user of the profile's instance: who it is, what is switched on, the
phone, the account. TOKEN is a DeviceToken, or client:ID, email:ADDRESS or
phone:NUMBER. It is read as the admin; without one, by its DeviceToken as the
user itself.

With --diff, what has changed since a file was written by user get -o json.`,
		Example: `  telematicsctl user get client:c-1001
  telematicsctl user get email:ada@example.com -o json > before.json
  telematicsctl user get email:ada@example.com --diff before.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.token = args[0]
			return getUser(c.Context(), k, o)
		},
	}
	c.Flags().StringVar(&o.diff, "diff", "", "print what differs from the user in this JSON `file`")
	addAs(c, &o.as)
	return c
}

func getUser(ctx context.Context, k *cmdutil.App, o getOptions) error {
	var wrong cmdutil.Wrong
	token, err := fleet.ParseToken(o.token)
	wrong.AddErr("TOKEN", err)
	wrong.OneOf("--as", &o.as, string(operation.AsAdmin), string(operation.AsUser))
	if err := wrong.Err(); err != nil {
		return err
	}
	var before *userservice.User
	if o.diff != "" {
		if before, err = readUserFile(k, o.diff); err != nil {
			return err
		}
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	u, err := readOne(ctx, s, token, o.as)
	if err != nil {
		return err
	}
	switch {
	case before != nil:
		return printDiff(ctx, k, *before, u)
	case (p.Format() == render.Table || p.Format() == render.Wide) && !p.Queried():
		return render.List(p, cardView, card(u))
	}
	return render.One(p, userView, u)
}

// readOne reads the user whom a token names, as the admin where that needs no person,
// else as the user itself.
func readOne(ctx context.Context, s *cmdutil.Session, token fleet.Token, as string) (userservice.User, error) {
	admin := as == "admin"
	if as == "" {
		has, err := s.Auth.HasAdmin(ctx)
		if err != nil {
			return userservice.User{}, err
		}
		admin = has || token.Field != nil // a key needs the admin, whose absence is then explained
	}
	if !admin {
		in, err := s.Instance(ctx)
		if err != nil {
			return userservice.User{}, err
		}
		return s.API.OwnProfile(ctx, userservice.AsUser(token.DeviceToken.String(), in))
	}
	id, err := profileInstance(s)
	if err != nil {
		return userservice.User{}, err
	}
	m := &fleet.Membership{Find: fleet.FindIn(s.API, userservice.AsAdmin()), Instance: fleet.Instance{ID: id}}
	state, err := m.Lookup(ctx, token)
	if err != nil {
		return userservice.User{}, err
	}
	return s.API.Get(ctx, userservice.AsAdmin(), state.DeviceToken.String(), true)
}

// readUserFile reads a user that `user get -o json` wrote.
func readUserFile(k *cmdutil.App, name string) (*userservice.User, error) {
	data, err := k.ReadInput("--diff", name)
	if err != nil {
		return nil, err
	}
	var u userservice.User
	if err := json.Unmarshal(data, &u); err != nil {
		return nil, failure.Newf(failure.Invalid, "--diff %s: not a user as JSON: %s", name, failure.Text(err))
	}
	return &u, nil
}

// difference is one value that has changed.
type difference struct {
	Field    string
	From, To any
}

var diffView = render.View[difference]{Columns: []render.Column[difference]{
	{Head: "FIELD", Name: "Field", Cell: func(d difference) any { return d.Field }},
	{Head: "FROM", Name: "From", Cell: func(d difference) any { return cmdutil.ValueText(d.From) }},
	{Head: "TO", Name: "To", Cell: func(d difference) any { return cmdutil.ValueText(d.To) }},
}}

func printDiff(ctx context.Context, k *cmdutil.App, before, now userservice.User) error {
	var out []difference
	was, is := flatten(before), flatten(now)
	for _, name := range flatNames {
		if a, b := was[name], is[name]; a != b {
			out = append(out, difference{name, a, b})
		}
	}
	return cmdutil.PrintList(ctx, k, diffView, out, "No differences")
}

// flatNames are the names of the values that are compared: the columns of the view,
// without those that are made of others.
var flatNames = func() []string {
	var out []string
	for _, c := range userView.Columns {
		if c.Name != "Name" && c.Name != "Flags" {
			out = append(out, c.Name)
		}
	}
	return out
}()

// flatten returns a user's values by the names of the view's columns.
func flatten(u userservice.User) map[string]any {
	out := map[string]any{}
	for _, c := range userView.Columns {
		value := c.Cell(u)
		if value == "" {
			value = nil
		}
		out[c.Name] = value
	}
	return out
}
