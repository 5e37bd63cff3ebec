package user

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// ResumeFlags are the flags of `job resume`.
type ResumeFlags struct {
	pace    paceFlags
	outputs outputFlags
}

// Add makes the flags.
func (f *ResumeFlags) Add(c *cobra.Command) {
	f.outputs.add(c)
	f.pace.add(c)
}

// Resume goes on with a job. The files that the job was begun with are written unless others are named.
func Resume(ctx context.Context, k *cmdutil.App, id string, f ResumeFlags) error {
	r, err := takeUp(ctx, k, id)
	if err != nil {
		return err
	}
	r.pace = f.pace
	var wrong mistakes
	if _, err := f.pace.settings(1); err != nil {
		wrong = append(wrong, failure.From(err).Fields...)
	}
	inputPath := ""
	if r.spec.File != nil {
		inputPath = r.spec.File.Path
	}
	given := f.outputs.spec(&wrong, inputPath, "")
	if len(wrong) == 0 {
		r.spec.Outputs = override(r.spec.Outputs, given)
		checkOutputs(&wrong, outputsOf(r.spec.Outputs), inputPath)
	}
	if err := failure.InvalidFields("the run is not valid, and nothing was sent", wrong); err != nil {
		return err
	}
	return r.execute(ctx)
}

func override(old, given journal.Outputs) journal.Outputs {
	for _, p := range []struct{ to, from *string }{
		{&old.Results, &given.Results}, {&old.FailedOut, &given.FailedOut}, {&old.TokensOut, &given.TokensOut},
	} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
	return old
}

// takeUp finds a job, and the profile that it was begun with where none is named.
func takeUp(ctx context.Context, k *cmdutil.App, id string) (*bulkRun, error) {
	jobs, err := k.OldJobs()
	if err != nil {
		return nil, err
	}
	spec, err := jobs.Find(id)
	if err != nil {
		return nil, err
	}
	cfg, err := k.Config()
	if err != nil {
		return nil, err
	}
	if k.Flags.Profile == "" && (spec.Profile == config.SandboxProfile || slices.Contains(cfg.Names(), spec.Profile)) {
		own := cmdutil.App{Env: k.Env, Flags: k.Flags}
		own.Flags.Profile = spec.Profile
		k = &own
	}
	r := &bulkRun{k: k, spec: spec, resumed: true}
	return r, r.checkOutput(ctx)
}

// Results writes the results file of a job to standard output, as CSV.
func Results(ctx context.Context, k *cmdutil.App, id string) error {
	r, err := takeUp(ctx, k, id)
	if err != nil {
		return err
	}
	if r.jobs, err = r.k.OldJobs(); err != nil {
		return err
	}
	if r.spec.File != nil {
		if r.inputFile, err = openInput(ctx, r.k, r.jobs, &r.spec); err != nil {
			return err
		}
		defer r.inputFile.close()
	} else if len(r.spec.Quantity.Templates) > 0 {
		if r.inputFile, err = openTemplates(ctx, r.k, r.jobs, &r.spec); err != nil {
			return err
		}
		defer r.inputFile.close()
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	table, err := r.jobs.Read(r.spec)
	if err != nil {
		return err
	}
	defer func() { _ = table.Close() }()
	_, err = job.Results(ctx, r.k.Streams.Out, input.CSV, r.source, table)
	return err
}

// otherInstance is the error for a job of another instance than the profile's.
func otherInstance(s journal.Spec, instance string) error {
	if strings.EqualFold(s.Instance, instance) {
		return nil
	}
	return failure.Newf(failure.Invalid, "job %s is about instance %s, and the profile about %s", s.ID, s.Instance, instance).
		WithHint("name the profile that the job was begun with: --profile " + s.Profile)
}
