// Package job is the commands that manage jobs.
package job

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/cmd/user"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New makes the command `job`.
func New(a *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "job", Short: "Manage jobs over many users"}
	c.AddCommand(newList(a), newShow(a), newResume(a), newRetry(a), newRemove(a), newPrune(a), newMerge(a))
	return c
}

// info is a job as it is printed.
type info struct {
	Job        string
	Operation  string
	State      string
	Profile    string
	InstanceID string `json:"InstanceId"`
	Input      string // the file, or what was asked for instead
	Requested  int
	Created    int
	Updated    int `json:"UpdatedUsers"` // "Updated" is the time of the last run
	Deleted    int
	Moved      int
	Existing   int
	Unchanged  int
	Confirmed  int
	Failed     int
	Unknown    int
	Stale      int
	Begun      time.Time
	LastRun    time.Time `json:"Updated"`
}

var infoView = render.View[info]{
	Columns: []render.Column[info]{
		{Head: "JOB", Name: "Job", Cell: func(s info) any { return s.Job }},
		{Head: "OPERATION", Name: "Operation", Spare: true, Cell: func(s info) any { return s.Operation }},
		{Head: "STATE", Name: "State", Style: func(s info) render.Style { return cmdutil.OutcomeStyle(s.State) },
			Cell: func(s info) any { return s.State }},
		{Head: "PROFILE", Name: "Profile", Spare: true, Cell: func(s info) any { return s.Profile }},
		{Head: "INPUT", Name: "Input", Cell: func(s info) any { return s.Input },
			Screen: func(s info) any { return filepath.Base(s.Input) }},
		{Head: "ROWS", Name: "Requested", Cell: func(s info) any { return s.Requested }},
		{Head: "DONE", Name: "Done", Cell: func(s info) any { return s.done() }},
		{Head: "FAILED", Name: "Failed", Cell: func(s info) any { return s.Failed },
			Screen: func(s info) any { return unlessZero(s.Failed) }},
		{Head: "UNKNOWN", Name: "Unknown", Cell: func(s info) any { return s.Unknown },
			Screen: func(s info) any { return unlessZero(s.Unknown) }},
		{Head: "BEGUN", Name: "Begun", Cell: func(s info) any { return s.Begun }},
	},
	ID: func(s info) string { return s.Job },
}

// unlessZero returns nothing for zero: a column of zeros is left out, and another number stands
// out.
func unlessZero(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (s info) done() int {
	return s.Created + s.Updated + s.Deleted + s.Moved + s.Existing + s.Unchanged + s.Confirmed
}

func newInfo(i job.Info) info {
	count := func(o job.Outcome) int { return i.Tally.Count(o) }
	out := info{
		Job: i.ID, Operation: i.Operation, State: string(i.State), Profile: i.Profile, InstanceID: i.Instance,
		Requested: i.Requested,
		Created:   count(job.Created), Updated: count(job.Updated), Deleted: count(job.Deleted), Moved: count(job.Moved),
		Existing: count(job.Existing), Unchanged: count(job.Unchanged), Confirmed: count(job.Confirmed),
		Failed: count(job.Failed), Unknown: count(job.Unknown), Stale: count(job.Stale),
		Begun: i.Begun.UTC().Truncate(time.Second), LastRun: i.Updated.UTC().Truncate(time.Second),
	}
	switch {
	case i.Input == nil:
		out.Input = "(" + cmdutil.Count(i.Rows, "user", "users") + ")"
	case i.Input.Name == "-":
		out.Input = "(standard input)"
	default:
		out.Input = i.Input.Name
	}
	if s := i.Selection; s.Shards > 1 {
		out.Input += fmt.Sprintf(", shard %d/%d", s.Shard, s.Shards)
	}
	return out
}

func newList(a *cmdutil.App) *cobra.Command {
	c := &cobra.Command{
		Use:         "list",
		Annotations: cmdutil.Effects(),
		Short:       "List jobs, the newest first",
		Long: `Lists the jobs in the state folder, of all profiles. A job is running, stopped
(resume it), finished, replaced (it was restarted) or damaged.`,
		Example: "  telematicsctl job list\n  telematicsctl job list -o json --jq '.[] | select(.State == \"stopped\").Job'",
		Aliases: []string{"ls"},
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			jobs, err := a.Jobs()
			if err != nil {
				return err
			}
			list, err := jobs.List(c.Context())
			if err != nil {
				return err
			}
			out := make([]info, len(list))
			for i, s := range list {
				out[i] = newInfo(s)
			}
			return cmdutil.PrintList(c.Context(), a, infoView, out, "There are no jobs")
		},
	}
	cmdutil.AddColumns(c, a, columnNames(infoView.Columns))
	return c
}

