package user

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// The operations that change users, as jobs and the audit record call them.
const (
	opUpdate = "update"
	opDelete = "delete"
	opMove   = "move"
	opUndo   = "undo"
)

// changeOptions decide what a command that changes users does. A job is known by them.
type changeOptions struct {
	Operation string
	Body      json.RawMessage `json:",omitempty"` // of an update: what every user gets
	As        operation.As    `json:",omitempty"`
	NoRead    bool            `json:",omitempty"`
	NoBackup  bool            `json:",omitempty"`
	For       time.Duration   `json:",omitempty"` // the change is a lease of this length
	To        string          `json:",omitempty"` // of a move: the InstanceId
	ToProfile string          `json:",omitempty"` // whose instance that is; "" where the key is in the environment
}

// changeCommand is a command that changes users, with its flags.
type changeCommand struct {
	app     *cmdutil.App
	name    string // as it is called: "user set-logging"
	args    []string
	job     cmdutil.JobFlags
	as      string
	options changeOptions
	undo    bool
	wait    bool
	harm    func() // warns of what the change does to a phone; nil for none
}

// addFlags adds the flags that all these commands have.
func (c *changeCommand) addFlags(cc *cobra.Command, what string) {
	c.job.AddInput(cc, what)
	c.job.AddSelection(cc)
	c.job.AddOutputs(cc, false)
	c.job.AddSpeed(cc)
	c.job.AddRestart(cc)
}

// run changes the users of TOKEN…, or of --file as a job. wrong is what is wrong with the
// command's own flags.
func (c *changeCommand) run(ctx context.Context, wrong cmdutil.Wrong) error {
	c.job.Check(&wrong)
	wrong.OneOf("--as", &c.as, string(operation.AsAdmin), string(operation.AsUser))
	c.options.As = operation.As(c.as)
	if _, err := c.job.Input.KeyFields(); err != nil {
		wrong.AddErr("--key", err)
	}
	switch {
	case len(c.args) > 0 && c.job.File != "":
		wrong.Add("--file", "takes the place of TOKEN...")
	case len(c.args) == 0 && c.job.File == "":
		wrong.Add("TOKEN", "name at least one user, or give a file of them with --file")
	case c.job.File == "":
		for _, flag := range c.job.Given("no-validate", "dry-run") {
			wrong.Add(flag, "is for --file")
		}
	case c.undo:
		wrong.Add("--undo", "takes TOKEN..., no file")
	case c.wait:
		wrong.Add("--wait", "takes TOKEN..., no file")
	}
	tokens, err := fleet.ParseTokens(c.args)
	if err != nil {
		wrong = append(wrong, failure.From(err).Fields...)
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	if c.job.File != "" {
		err := c.app.RunJob(ctx, cmdutil.JobCommand{
			Kind: changeKind(c.options.Operation), Command: c.name, Flags: &c.job, Options: c.options,
		})
		if c.harm != nil && !failure.Is(err, failure.Invalid) {
			c.harm()
		}
		return err
	}
	if c.harm != nil {
		c.harm()
	}
	return c.changeTokens(ctx, tokens)
}

// A changer makes the changes of a command, in a job or outside of one.
type changer struct {
	app      *cmdutil.App
	session  *cmdutil.Session
	api      *userservice.Client
	options  changeOptions
	change   field.Set // of an update: what every user gets
	actor    operation.Actor
	members  *fleet.Membership // nil where users act for themselves
	users    operation.Users   // nil where they are not read
	instance fleet.Instance
	backup   *backup  // nil for none
	leases   *leasing // nil for none
}

// newChanger chooses who acts. Nothing is sent.
func newChanger(ctx context.Context, k *cmdutil.App, s *cmdutil.Session, api *userservice.Client,
	o changeOptions) (*changer, error) {
	c := &changer{app: k, session: s, api: api, options: o, instance: fleet.Instance{ID: s.InstanceID()}}
	if o.Body != nil {
		r := field.Reader{Use: field.Update, Now: k.Now(), SkipValidation: true} // it was checked when it was given
		r.JSON(o.Body)
		c.change = r.Set
	}
	as := o.As
	if o.Operation == opDelete || o.Operation == opMove {
		as = operation.AsAdmin
	}
	var err error
	if s.InstanceID() == "" {
		err = s.Profile.NeedInstance() // before the token store is opened, whatever is wrong with that
	}
	if err != nil {
		return nil, err
	}
	if c.actor, err = operation.ChooseActor(ctx, s.Auth, as, s.Instance); err != nil {
		return nil, err
	}
	switch {
	case c.actor.Admin:
		if c.members, err = s.Users(); err != nil {
			return nil, err
		}
		c.users = c.members
	case o.For > 0 || o.Operation == opUndo:
		c.users = ownUsers{api, c.actor.Instance} // what was before must be known
	}
	if o.For > 0 {
		c.leases, err = newLeasing(s, o.For)
	}
	return c, err
}

// removes reports whether users are deleted or deactivated.
func (c *changer) removes() bool {
	status, _ := c.change.Get("Status")
	enabled, set := c.change.Get("Enabled")
	return c.options.Operation == opDelete || status == "Deactivated" || status == statusDeleted || set && enabled == false
}

// operation returns what is done to each user.
func (c *changer) operation(ctx context.Context) (job.Operation, error) {
	users := c.users
	if c.backup != nil {
		users = backedUp{c.users, c.backup}
	}
	switch c.options.Operation {
	case opDelete:
		return &operation.Delete{API: c.api, Users: users, Instance: c.instance}, nil
	case opMove:
		to, err := c.destination(ctx)
		return &operation.Move{API: c.api, Users: users, Instance: c.instance, To: to}, err
	}
	update := &operation.Update{
		API: c.api, Actor: c.actor, Users: users, Instance: c.instance, Change: c.change, NoRead: c.options.NoRead,
	}
	if c.leases != nil {
		update.API = leased{c.api, c.leases}
		return update, nil
	}
	var err error
	update.API, err = supersede(c.api, c.session)
	return update, err
}

// question says what is done to a number of users.
func (c *changer) question(users int, whom string) cmdutil.Change {
	out := cmdutil.Change{Users: users, Whom: whom}
	switch c.options.Operation {
	case opDelete:
		out.What, out.Then, out.Asks = "Delete", " for good, with all telematics data", true
	case opMove:
		out.What, out.Then = "Move", " into instance "+c.options.To
	case opUndo:
		out.What = "Undo the last change of"
	default:
		out.What = "Update"
		if text := changeText(c.change); text != "" {
			out.What = "Set " + text + " for"
		}
		status, _ := c.change.Get("Status")
		out.Asks = status == statusDeleted
	}
	return out
}

// mostNamed is how many fields a question names.
const mostNamed = 4

// changeText says what an update sets: "EnableTracking to off, City to Berlin".
func changeText(change field.Set) string {
	fields := change.Fields()
	if len(fields) > mostNamed {
		return cmdutil.Count(len(fields), "field", "fields")
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		value, _ := change.Get(f.Name)
		parts[i] = f.Name + " to " + cmdutil.ValueText(value)
	}
	return strings.Join(parts, ", ")
}

// pastOf is the outcome that a summary leads with.
func pastOf(op string) job.Outcome {
	switch op {
	case opDelete:
		return job.Deleted
	case opMove:
		return job.Moved
	}
	return job.Updated
}

// isDone reports whether a user is as the command wants it.
func isDone(o job.Outcome) bool {
	return slices.Contains([]job.Outcome{job.Updated, job.Deleted, job.Moved, job.Unchanged, job.Planned}, o)
}
