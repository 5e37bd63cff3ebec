package user

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

func newPlan(a *cmdutil.App) *cobra.Command {
	var o planOptions
	var out string
	var exitCode bool
	c := &cobra.Command{
		Use:         "plan --file F",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Show what user apply would change",
		Long: `Compares a file with the users of the instance, and prints what user apply would
do to make them match: + create, ~ update, > move, - deactivate or delete.
Nothing is changed.

The file owns the fields that are its columns. A blank cell leaves its value
alone; \N, or null in JSON, clears it. Users who are not in the file are left
alone, unless --absent says otherwise.

With --out the plan is saved, for user apply --plan.`,
		Example: `  telematicsctl user plan --file drivers.csv
  telematicsctl user plan --file drivers.csv --out drivers.plan
  telematicsctl user plan show drivers.plan -o md`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runPlan(c.Context(), a, &o, out, exitCode, false)
		},
	}
	o.add(c)
	c.Flags().StringVar(&out, "out", "", "save the plan in a `file`, mode 0600")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit 9 when something would change")
	c.AddCommand(newPlanShow(a))
	return c
}

func newDrift(a *cmdutil.App) *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:         "drift --file F",
		Annotations: cmdutil.Effects(cmdutil.SignsIn),
		Short:       "Report whether the users differ from a file",
		Long: `Compares a file with the users of the instance, as user plan does, and exits 9
when something differs. Nothing is changed.`,
		Example: "  telematicsctl user drift --file drivers.csv",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runPlan(c.Context(), a, &o, "", true, true) },
	}
	o.add(c)
	return c
}

func newPlanShow(a *cmdutil.App) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:         "show PLAN",
		Annotations: cmdutil.Effects(),
		Short:       "Show a saved plan",
		Long: `Shows a plan that user plan --out has saved, whatever has changed since.
-o md is for the comment of a pull request.`,
		Example: "  telematicsctl user plan show drivers.plan -o md",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPlanPrinter(c.Context(), a, all)
			if err != nil {
				return err
			}
			plan, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return p.print(plan)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "print every action, not 20 of a kind")
	return c
}

func readPlan(path string) (*apply.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, input.Missing(failure.Wrap(failure.Invalid, "the plan cannot be read", err), path)
	}
	defer func() { _ = f.Close() }()
	return apply.Decode(f, path)
}

func runPlan(ctx context.Context, a *cmdutil.App, o *planOptions, out string, exitCode, drift bool) error {
	var wrong cmdutil.Wrong
	o.check(&wrong)
	if o.File == "" {
		wrong.Add("--file", "is required")
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	printer, err := newPlanPrinter(ctx, a, o.all)
	if err != nil {
		return err
	}
	defer limitPlanMemory()()
	s, err := a.Session(cmdutil.SessionOptions{InFlight: planInFlight, WaitsAlone: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	plan, _, err := makePlan(ctx, a, s, o)
	if err != nil {
		return err
	}
	if err := o.checked.limits.Check(plan); err != nil && !drift {
		a.Streams.Warn("user apply would refuse this: " + failure.From(err).Message)
	}
	if out != "" {
		if err := savePlan(out, plan); err != nil {
			return err
		}
		a.Streams.Note("The plan is in " + out)
	}
	if err := printer.print(plan); err != nil {
		return err
	}
	if exitCode && plan.Summary.Changes() > 0 {
		return failure.New(failure.Changes,
			cmdutil.Count(plan.Summary.Changes(), "user differs", "users differ")+" from the file")
	}
	return nil
}

func savePlan(path string, plan *apply.Plan) error {
	path, err := filepath.Abs(path)
	if err == nil {
		err = atomicfile.Write(path, 0o600, plan.Encode)
	}
	if err != nil {
		return atomicfile.Failure(failure.Failed, "the plan cannot be written", path, err)
	}
	return nil
}
