package job

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

func newRemove(a *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "remove JOB...",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Delete the files of jobs",
		Long: `Deletes all files of jobs: journal, input and what they keep of the users. The
users stay as they are, and so do the lines in the audit record. A job that is
not finished cannot be resumed then, so it asks first. The users of a
--quantity without --run are found nowhere else.`,
		Example:           "  telematicsctl job remove 5b1f",
		Aliases:           []string{"rm"},
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeJobs(a, 0),
		RunE:              func(c *cobra.Command, args []string) error { return remove(c.Context(), a, args) },
	}
	cmdutil.AddConfirm(c, a, "jobs")
	return c
}

func remove(ctx context.Context, a *cmdutil.App, ids []string) error {
	jobs, err := a.Jobs()
	if err != nil {
		return err
	}
	var open []string
	for i, id := range ids {
		info, err := jobs.Find(ctx, id)
		if err != nil {
			return err
		}
		ids[i] = info.ID
		switch info.State {
		case job.Running:
			return failure.Newf(failure.Failed, "another process runs job %s", info.ID).Because(job.ReasonRunning, info.ID)
		case job.Stopped, job.Damaged:
			open = append(open, info.ID)
		}
	}
	answered, err := a.ConfirmDeletion(len(ids), "job", "jobs")
	if err != nil {
		return err
	}
	if len(open) > 0 && !answered {
		question := fmt.Sprintf("%s not finished, and cannot be resumed then (%s). Delete?", cmdutil.Count(len(open),
			"job is", "jobs are"), strings.Join(open, ", "))
		if err := a.Confirm(ctx, question); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := jobs.Remove(ctx, id); err != nil {
			return err
		}
		a.Streams.Note("Job " + id + " was removed")
	}
	return nil
}

// keepJobs is how long jobs are kept unless the profile or the command says otherwise.
const keepJobs = 90 * 24 * time.Hour

// keepOf returns how long the profile keeps jobs.
func keepOf(a *cmdutil.App) time.Duration {
	cfg, err := a.Config()
	if err != nil {
		return keepJobs
	}
	p, err := cfg.Resolve()
	if err != nil || p.KeepDays <= 0 {
		return keepJobs
	}
	return time.Duration(p.KeepDays) * 24 * time.Hour
}

func newPrune(a *cmdutil.App) *cobra.Command {
	keep := keepJobs
	c := &cobra.Command{
		Use:         "prune",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.Deletes),
		Short:       "Delete the files of old jobs",
		Long: `Deletes all files of the jobs whose last run is longer ago than --keep. Jobs
that are running or damaged stay.`,
		Example: "  telematicsctl job prune --keep 720h",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if keep < 0 {
				return failure.InvalidFields("invalid flags", []failure.Field{{Key: "--keep", Message: "must not be negative"}})
			}
			jobs, err := a.Jobs()
			if err != nil {
				return err
			}
			if !c.Flags().Changed("keep") {
				keep = keepOf(a)
			}
			if err := confirmPrune(c.Context(), a, jobs, keep); err != nil {
				return err
			}
			removed, err := jobs.Prune(c.Context(), keep)
			a.Streams.Note(cmdutil.Count(len(removed), "job was", "jobs were") + " removed")
			return err
		},
	}
	c.Flags().DurationVar(&keep, "keep", keepJobs, "how long jobs are kept (keep_days of the profile)")
	cmdutil.AddConfirm(c, a, "jobs")
	return c
}

// confirmPrune holds --confirm to the number of jobs that are old enough.
func confirmPrune(ctx context.Context, a *cmdutil.App, jobs *job.Store, keep time.Duration) error {
	if !a.Flags.Agent && a.Flags.Confirm == nil {
		return nil
	}
	old, err := jobs.Old(ctx, keep)
	if err != nil {
		return err
	}
	_, err = a.ConfirmDeletion(len(old), "job", "jobs")
	return err
}
