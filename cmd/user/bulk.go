package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/bulk"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// largestStored is how many pairs a bulk run may put into the token store.
const largestStored = 100

// bulkOptions are what `user bulk` was told.
type bulkOptions struct {
	quantity    int
	batchSize   int
	concurrency int
	accessToken bool
	noValidate  bool
	given       map[*field.Field]string // --tracking, --logging, --enabled, --realtime
	templates   map[*field.Field]string
}

// bulkUser is one row of what `user bulk` prints.
type bulkUser struct {
	Row          int
	DeviceToken  string
	ClientID     *string `json:"ClientId"`
	Outcome      string
	Error        *string
	AccessToken  string `json:",omitempty"` // under --show-tokens
	RefreshToken string `json:",omitempty"`
}

type bulkHead struct {
	Job       string
	Requested int
}

type bulkTail struct{ Created, Existing, Failed, Unknown int }

var bulkView = render.View[bulkUser]{
	Columns: []render.Column[bulkUser]{
		{Head: "ROW", Name: "Row", Cell: func(u bulkUser) any { return u.Row }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u bulkUser) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "ClientId", Cell: func(u bulkUser) any { return u.ClientID }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(u bulkUser) any { return u.Outcome }},
		{Head: "ERROR", Name: "Error", Cell: func(u bulkUser) any { return u.Error }},
	},
	ID: func(u bulkUser) string { return u.DeviceToken },
}