func columnNames[T any](columns []render.Column[T]) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.Name)
	}
	return out
}

func newShow(a *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:         "show JOB",
		Annotations: cmdutil.Effects(),
		Short:       "Show a job and its rows",
		Long: `Shows the rows of a job that were sent, by its journal alone: the row, its
DeviceToken, ClientId, outcome and error. How the job stands is printed on
standard error; with -o json and yaml it is part of the object. A row that was
sent when the run was killed is unknown: its user may exist.`,
		Example:           "  telematicsctl job show 5b1f\n  telematicsctl job show 5b1f -o csv > rows.csv",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeJobs(a, 1),
		RunE:              func(c *cobra.Command, args []string) error { return show(c.Context(), a, args[0]) },
	}
}

func show(ctx context.Context, a *cmdutil.App, id string) error {
	p, err := cmdutil.PrinterOf(ctx, a, user.BulkView)
	if err != nil {
		return err
	}
	jobs, err := a.Jobs()
	if err != nil {
		return err
	}
	found, err := jobs.Find(ctx, id)
	if err == nil {
		err = found.Err
	}
	if err != nil {
		return err
	}
	head := newInfo(found)
	a.Streams.Note(fmt.Sprintf("Job %s (%s): %s, %d of %s done, %d failed, %d unknown", head.Job, head.Operation,
		head.State,
		head.done(), cmdutil.Count(head.Requested, "row", "rows"), head.Failed, head.Unknown))
	out := render.NewStream(p, user.BulkView, render.Frame{Head: head, Key: "Users"})
	err = jobs.Rows(ctx, found.ID, func(row job.Row) error {
		return out.Add(user.NewBulkUser(row,
			found.Operation == "register"))
	})
	if err != nil {
		return err
	}
	return out.Close(nil)
}

func newResume(a *cmdutil.App) *cobra.Command {
	var f cmdutil.JobFlags
	c := &cobra.Command{
		Use:         "resume JOB",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Resume a job",
		Long: `Resumes a job: rows that are done are not sent again, and rows that failed
because of the service or the way to it are retried. The job has its own copy of
its input. The profile and the output files are those that it was begun with,
unless others are given.`,
		Example:           "  telematicsctl job resume 5b1f --concurrency 8",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeJobs(a, 1),
		RunE:              func(c *cobra.Command, args []string) error { return resume(c.Context(), a, args[0], &f, nil) },
	}
	addRunFlags(c, &f)
	cmdutil.AddConfirm(c, a, "users")
	return c
}

func addRunFlags(c *cobra.Command, f *cmdutil.JobFlags) {
	f.AddOutputs(c, true)
	f.AddSpeed(c)
	f.AddDryRun(c)
}

func newRetry(a *cmdutil.App) *cobra.Command {
	var f cmdutil.JobFlags
	var again cmdutil.Retrying
	c := &cobra.Command{
		Use:         "retry JOB",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Send the failed rows of a job again",
		Long: `Sends the rows of a job again that failed, whatever the reason, except those
that are invalid. With --include-unknown rows whose outcome is unknown are sent,
too: a user who was created although the answer was lost is created twice then.`,
		Example:           "  telematicsctl job retry 5b1f",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeJobs(a, 1),
		RunE:              func(c *cobra.Command, args []string) error { return resume(c.Context(), a, args[0], &f, &again) },
	}
	c.Flags().BoolVar(&again.IncludeUnknown, "include-unknown", false, "send rows with an unknown outcome, too")
	addRunFlags(c, &f)
	cmdutil.AddConfirm(c, a, "users")
	return c
}

func resume(ctx context.Context, a *cmdutil.App, id string, f *cmdutil.JobFlags, again *cmdutil.Retrying) error {
	var wrong cmdutil.Wrong
	f.Check(&wrong)
	if err := wrong.Err(); err != nil {
		return err
	}
	return a.ResumeJob(ctx, user.JobKinds(), id, f, again)
}

// completeJobs completes the IDs of jobs, each with what it is about; at most many
// of them, 0 for any number.
func completeJobs(a *cmdutil.App, many int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if many > 0 && len(args) >= many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		jobs, err := a.Jobs()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		list, err := jobs.List(c.Context())
		if err != nil && !failure.Is(err, failure.NotFound) {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, i := range list {
			s := newInfo(i)
			out = append(out, cobra.CompletionWithDesc(s.Job, fmt.Sprintf("%s, %s, %s, %d rows", s.Operation, s.State, s.Input,
				s.Requested)))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
