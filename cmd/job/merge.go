package job

import (
	"context"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

func newMerge(a *cmdutil.App) *cobra.Command {
	var f cmdutil.JobFlags
	c := &cobra.Command{
		Use:               "merge --file F RESULTS...",
		Annotations:       cmdutil.Effects(),
		ValidArgsFunction: cmdutil.CompleteFiles,
		Short:             "Merge the results of a file's shards",
		Long: `Joins the results files of all shards of a file (user bulk --shard), in the
order of the shards, into the results of the whole, in the order of the file. It
makes sure that every row is in the results of its shard. Rows that failed, or
that no shard has come to, make it exit 5. The flags that say how the file is
read must be those of the shards.`,
		Example: "  telematicsctl job merge --file drivers.csv r1.csv r2.csv --results all.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return merge(c.Context(), a, &f, args) },
	}
	f.AddInput(c, "the users that were sharded")
	f.AddSelection(c)
	for _, name := range []string{"shard", "skip-invalid", "report", "max-input"} {
		_ = c.Flags().MarkHidden(name)
	}
	c.Flags().StringVar(&f.Results, "results", "", "write to a `file`, not to standard output")
	c.Flags().BoolVar(&f.Raw, "raw", false, "do not guard cells that look like formulas")
	_ = c.MarkFlagRequired("file")
	return c
}

func merge(ctx context.Context, a *cmdutil.App, f *cmdutil.JobFlags, names []string) error {
	var wrong cmdutil.Wrong
	f.Check(&wrong)
	for _, name := range names {
		if abs, err := filepath.Abs(name); err == nil && f.Results == abs {
			wrong.Add("--results", "is one of the results files to join")
		}
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	sharded, err := openSharded(ctx, a, f, len(names))
	if err != nil {
		return err
	}
	defer func() { _ = sharded.file.Close() }()
	var shards []job.ShardResults
	for _, name := range names {
		file, err := input.Open(ctx, input.Options{Name: name, Now: a.Now(), IgnoreUnknown: true, SkipValidation: true,
			Use: field.File, MayBeEmpty: true, KeyOptional: true}, a.Streams.In)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		shards = append(shards, job.ShardResults{Name: name, Header: file.Header, Rows: func(ctx context.Context,
			yield func([]string) error) error {
			return file.EachOf(ctx, func(int) bool { return false }, func(r *input.Row) error { return yield(r.Cells) })
		}})
	}
	var tally job.Tally
	join := func(w io.Writer) (err error) {
		tally, err = job.Merge(ctx, sharded, shards, func(header []string) job.RowWriter {
			return input.NewWriter(w, sharded.file.Shape().For(f.Results), header, f.Raw)
		})
		return err
	}
	if f.Results == "" {
		err = join(a.Streams.Out)
	} else {
		err = atomicfile.Write(f.Results, 0o600, join)
	}
	if err != nil {
		return err
	}
	text := cmdutil.SummaryText("created", tally)
	a.Streams.Note(text)
	if tally.Count(job.Failed, job.Unknown, job.Stale)+tally.NotSent() > 0 {
		return failure.New(failure.Partial, text).Because(cmdutil.ReasonShardsOpen, "")
	}
	return nil
}

// sharded is a file whose rows were registered in shards.
type sharded struct {
	file   *input.File
	users  *operation.NewUsers
	shards int
}

func openSharded(ctx context.Context, a *cmdutil.App, f *cmdutil.JobFlags, shards int) (*sharded, error) {
	preference, given, err := f.Input.Preference()
	if err != nil {
		return nil, err
	}
	in := f.Input
	// The rules were applied when the shards were registered.
	file, err := input.Open(ctx, input.Options{
		Name: f.File, Now: a.Now(), Format: in.Format, Encoding: in.Encoding, Separator: in.Separator, Sheet: in.Sheet,
		DateFormat: in.DateFormat,
		Map:        in.Map, IgnoreUnknown: in.IgnoreUnknown, SkipValidation: true, Use: field.File, KeyOptional: true,
		MayBeEmpty: true,
	}, a.Streams.In)
	if err != nil {
		return nil, err
	}
	if !given {
		preference = identity.DefaultPreference(file.Has(field.MustGet("ClientId")), identity.Content)
	}
	selector, err := operation.NewSelector(f.Selection())
	if err != nil {
		return nil, err
	}
	return &sharded{file: file, shards: shards, users: &operation.NewUsers{File: file, Selector: selector,
		Rule: &identity.Rule{Preference: preference}}}, nil
}

// Header implements job.Sharded.
func (s *sharded) Header() []string { return s.file.Header() }

// Cells implements job.Sharded.
func (s *sharded) Cells(ctx context.Context, yield func(n, shard int, cells []string) error) error {
	return s.users.Keys(ctx, func(row *input.Row, key identity.Key) error {
		return yield(row.N, key.ShardOf(s.shards),
			row.Cells)
	})
}