func newBulk(k *kit.Kit, run func(context.Context, bulkOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o bulkOptions) error { return runBulk(ctx, k, o) }
	}
	var o bulkOptions
	var flags, templates *fieldFlags
	c := &cobra.Command{
		Use:   "bulk --quantity N",
		Short: "Register many users",
		Long: `Registers many users and prints the DeviceToken of each as it comes.

Users that are alike are registered in calls of up to --batch-size. Where the service has no such call, and as soon as a
field is asked for that it cannot carry (--realtime, a template), users are registered one by one, --concurrency at once.

A batch whose answer was lost is reported as unknown and never sent again, as that could make its users twice. Single
registrations carry a DeviceToken that is drawn here, so that they can be repeated.`,
		Example: `  telematicsctl user bulk --quantity 500 --tracking off -o ids > tokens.txt
  telematicsctl user bulk --quantity 50 --client-id-template 'ci-{{.Run}}-{{.N}}' --email-template 'ci+{{.N}}@example.com'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("quantity") {
				return failure.New(failure.Invalid, "user bulk needs to know how many users").WithHint("give --quantity N")
			}
			o.given, o.templates = flags.given(), templates.given()
			return run(c.Context(), o)
		},
	}
	c.Flags().IntVar(&o.quantity, "quantity", 0, "how many users to register")
	c.Flags().IntVar(&o.batchSize, "batch-size", userservice.LargestBatch, "users in one call of «register many»")
	c.Flags().IntVar(&o.concurrency, "concurrency", 32, "requests under way at once")
	c.Flags().BoolVar(&o.accessToken, "create-access-token", false, fmt.Sprintf("ask for the users' tokens, and store them (%d users at the most)", largestStored))
	c.Flags().BoolVar(&o.noValidate, "no-validate", false, "send every value as it is")
	flags = addFieldFlags(c, bulkFlags(), "")
	templates = addFieldFlags(c, templateFields(), "-template")
	return c
}

// bulkFlags are the telematics parameters, the same for every user.
func bulkFlags() []*field.Field {
	return slices.DeleteFunc(field.All(field.Create), func(f *field.Field) bool { return f.Kind != field.Flag })
}

// templateFields are the fields that a template can write.
func templateFields() []*field.Field {
	return slices.DeleteFunc(field.All(field.Create), func(f *field.Field) bool { return f.Kind == field.Flag || f.Kind == field.Bool || f.Kind == field.UUID })
}

func runBulk(ctx context.Context, k *kit.Kit, o bulkOptions) error {
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	if err := bulkView.Check(p); err != nil {
		return err
	}
	plan, err := planBulk(k, o)
	if err != nil {
		return err
	}
	s, err := k.Session(o.concurrency, true)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	plan.API = s.API
	if plan.Instance, err = s.Instance(ctx); err != nil {
		return err
	}
	stores := o.accessToken && s.Stored() != ""
	if stores {
		if err := s.Store.Check(ctx); err != nil {
			return err
		}
	}
	if err := s.BeforeChange(ctx); err != nil {
		return err
	}
	out := render.NewStream(p, bulkView, render.Frame{Head: bulkHead{Requested: o.quantity}, Key: "Users"})
	var pairs []tokenstore.Item
	plan.Note = k.Streams.Note
	plan.Emit = func(r bulk.Result) error {
		if stores && r.Pair != nil {
			pairs = append(pairs, s.Auth.Item(r.DeviceToken, *r.Pair))
		}
		return out.Add(shown(r, k.Flags.ShowTokens))
	}
	totals, runErr := plan.Run(ctx)
	closeErr := out.Close(bulkTail{totals.Created, totals.Existing, totals.Failed, totals.Unknown})
	// The users exist whatever ended the run: their pairs are kept even after Ctrl-C.
	storeErr := storePairs(context.WithoutCancel(ctx), s, pairs)
	k.Streams.Note(summary(totals))
	if runErr != nil {
		return endedEarly(runErr, totals)
	}
	if storeErr != nil {
		return storeErr
	}
	if closeErr != nil {
		return closeErr
	}
	return partial(totals)
}

// planBulk checks all that was said before anything is opened.
func planBulk(k *kit.Kit, o bulkOptions) (bulk.Quantity, error) {
	q := bulk.Quantity{Quantity: o.quantity, BatchSize: o.batchSize, Concurrency: o.concurrency, CreateAccessToken: o.accessToken}
	var wrong []failure.Field
	for _, n := range []struct {
		name  string
		value int
	}{{"--quantity", o.quantity}, {"--batch-size", o.batchSize}, {"--concurrency", o.concurrency}} {
		if n.value < 1 {
			wrong = append(wrong, failure.Field{Key: n.name, Message: fmt.Sprintf("%d is not 1 or more", n.value)})
		}
	}
	if o.accessToken && o.quantity > largestStored {
		wrong = append(wrong, failure.Field{Key: "--create-access-token", Message: fmt.Sprintf("the token store takes the tokens of %d users in one run, not of %d", largestStored, o.quantity)})
	}
	r := field.Reader{Use: field.Create, Now: k.Now(), Loose: o.noValidate}
	readInto(&r, o.given)
	if err := failure.Mistakes("the run is not valid, and nothing was sent", append(wrong, r.Mistakes...)); err != nil {
		return q, err
	}
	q.Custom = r.Set
	if len(o.templates) == 0 && canCarry(r.Set) {
		return q, nil
	}
	templates, err := bulk.NewTemplates(r.Set, o.templates, o.quantity, strings.Split(uuid.NewString(), "-")[0], k.Now(), o.noValidate)
	if err != nil {
		return q, err
	}
	q.Row = templates.Row
	return q, nil
}

// canCarry tells whether «register many» has room for all fields of a set.
func canCarry(s field.Set) bool {
	return !slices.ContainsFunc(s.Fields(), func(f *field.Field) bool { return f.Use&field.Quantity == 0 })
}

func shown(r bulk.Result, showTokens bool) bulkUser {
	u := bulkUser{Row: r.Row, DeviceToken: r.DeviceToken, Outcome: string(r.Outcome)}
	if r.ClientID != "" {
		u.ClientID = &r.ClientID
	}
	if r.Err != nil {
		text := r.Err.Error()
		u.Error = &text
	}
	if showTokens && r.Pair != nil {
		u.AccessToken, u.RefreshToken = r.Pair.Access.Reveal(), r.Pair.Refresh.Reveal()
	}
	return u
}

func storePairs(ctx context.Context, s *kit.Session, pairs []tokenstore.Item) error {
	if len(pairs) == 0 {
		return nil
	}
	if err := s.Store.Put(ctx, pairs...); err != nil {
		e := *failure.From(err)
		e.Message = "the users are registered, but their tokens are not stored: " + e.Message
		return &e
	}
	return nil
}

func summary(t bulk.Totals) string {
	text := fmt.Sprintf("%d of %d users created", t.Created, t.Requested)
	for _, part := range []struct {
		n    int
		what string
	}{{t.Existing, "existed"}, {t.Failed, "failed"}, {t.Unknown, "unknown"}, {t.NotSent(), "not sent"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

// endedEarly is the error of a run that did not come to its end, with the account of what was done.
func endedEarly(err error, t bulk.Totals) error {
	e := *failure.From(err)
	e.Message = summary(t) + ": " + e.Message
	if t.Unknown > 0 {
		e.Hint = "the unknown users may exist; look before you register them again"
	}
	return &e
}

// partial is the error of a run in which not every row ended well.
func partial(t bulk.Totals) error {
	if t.Failed+t.Unknown == 0 {
		return nil
	}
	return failure.New(failure.Partial, summary(t)).WithHint("-o json names the error of each row")
}
