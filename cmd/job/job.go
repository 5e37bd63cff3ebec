// Package job is the commands that look after bulk runs.
package job

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/cmd/user"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// New makes the command `job`.
func New(k *cmdutil.App) *cobra.Command {
	c := &cobra.Command{Use: "job", Short: "Look after bulk runs, and go on with them"}
	c.AddCommand(newList(k), newShow(k), newResume(k), newRemove(k), newMerge(k))
	return c
}

// shown is a job as it is printed.
type shown struct {
	Job        string
	State      string
	Profile    string
	InstanceID string `json:"InstanceId"`
	Input      string // the file, or what was asked for instead
	Requested  int
	Created    int
	Existing   int
	Failed     int
	Unknown    int
	Begun      time.Time
	Updated    time.Time
}

var view = render.View[shown]{
	Columns: []render.Column[shown]{
		{Head: "JOB", Name: "Job", Cell: func(s shown) any { return s.Job }},
		{Head: "STATE", Name: "State", Cell: func(s shown) any { return s.State }},
		{Head: "PROFILE", Name: "Profile", Cell: func(s shown) any { return s.Profile }},
		{Head: "INPUT", Name: "Input", Cell: func(s shown) any { return s.Input }},
		{Head: "ROWS", Name: "Requested", Cell: func(s shown) any { return s.Requested }},
		{Head: "CREATED", Name: "Created", Cell: func(s shown) any { return s.Created }},
		{Head: "EXISTING", Name: "Existing", Cell: func(s shown) any { return s.Existing }},
		{Head: "FAILED", Name: "Failed", Cell: func(s shown) any { return s.Failed }},
		{Head: "UNKNOWN", Name: "Unknown", Cell: func(s shown) any { return s.Unknown }},
		{Head: "BEGUN", Name: "Begun", Cell: func(s shown) any { return s.Begun }},
	},
	ID: func(s shown) string { return s.Job },
}

func show(s journal.Summary) shown {
	out := shown{
		Job: s.ID, State: s.Status.State, Profile: s.Profile, InstanceID: s.Instance, Requested: s.Requested, Created: s.Status.Created,
		Existing: s.Status.Existing, Failed: s.Status.Failed, Unknown: s.Status.Unknown, Begun: s.Begun.UTC().Truncate(time.Second), Updated: s.Status.Updated.UTC().Truncate(time.Second),
	}
	switch {
	case s.File != nil && s.File.Stdin:
		out.Input = "(standard input)"
	case s.File != nil:
		out.Input = s.File.Path
	default:
		out.Input = "(" + cmdutil.Count(s.Rows, "user", "users") + ")"
	}
	if c := s.Choice(); c.Shards > 1 {
		out.Input += fmt.Sprintf(", shard %d/%d", c.Shard, c.Shards)
	}
	return out
}

