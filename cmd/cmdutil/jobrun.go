package cmdutil

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Jobs returns the folder of jobs.
func (a *App) Jobs() (*job.Store, error) {
	cfg, err := a.Config()
	if err != nil {
		return nil, err
	}
	return &job.Store{Dir: filepath.Join(cfg.StateDir, "jobs"), Now: a.Now}, nil
}

// RunJob runs the job that a command is: it finds or creates it, checks its input,
// sends what is not settled, and prints every row. The flags have been checked.
func (a *App) RunJob(ctx context.Context, c JobCommand) error {
	r, err := a.newJobRun(ctx, c.Kind, c.Flags)
	if err != nil {
		return err
	}
	defer r.close()
	req, err := r.request(c)
	if err != nil {
		return err
	}
	switch {
	case c.Input != nil:
		req.Input, req.InputName = c.Input, c.InputName
	case c.Flags.File != "":
		in, done, err := a.openForJob(c.Flags.File)
		if err != nil {
			return err
		}
		defer done()
		req.Input, req.InputName = in, c.Flags.File
	}
	j, err := r.jobs.Begin(ctx, req)
	if err != nil {
		return err
	}
	return r.hold(ctx, j, c.Command)
}

// ResumeJob runs a job again by its ID, or the beginning of it. Where no profile
// is named, it acts by the profile that the job was begun with.
func (a *App) ResumeJob(ctx context.Context, kinds []JobKind, id string, flags *JobFlags, again *Retrying) error {
	jobs, err := a.Jobs()
	if err != nil {
		return err
	}
	info, err := jobs.Find(ctx, id)
	if err != nil {
		return err
	}
	if info.Err != nil {
		return info.Err
	}
	i := slices.IndexFunc(kinds, func(k JobKind) bool { return k.Operation == info.Operation })
	if i < 0 {
		return failure.Newf(failure.Failed, "job %s: unknown operation %q", info.ID, info.Operation).
			Because(job.ReasonNewer, info.ID)
	}
	own, err := a.forJob(info.Spec)
	if err != nil {
		return err
	}
	r, err := own.newJobRun(ctx, kinds[i], flags)
	if err != nil {
		return err
	}
	defer r.close()
	if r.InstanceErr != nil {
		return r.InstanceErr
	}
	req := job.ResumeRequest{ID: info.ID, Host: r.Session.API.Host(), Instance: r.Instance.ID, Outputs: flags.Outputs(),
		DryRun: flags.DryRun}
	if r.kind.Derives {
		req.KeyCheck = r.deriver.KeyCheck()
	}
	if again == nil {
		j, err := jobs.Resume(ctx, req)
		if err != nil {
			return err
		}
		return r.hold(ctx, j, "job resume")
	}
	if again.IncludeUnknown {
		a.Streams.Warn("rows whose outcome is unknown are sent again: a user who was created " +
			"although the answer was lost is created twice")
	}
	j, n, err := jobs.Retry(ctx, req, again.IncludeUnknown)
	if err != nil {
		return err
	}
	a.Streams.Note("Retrying " + Count(n, "row", "rows"))
	return r.hold(ctx, j, "job retry")
}

// Retrying says which rows `job retry` sends again besides those that failed.
type Retrying struct{ IncludeUnknown bool }

// forJob returns the App by which a job is resumed.
func (a *App) forJob(spec job.Spec) (*App, error) {
	cfg, err := a.Config()
	if err != nil {
		return nil, err
	}
	if a.Flags.Profile == "" && (spec.Profile == config.SandboxProfile || slices.Contains(cfg.Names(), spec.Profile)) {
		a.Flags.Profile, a.config = spec.Profile, nil
	}
	return a, nil
}

// jobRun is one run of a job.
type jobRun struct {
	JobRun
	kind    JobKind
	jobs    *job.Store
	out     JobOutput
	printer *render.Printer
	parts   *JobParts
	command string
	kept    keptSettings
	restore func()
	audit   *Recorder
	failing error // of Emit: standard output, or the tokens

	changedUsers, changedCells int             // existing users who differ from the input
	changedFields              map[string]bool // what they differ in
}

