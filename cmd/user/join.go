package user

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

func newJoin(k *cmdutil.App) *cobra.Command {
	var code string
	c := &cobra.Command{
		Use:         "join TOKEN --invite-code C",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn),
		Short:       "Move a user by an invite code",
		Long: `Moves a user into the instance that an invite code leads to. The call is the
user's own: it is made with the user's tokens, or by signing in with the
DeviceToken and the InstanceKey.

The user keeps its DeviceToken; one that is derived from a key does not follow.`,
		Example: "  telematicsctl user join client:c-2001 --invite-code 4711abcd",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return join(c.Context(), k, args[0], code) },
	}
	c.Flags().StringVar(&code, "invite-code", "", "invite `code` of the instance to join")
	return c
}

func join(ctx context.Context, k *cmdutil.App, arg, code string) error {
	var wrong cmdutil.Wrong
	token, err := fleet.ParseToken(arg)
	wrong.AddErr("TOKEN", err)
	if code == "" {
		wrong.Add("--invite-code", "required")
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	p, err := cmdutil.PrinterOf(ctx, k, changedView)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	id, err := s.DeviceToken(ctx, token)
	if err != nil {
		return err
	}
	actor, err := operation.ChooseActor(ctx, s.Auth, operation.AsUser, s.Instance)
	if err != nil {
		return err
	}
	change := cmdutil.Change{What: "Move", Users: 1, Whom: id, Then: " by an invite code"}
	if err := s.ConfirmChange(ctx, change); err != nil {
		return err
	}
	named, err := fleet.ParseToken(id)
	if err != nil {
		return err
	}
	op := &operation.Join{API: s.API, Actor: actor, InviteCode: code}
	result := operation.Single(ctx, op, job.Record{N: 1, DeviceToken: named.DeviceToken},
		operation.Retry{Clock: pace.Clock{Now: k.Now, Wait: wait.Sleep}})
	recorder := s.Recorder()
	recorder.Row(context.WithoutCancel(ctx), "user join", opMove, "", job.Row{Result: result})
	recorder.Flush(context.WithoutCancel(ctx))
	if err := render.List(p, changedView, []changed{newChanged(result, id, nil)}); err != nil {
		return cmdutil.Unprinted(err, "user "+id+" is "+string(result.Outcome))
	}
	if result.Outcome == job.Unknown {
		return failure.Suffix(result.Err, "the user may have joined anyway")
	}
	return byFlags(result.Err)
}
