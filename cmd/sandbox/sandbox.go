// Package sandbox is the commands of the service in miniature.
package sandbox

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// New makes the command `sandbox`.
func New(k *kit.Kit) *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "Run the service in miniature, on this machine"}
	c.AddCommand(newServe(k, nil), newReset(k))
	return c
}

func newReset(k *kit.Kit) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Empty the sandbox",
		Long:  "Removes every user of the sandbox, the tokens stored for its profile, and its bulk runs. It does not ask: nothing in it is of worth.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return reset(c.Context(), k) },
	}
}

func reset(ctx context.Context, k *kit.Kit) error {
	cfg, err := k.Config()
	if err != nil {
		return err
	}
	box, err := sandbox.Open(sandbox.Options{Dir: kit.SandboxDir(cfg), Now: k.Now})
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	if err := box.Reset(ctx); err != nil {
		return failure.Because(failure.From(err).Code, "sandbox reset", err)
	}
	if err := k.Forget(ctx, config.Profile{Name: config.SandboxProfile, Sandbox: true, TokenStore: tokenstore.KindFile}); err != nil {
		return err
	}
	if err := forgetJobs(k); err != nil {
		return err
	}
	k.Streams.Note("The sandbox is empty")
	return nil
}

// forgetJobs removes the bulk runs whose users the reset has removed: they would go on speaking of users who are gone.
func forgetJobs(k *kit.Kit) error {
	jobs, err := k.Jobs()
	if err != nil {
		return err
	}
	all, err := jobs.List()
	if err != nil {
		return err
	}
	for _, job := range all {
		if job.Profile == config.SandboxProfile {
			if err := jobs.Remove(job.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