func newList(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the bulk runs of this machine, the newest first",
		Long: `Lists the jobs in the state folder, whatever their profile. A job is running, stopped (it can be gone on with), finished or damaged. It stays, small as it
is, until "job remove" takes it away.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			jobs, err := k.OldJobs()
			if err != nil {
				return err
			}
			list, err := jobs.List()
			if err != nil {
				return err
			}
			out := make([]shown, len(list))
			for i, s := range list {
				out[i] = show(s)
			}
			return cmdutil.PrintList(c.Context(), k, view, out, "There are no jobs")
		},
	}
}

func newShow(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show JOB",
		Short: "Show how a bulk run stands, or each of its rows",
		Long: `Shows how a job stands: as a table, or as one object with -o json, jsonl or yaml. With -o csv it prints the job's results file instead: every row of
the input with its DeviceToken, Outcome and Error; the input must still be there for that. (A results file in JSON Lines is what --results F.jsonl
of "job resume" or of the job's own command writes.) A row that was sent by a run that was killed, and has no answer, is unknown, with its
DeviceToken where this tool chose it: the user may be there.`,
		Example: "  telematicsctl job show 5b1f0c9a7e42\n  telematicsctl job show 5b1f0c9a7e42 -o csv > results.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := k.Printer(c.Context())
			if err != nil {
				return err
			}
			if p.Format() == render.CSV && !p.Queried() {
				return user.Results(c.Context(), k, args[0])
			}
			jobs, err := k.OldJobs()
			if err != nil {
				return err
			}
			s, err := jobs.Show(args[0])
			if err != nil {
				return err
			}
			if p.Format() != render.Table {
				return render.One(p, view, show(s))
			}
			return render.List(p, settings, lines(show(s)))
		},
	}
}

type setting struct {
	name  string
	value any
}

var settings = render.View[setting]{Columns: []render.Column[setting]{
	{Head: "JOB", Cell: func(s setting) any { return s.name }},
	{Head: "VALUE", Cell: func(s setting) any { return s.value }},
}}

func lines(s shown) []setting {
	return []setting{
		{"job", s.Job}, {"state", s.State}, {"profile", s.Profile}, {"instance", s.InstanceID}, {"input", s.Input}, {"requested", s.Requested}, {"created", s.Created},
		{"existing", s.Existing}, {"failed", s.Failed}, {"unknown", s.Unknown}, {"begun", s.Begun}, {"updated", s.Updated},
	}
}

func newResume(k *cmdutil.App) *cobra.Command {
	var f user.ResumeFlags
	c := &cobra.Command{
		Use:   "resume JOB",
		Short: "Go on with a bulk run where it stood",
		Long: `Goes on with a job: rows that are done are not sent again, rows that failed for a reason that passes are tried once more. The profile and the output files
are those that the job was begun with, unless others are named. If its file was moved since, "telematicsctl user bulk --file NEWPATH" with
the options as they were goes on with it.`,
		Example: "  telematicsctl job resume 5b1f0c9a7e42 --concurrency 8",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return user.Resume(c.Context(), k, args[0], f) },
	}
	f.Add(c)
	return c
}

func newMerge(k *cmdutil.App) *cobra.Command {
	var f user.MergeFlags
	c := &cobra.Command{
		Use:   "merge --file F RESULTS...",
		Short: "Join the results of the shards of one file",
		Long: `Joins the results files of all shards of a file (user bulk --shard) into the results of the whole, in the order of the file. It makes sure that every row
is in the results of its shard. Rows that failed, or that no shard has come to, make it exit 5.`,
		Example: "  telematicsctl job merge --file drivers.csv results-{1..16}.csv --results results.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return user.Merge(c.Context(), k, f, args) },
	}
	f.Add(c)
	return c
}

func newRemove(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "remove JOB...",
		Short: "Forget bulk runs",
		Long: `Removes jobs from the state folder. The users stay as they are. A job that was not finished can then not be gone on with, so it asks first. The same
file begins a new one, which reports the users who are there already as existing. What a quantity run has made is not found again
unless --run named it, nor are users whose DeviceTokens the service chose.`,
		Example: "  telematicsctl job remove 5b1f0c9a7e42",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return remove(c.Context(), k, args) },
	}
}

func remove(ctx context.Context, k *cmdutil.App, ids []string) error {
	jobs, err := k.OldJobs()
	if err != nil {
		return err
	}
	open := 0
	for _, id := range ids {
		s, err := jobs.Show(id)
		if failure.Is(err, failure.NotFound) {
			return err
		}
		if err != nil {
			s.Status.State = journal.Stopped // it cannot be told how a damaged job stands
		}
		switch s.Status.State {
		case journal.Running:
			return failure.Newf(failure.Invalid, "job %s is being run", id).WithHint("stop it first")
		case journal.Stopped:
			open++
		}
	}
	if open > 0 {
		if err := k.Confirm(ctx, fmt.Sprintf("%d of these jobs are not finished. Remove them all the same?", open)); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := jobs.Remove(id); err != nil {
			return err
		}
		k.Streams.Note("Job " + id + " is removed")
	}
	return nil
}