func (a *App) newJobRun(ctx context.Context, kind JobKind, flags *JobFlags) (*jobRun, error) {
	p, err := a.Printer(ctx)
	if err != nil {
		return nil, err
	}
	if !a.Streams.OutTTY { // there rows must not be between the parts of the live line
		p.Buffer()
	}
	r := &jobRun{kind: kind, changedFields: map[string]bool{}, printer: p,
		JobRun: JobRun{App: a, Flags: flags, DryRun: flags.DryRun}}
	if r.out, err = kind.Output(a, p); err != nil {
		return nil, err
	}
	if r.jobs, err = a.Jobs(); err != nil {
		return nil, err
	}
	if r.Session, err = a.Session(SessionOptions{InFlight: flags.Concurrency, WaitsAlone: true}); err != nil {
		return nil, err
	}
	r.restore = limitMemory(flags.Concurrency)
	r.Instance, r.InstanceErr = r.Session.Instance(ctx)
	if id := r.Session.InstanceID(); r.InstanceErr != nil && !kind.Derives && id != "" {
		r.Instance, r.InstanceErr = userservice.Instance{ID: id}, nil // an admin needs no InstanceKey
	}
	if r.InstanceErr == nil && kind.Derives {
		r.deriver, r.InstanceErr = r.Session.Deriver(ctx)
		r.derives = r.InstanceErr == nil
	}
	if r.InstanceErr != nil && ctx.Err() != nil {
		defer r.close()
		return nil, ctx.Err()
	}
	return r, nil
}

func (r *jobRun) close() {
	if r.parts != nil && r.parts.File != nil {
		_ = r.parts.File.Close()
	}
	if r.Job != nil {
		_ = r.Job.Close() // what is to last was synced when the run ended
	}
	_ = r.Session.Close()
	r.restore()
}

// Deriver returns what derives the DeviceTokens of the instance's users; it is of no use where the
// instance is not known.
func (r *JobRun) Deriver(ctx context.Context) (identity.Deriver, error) {
	if r.derives || r.InstanceErr != nil {
		return r.deriver, nil
	}
	return r.Session.Deriver(ctx)
}

// request is the job that the command asks for. Without an instance its rows can
// only be looked at.
func (r *jobRun) request(c JobCommand) (job.Request, error) {
	own, err := json.Marshal(c.Options)
	if err != nil {
		return job.Request{}, err
	}
	options, err := json.Marshal(keptOptions{Input: c.Flags.Input, Kind: own})
	if err != nil {
		return job.Request{}, err
	}
	settings, err := json.Marshal(keptSettings{Command: c.Command, SkipInvalid: c.Flags.SkipInvalid, Raw: c.Flags.Raw})
	req := job.Request{
		Operation: c.Kind.Operation, Profile: r.Session.Profile.Name, Host: r.Session.API.Host(), Instance: r.Instance.ID,
		MaxInput: c.Flags.InputSize(), Options: options, Settings: settings, Selection: c.Flags.Selection(),
		Outputs: c.Flags.Outputs(),
		Once:    c.Once, Anonymous: c.Anonymous, Restart: c.Flags.Restart, DryRun: c.Flags.DryRun,
	}
	if r.InstanceErr != nil {
		req.Anonymous, req.DryRun = true, true
	} else if err == nil && c.Kind.Derives {
		req.KeyCheck = r.deriver.KeyCheck()
	}
	return req, err
}

// openForJob opens the input of a job; - is standard input.
func (a *App) openForJob(name string) (io.Reader, func(), error) {
	if name == "-" {
		return a.Streams.In, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, input.Missing(failure.Wrap(failure.Invalid, "the file cannot be read", err), name)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, nil, failure.Newf(failure.Invalid, "%s: it is a folder, not a file", name)
	}
	return f, func() { _ = f.Close() }, nil
}

