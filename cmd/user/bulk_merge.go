package user

import (
	"context"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
)

// MergeFlags are the flags of `job merge`: those of `user bulk --file` that say which rows there are.
type MergeFlags struct {
	o       bulkOptions
	results string
}

// Add makes the flags.
func (f *MergeFlags) Add(c *cobra.Command) {
	c.Flags().StringVar(&f.o.file, "file", "", "the `file` whose shards were registered")
	c.Flags().StringVar(&f.o.format, "format", "", "as it was given to the shards")
	c.Flags().StringArrayVar(&f.o.columns, "map", nil, "as it was given to the shards")
	c.Flags().BoolVar(&f.o.ignoreUnknown, "ignore-unknown", false, "as it was given to the shards")
	c.Flags().StringVar(&f.o.match, "match", "", "as it was given to the shards")
	c.Flags().IntVar(&f.o.offset, "offset", 0, "as it was given to the shards")
	c.Flags().IntVar(&f.o.limit, "limit", 0, "as it was given to the shards")
	c.Flags().StringVar(&f.results, "results", "", "write to a `file`, CSV or (.jsonl) JSON Lines; else CSV to standard output")
	_ = c.MarkFlagRequired("file")
}

// Merge joins the results files of all shards, in the order of the shards.
func Merge(ctx context.Context, k *cmdutil.App, f MergeFlags, names []string) error {
	var wrong mistakes
	spec := fileSpec(f.o, &wrong)
	if f.results != "" {
		f.checkResults(&wrong, names)
	}
	if err := failure.InvalidFields("the results cannot be joined", wrong); err != nil {
		return err
	}
	choice, err := job.NewChoice(spec.Choice)
	if err != nil {
		return err
	}
	// The rules were held when the shards were registered.
	file, err := input.Open(ctx, input.Options{Name: f.o.file, Format: spec.Format, Map: spec.Map, IgnoreUnknown: spec.IgnoreUnknown, Loose: true, Use: field.File, Now: k.Now()}, k.Streams.In)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var shards []*input.File
	for _, name := range names {
		shard, err := input.Open(ctx, input.Options{Name: name, Now: k.Now()}, k.Streams.In)
		if err != nil {
			return err
		}
		defer func() { _ = shard.Close() }()
		shards = append(shards, shard)
	}
	var totals job.Totals
	merge := func(w io.Writer) (err error) {
		totals, err = job.Merge(ctx, w, job.FormatOf(f.results), job.FileRows{File: file, Choice: choice}, shards, names)
		return err
	}
	if f.results == "" {
		err = merge(k.Streams.Out)
	} else {
		err = atomicfile.Write(f.results, 0o600, merge)
	}
	if err != nil {
		return err
	}
	k.Streams.Note(summary(totals))
	if totals.Failed+totals.Unknown+totals.NotSent() > 0 {
		return failure.New(failure.Partial, summary(totals)).WithHint("give the command of each shard that is not done again, and join the results anew")
	}
	return nil
}

// checkResults finds out whether the joined results can be written, and are none of what they are made of.
func (f MergeFlags) checkResults(wrong *mistakes, names []string) {
	path, err := filepath.Abs(f.results)
	wrong.err("--results", err)
	for _, name := range names {
		if sameFile(path, name) {
			wrong.add("--results", "it is one of the results files to be joined")
			return
		}
	}
	checkOutputs(wrong, []output{{"--results", path}}, f.o.file)
}
