package instance

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// deleted is what `delete` prints.
type deleted struct {
	InstanceID string `json:"InstanceId"`
	Name       string
	Outcome    string
	Users      int      // that were deleted with it
	Profiles   []string // that were removed
}

var deletedView = render.View[deleted]{
	Columns: []render.Column[deleted]{
		{Head: "INSTANCE", Name: "InstanceId", Cell: func(d deleted) any { return d.InstanceID }},
		{Head: "NAME", Name: "Name", Cell: func(d deleted) any { return d.Name }},
		cmdutil.OutcomeColumn(func(d deleted) string { return d.Outcome }),
		{Head: "USERS DELETED", Name: "Users", Cell: func(d deleted) any { return d.Users }},
	},
	ID: func(d deleted) string { return d.InstanceID },
}

func newDelete(k *cmdutil.App) *cobra.Command {
	var withUsers bool
	c := &cobra.Command{
		Use:         "delete ID|NAME",
		Aliases:     []string{"rm"},
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Delete an instance for good",
		Long: `Delete an instance for good. It asks first. The service deletes no instance
that has users.

With --with-users the users of a throw-away instance are deleted first, with
all their data, and its profiles are removed. An instance that was not
created with --throw-away keeps its users. If it is interrupted, run the same
command again: it deletes what is left.`,
		Example: `  telematicsctl instance delete ci-1 --with-users --yes
  telematicsctl instance delete old-tests`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return deleteInstance(c.Context(), k, args[0], withUsers)
		},
	}
	cmdutil.AddConfirm(c, k, "users with the instance")
	c.Flags().BoolVar(&withUsers, "with-users", false, "delete the users of a throw-away instance first")
	return c
}

func deleteInstance(ctx context.Context, k *cmdutil.App, ref string, withUsers bool) error {
	if err := cmdutil.CheckOutput(ctx, k, deletedView); err != nil {
		return err
	}
	cfg, s, in, err := find(ctx, k, ref)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	d := deletion{k: k, s: s, in: in, record: s.Recorder()}
	defer d.record.Flush(context.WithoutCancel(ctx))
	e := d.emptying()
	var users []uuid.UUID
	if withUsers {
		if users, err = e.Users(ctx, in); err != nil {
			return err
		}
	}
	what := "instance " + in.Name + " (" + in.ID + ")"
	question := "Delete " + what + " for good"
	if withUsers {
		question = "Delete " + what + " and its " + cmdutil.Count(len(users), "user", "users") +
			" for good, with all telematics data,"
	}
	if err := s.ConfirmOther(ctx, "deleting "+what, question, len(users)); err != nil {
		return err
	}
	out := deleted{InstanceID: in.ID, Name: in.Name, Outcome: string(job.Deleted), Profiles: []string{}}
	if withUsers {
		if out.Users, err = e.Run(ctx, in, users); err != nil {
			return err
		}
	}
	if err := hierarchy.Delete(ctx, s.API, in); err != nil {
		return err
	}
	d.record.Other(context.WithoutCancel(ctx), "instance delete", "delete-instance", in.ID, "", out.Outcome)
	if out.Profiles, err = d.removeProfiles(ctx, cfg); err != nil {
		return err
	}
	return cmdutil.Print(ctx, k, deletedView, out)
}

// deletion is an instance that is being deleted.
type deletion struct {
	k      *cmdutil.App
	s      *cmdutil.Session
	in     userservice.InstanceInfo
	record *cmdutil.Recorder
}

func (d *deletion) emptying() *hierarchy.Emptying {
	first := d.k.Retry.First
	if first == 0 {
		first = time.Second
	}
	return &hierarchy.Emptying{
		API: d.s.API.Once(),
		Retry: operation.Retry{
			Retries: 5, First: first, Longest: time.Minute, Clock: pace.Clock{Now: d.k.Now, Wait: wait.Sleep},
		},
		Deleted: func(ctx context.Context, r job.Result) {
			if r.Outcome == job.Deleted || r.Outcome == job.Unknown {
				d.record.Other(ctx, "instance delete", "delete", d.in.ID, r.DeviceToken.String(), string(r.Outcome))
			}
		},
	}
}

// removeProfiles removes the profiles of a throw-away instance that is gone, with what their stores
// hold; those of another one are only named.
func (d *deletion) removeProfiles(ctx context.Context, cfg *config.Config) ([]string, error) {
	removed := []string{}
	if d.s.Profile.Sandbox {
		return removed, nil // its profile is built in
	}
	for _, name := range profilesOf(cfg, d.s, d.in.ID) {
		if !hierarchy.ThrowAway(d.in) {
			d.k.Streams.Note("Profile " + name + " is of this instance: remove it with " +
				d.k.Command("profile", "remove", name))
			continue
		}
		p, err := cfg.FromFile(name)
		if err == nil {
			err = d.k.Forget(ctx, p)
		}
		if err == nil {
			err = cfg.RemoveProfile(ctx, name)
		}
		if err != nil {
			return removed, failure.Prefix(err, "instance "+d.in.ID+" is deleted, but not its profile "+name).
				Because(cmdutil.ReasonProfileLeft, name)
		}
		removed = append(removed, name)
		d.k.Streams.Note("Profile " + name + " is removed")
	}
	return removed, nil
}