// hold prepares and runs a job that this process holds.
func (r *jobRun) hold(ctx context.Context, j *job.Job, command string) error {
	r.Job, r.command, r.Resumed = j, command, !j.Fresh()
	var kept keptOptions
	if err := json.Unmarshal(j.Spec.Options, &kept); err != nil {
		return job.DamagedFiles(j.Spec.ID, err)
	}
	if err := json.Unmarshal(j.Spec.Settings, &r.kept); err != nil {
		return job.DamagedFiles(j.Spec.ID, err)
	}
	r.Input, r.Options = kept.Input, kept.Kind
	var err error
	if j.Finished() && j.Spec.Input != nil && j.InputPath() == "" {
		r.parts = &JobParts{Operation: settledOnly(j.Spec.Operation)} // its rows are in the journal
	} else if r.parts, err = r.kind.Open(ctx, &r.JobRun); err != nil {
		return err
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	return r.run(ctx)
}

// plan checks the input, asks what is to be asked, and creates the job where it is
// new.
func (r *jobRun) plan(ctx context.Context) error {
	spec := &r.Job.Spec
	if r.Resumed {
		if (spec.Invalid > 0 || r.Flags.Report != "") && r.parts.File != nil { // which rows these are is found out again
			if _, _, err := r.checkInput(ctx, r.parts.File, true, r.Flags.Report); err != nil {
				return err
			}
		}
		r.noteResumed()
		if r.Job.Finished() || r.DryRun {
			return nil
		}
		if err := r.confirmLeft(); err != nil {
			return err
		}
		return r.parts.Confirm(ctx, spec.Requested)
	}
	plan := job.Plan{Rows: r.parts.Rows, Requested: r.parts.Rows}
	var err error
	if r.parts.File != nil {
		if plan.Rows, plan.Invalid, err = r.checkInput(ctx, r.parts.File, r.kept.SkipInvalid, r.Flags.Report); err != nil {
			return err
		}
	}
	if s, ok := r.parts.Source.(interface{ CheckKeys(context.Context) error }); ok {
		if err := s.CheckKeys(ctx); err != nil {
			return err
		}
	}
	if plan.Requested, plan.Invalid, err = countRequested(ctx, r.parts.Source, plan.Invalid == 0); err != nil {
		return err
	}
	switch {
	case plan.Invalid > 0 && !r.kept.SkipInvalid:
		return r.invalidRows(ctx, plan)
	case plan.Requested == 0 && spec.Selection.Shards == 0:
		return failure.Newf(failure.Invalid, "--match, --offset and --limit select none of %s",
			Count(plan.Rows, "row", "rows"))
	case r.InstanceErr != nil && !r.DryRun:
		return r.InstanceErr
	}
	if r.parts.Warn != nil {
		r.parts.Warn()
	}
	if !r.DryRun {
		if err := r.parts.Confirm(ctx, plan.Requested); err != nil {
			return err
		}
	}
	return r.Job.Commit(ctx, plan)
}

// confirmLeft has a resumed job confirmed for what is left of it: it may be another agent, or
// another day, than the one that began it.
func (r *jobRun) confirmLeft() error {
	if r.parts.ConfirmLeft == nil {
		return nil
	}
	left, err := r.Job.Left()
	if err != nil || left == 0 {
		return err
	}
	return r.parts.ConfirmLeft(left)
}

// invalidRows is the error for rows that are invalid by what the command adds to
// them.
func (r *jobRun) invalidRows(ctx context.Context, plan job.Plan) error {
	var groups input.Groups
	err := r.parts.Source.Records(ctx, func(rec job.Record) error {
		if rec.Invalid != "" {
			why := strings.TrimPrefix(rec.Invalid, "invalid: ")
			groups.Add(input.Mistake{Row: rec.N, Line: rec.Line, Why: why, Kind: why})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return groups.Err(fmt.Sprintf("%d of %s %s invalid: nothing was sent", plan.Invalid, Count(plan.Rows, "row", "rows"),
		Are(plan.Invalid)))
}

func (r *jobRun) noteResumed() {
	id := r.Job.Spec.ID
	switch {
	case r.Job.Finished() && r.Flags.flags.Lookup("restart") != nil:
		r.App.Streams.Note("Job " + id + " is finished: nothing is sent (start over with --restart)")
	case r.Job.Finished():
		r.App.Streams.Note("Job " + id + " is finished: nothing is sent")
	case r.DryRun:
		r.App.Streams.Note("Job " + id + " has begun: it would be resumed")
	default:
		r.App.Streams.Note("Resuming job " + id)
	}
}

// limitMemory gives the heap of a run a size, and lets it be filled before garbage
// is collected: memory is then the same however long the run is, and less time
// goes into collecting. A GOMEMLIMIT of the environment is left as it is.
func limitMemory(concurrency int) (restore func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(30<<20 + int64(concurrency)*(96<<10))
	percent := debug.SetGCPercent(400)
	return func() {
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(percent)
	}
}

// settledOnly is the operation of a job of which nothing is left to be sent.
type settledOnly string

func (o settledOnly) Name() string             { return string(o) }
func (settledOnly) Group() int                 { return 1 }
func (settledOnly) Resendable(job.Record) bool { return false }
func (settledOnly) Do(context.Context, []job.Attempt) ([]job.Result, error) {
	return nil, failure.New(failure.Failed, "the job is finished: nothing is sent")
}
