package user

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

type applyFlags struct {
	planOptions
	plan    string
	undo    string
	maxAge  string
	confirm int

	age time.Duration
}

func newApply(a *cmdutil.App) *cobra.Command {
	var o applyFlags
	c := &cobra.Command{
		Use:         "apply --file F | --plan P | --undo JOB",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Make the users match a file",
		Long: `Compares a file with the users of the instance and makes them match: users are
created, updated, moved, deactivated and deleted, in this order, in one job.
With --plan a saved plan is carried out; a user who has changed since is left
alone. See the plan first: user plan --file F.

Nobody is removed, unless --absent says so; without a terminal that also needs
--confirm N. Nothing is sent when more users would change than the limits allow.
--undo reverses the updates, moves and deactivations of an apply.`,
		Example: `  telematicsctl user apply --file drivers.csv
  telematicsctl user apply --plan drivers.plan
  telematicsctl user apply --file drivers.csv --absent deactivate --confirm 3`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runApply(c.Context(), a, &o, c.Flags().Changed)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.plan, "plan", "", "carry out the plan in a `file`, as user plan --out saved it")
	f.StringVar(&o.undo, "undo", "", "reverse what a `job` of user apply has done")
	f.StringVar(&o.maxAge, "max-age", "24h", "refuse a plan that is older than this `time`")
	f.IntVar(&o.confirm, "confirm", 0, "remove exactly `N` users")
	o.AddSpeed(c)
	c.MarkFlagsMutuallyExclusive("file", "plan", "undo")
	return c
}

// check reads the flags, and reports all mistakes at once.
func (o *applyFlags) check(given func(flag string) bool) error {
	var wrong cmdutil.Wrong
	o.planOptions.check(&wrong)
	var err error
	o.age, err = cmdutil.ParseDuration(o.maxAge)
	wrong.AddErr("--max-age", err)
	if o.File == "" && o.plan == "" && o.undo == "" {
		wrong.Add("--file", "is required, or --plan, or --undo")
	}
	if o.File == "" {
		for _, name := range o.Given("concurrency", "rate", "retries", "patience", "max-failures", "progress") {
			wrong.Add(name, "goes with --file")
		}
		for _, name := range []string{"absent", "scope", "keep", "grace", "blank", "name", "ledger", "moves", "expect-rows"} {
			if given(name) {
				wrong.Add("--"+name, "goes with --file")
			}
		}
	}
	if o.confirm < 0 {
		wrong.Add("--confirm", "must not be negative")
	}
	return wrong.Err()
}

func runApply(ctx context.Context, a *cmdutil.App, o *applyFlags, given func(flag string) bool) error {
	if err := o.check(given); err != nil {
		return err
	}
	p, err := cmdutil.PrinterOf(ctx, a, applyView)
	if err != nil {
		return err
	}
	defer limitPlanMemory()()
	x := &applying{app: a, o: o, printer: p, confirmed: given("confirm")}
	switch {
	case o.plan != "":
		return x.saved(ctx)
	case o.undo != "":
		return x.reverse(ctx)
	}
	return x.fromFile(ctx)
}

// applying is one call of `user apply`.
type applying struct {
	app       *cmdutil.App
	o         *applyFlags
	printer   *render.Printer
	confirmed bool
}

// saved applies a saved plan.
func (x *applying) saved(ctx context.Context) error {
	plan, err := readPlan(x.o.plan)
	if err != nil {
		return err
	}
	s, err := x.app.Session(cmdutil.SessionOptions{WaitsAlone: true})
	if err != nil {
		return err
	}
	id, err := profileInstance(s)
	host := s.API.Host()
	_ = s.Close() // nothing was opened that could fail
	h := plan.Head
	switch {
	case err != nil:
		return err
	case !strings.EqualFold(h.Instance, id) || h.Host != host:
		return failure.Newf(failure.Invalid, "%s is a plan for instance %s of %s, not for the profile's", x.o.plan,
			h.Instance, h.Host).Because(apply.ReasonOther, h.Profile)
	case x.app.Now().Sub(h.Made) > x.o.age:
		return failure.Newf(failure.Invalid, "%s was made %s ago, which is older than %s", x.o.plan,
			ago(x.app.Now().Sub(h.Made)), x.o.age).Because(apply.ReasonOld, x.o.plan)
	}
	if err := x.o.checked.limits.Check(plan); err != nil {
		return err
	}
	x.app.Streams.Note(fmt.Sprintf("%s was made %s ago, when there was this to do:", x.o.plan,
		ago(x.app.Now().Sub(h.Made))))
	x.notes(plan)
	if len(plan.Actions) == 0 {
		return x.nothing(plan)
	}
	if err := x.confirm(ctx, plan); err != nil {
		return err
	}
	return x.run(ctx, plan, x.o.plan, false)
}

// ago is an age in words.
func ago(d time.Duration) string {
	if d < time.Minute {
		return cmdutil.Count(int(d.Seconds()), "second", "seconds")
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// notes says what the plan is, and what it leaves out.
func (x *applying) notes(plan *apply.Plan) {
	(&planPrinter{app: x.app}).notes(plan)
	x.app.Streams.Note(plan.Summary.Text())
}

// show prints the actions of a plan; notes has printed how many there are.
func (x *applying) show(plan *apply.Plan) {
	actions := strings.TrimSuffix(planText(plan, x.o.all), plan.Summary.Text()+"\n")
	for line := range strings.Lines(actions) {
		line = strings.TrimSuffix(line, "\n")
		x.app.Streams.Note(line)
	}
}

// confirm asks for the number of users who are removed. --confirm answers, and nothing else.
func (x *applying) confirm(ctx context.Context, plan *apply.Plan) error {
	n := plan.Summary.Removals()
	if n == 0 {
		return nil
	}
	given := x.o.confirm
	if !x.confirmed {
		if x.app.Streams.CanPrompt() {
			x.show(plan)
		}
		users := cmdutil.Count(n, "user is", "users are")
		question := users + " removed from profile " + plan.Head.Profile + ": type the number"
		text, err := x.app.Streams.Line(ctx, question, "--confirm "+strconv.Itoa(n))
		if err != nil {
			return err
		}
		if given, err = strconv.Atoi(text); err != nil {
			given = -1
		}
	}
	if given != n {
		return failure.Newf(failure.Invalid, "nothing was sent: the plan removes %s (%d to deactivate, %d to delete), not %d",
			cmdutil.Count(n, "user", "users"), plan.Summary.Deactivate, plan.Summary.Delete, given)
	}
	x.app.Flags.Yes = true // it is the answer for a protected profile, too
	return nil
}

// nothing is the output where there is nothing to do.
func (x *applying) nothing(plan *apply.Plan) error {
	out := &applyOutput{app: x.app, printer: x.printer, run: &applyRun{summary: plan.Summary}}
	out.Begin("", 0)
	return out.End(job.Summary{})
}

// run carries a plan out as a job. The plan is the job's input.
func (x *applying) run(ctx context.Context, plan *apply.Plan, name string, anonymous bool) error {
	options := applyOptions{Ledger: plan.Head.Ledger}
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(plan.Encode(out)) }() // the reader has the error
	defer func() { _ = in.Close() }()                        // where it was not read to its end
	return x.app.RunJob(ctx, cmdutil.JobCommand{
		Kind: newApplyKind(&applyRun{all: x.o.all}), Command: "user apply", Flags: &x.o.JobFlags, Options: options,
		Input: in, InputName: name, Anonymous: anonymous,
	})
}
