// Package sandbox has the commands of the local sandbox.
package sandbox

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// New makes the command `sandbox`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "Run a local sandbox of the service"}
	c.AddCommand(newServe(k), newReset(k), newProxy(k))
	return c
}

// resetOptions are the flags of `sandbox reset`.
type resetOptions struct {
	layout string
	all    bool
}

func newReset(k *cmdutil.App) *cobra.Command {
	var o resetOptions
	c := &cobra.Command{
		Use:         "reset",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Empty the sandbox",
		Long: `Remove every user of the sandbox, the tokens stored for its profile, and its
jobs, without asking. Its layout stays, unless --layout gives another or --all
goes back to the built-in one.`,
		Example: `  telematicsctl sandbox reset
  telematicsctl sandbox reset --layout layout.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return reset(c.Context(), k, o) },
	}
	c.Flags().StringVar(&o.layout, "layout", "", "begin again with the hierarchy and admins of a YAML `file`")
	c.Flags().BoolVar(&o.all, "all", false, "go back to the built-in layout")
	c.MarkFlagsMutuallyExclusive("layout", "all")
	cmdutil.AddConfirm(c, k, "sandboxes (1)")
	return c
}

func reset(ctx context.Context, k *cmdutil.App, o resetOptions) error {
	cfg, err := k.Config()
	if err != nil {
		return err
	}
	if err := cmdutil.CheckFolder(cmdutil.SandboxDir(cfg)); err != nil {
		return err
	}
	if _, err := k.ConfirmDeletion(1, "sandbox", "sandboxes"); err != nil {
		return err
	}
	opts := sandbox.Options{Dir: cmdutil.SandboxDir(cfg), Now: k.Now}
	switch {
	case o.layout != "":
		if opts.Layout, err = readLayout(o.layout); err != nil {
			return err
		}
	case o.all:
		preset := seed.DefaultLayout()
		opts.Layout = &preset
	}
	box, err := sandbox.Open(opts)
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	if err := box.Reset(ctx); err != nil {
		return err
	}
	if opts.Layout != nil {
		if err := box.Settle(ctx); err != nil {
			return err
		}
	}
	profile := config.Profile{Name: config.SandboxProfile, Sandbox: true, TokenStore: tokenstore.KindFile}
	if err := k.Forget(ctx, profile); err != nil {
		return err
	}
	if err := removeJobs(ctx, k); err != nil {
		return err
	}
	layout, err := box.Layout(ctx)
	if err != nil {
		return err
	}
	note := "The sandbox is empty"
	if !layout.Same(seed.DefaultLayout()) {
		note += "; its own layout is kept, --all removes it"
	}
	k.Streams.Note(note)
	return nil
}

// removeJobs removes the jobs of the sandbox: their users are gone.
func removeJobs(ctx context.Context, k *cmdutil.App) error {
	jobs, err := k.Jobs()
	if err != nil {
		return err
	}
	all, err := jobs.List(ctx)
	if err != nil {
		return err
	}
	for _, job := range all {
		if job.Profile != config.SandboxProfile {
			continue
		}
		if err := jobs.Remove(ctx, job.ID); err != nil {
			return err
		}
	}
	return nil
}
