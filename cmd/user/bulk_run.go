package user

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// bulkRun is one run of `user bulk` or of `job resume`, from the options to the account of what was done.
type bulkRun struct {
	k         *cmdutil.App
	printer   *render.Printer
	jobs      journal.Jobs
	session   *cmdutil.Session
	in        userservice.Instance
	spec      journal.Spec
	pace      paceFlags
	inputFile *inputFile // nil for users that are alike

	skipInvalid, restart, dryRun bool
	report                       string

	source interface {
		job.Table
		Rows(ctx context.Context, do func(job.Row) error) error
	}
	custom  field.Set
	job     *journal.Job   // nil for a dry run
	table   *journal.Table // the job's; nil for a dry run of a job that is not begun
	resumed bool           // the job had begun before
	done    bool           // nothing is left of it
	trusted bool           // users were registered by it before: the InstanceKey is good, as far as is known
}

func runBulk(ctx context.Context, k *cmdutil.App, o bulkOptions) error {
	r := &bulkRun{k: k, pace: o.pace, skipInvalid: o.skipInvalid, restart: o.restart, dryRun: o.dryRun, report: o.report}
	if err := r.checkOutput(ctx); err != nil {
		return err
	}
	var err error
	if r.spec, err = bulkSpec(k, o); err != nil {
		return err
	}
	return r.execute(ctx)
}

func (r *bulkRun) checkOutput(ctx context.Context) (err error) {
	if r.printer, err = r.k.Printer(ctx); err != nil {
		return err
	}
	return bulkView.Check(r.printer)
}

// execute finds the job or makes it, runs it, and accounts for it.
func (r *bulkRun) execute(ctx context.Context) (err error) {
	defer frugal(r.pace.concurrency)()
	if r.session, err = r.k.Session(r.pace.concurrency, true); err != nil {
		return err
	}
	defer func() { _ = r.session.Close() }()
	if r.in, err = r.session.Instance(ctx); err != nil {
		return err
	}
	if r.jobs, err = r.k.OldJobs(); err != nil {
		return err
	}
	defer func() {
		if r.inputFile != nil {
			r.inputFile.close()
		}
	}()
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.checkPairs(ctx); err != nil {
		return err
	}
	if r.dryRun {
		return r.plan(ctx)
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	defer func() { _ = r.job.Close() }()
	return r.send(ctx)
}

// identify completes the spec and finds out whether there is such a job already.
func (r *bulkRun) identify(ctx context.Context) error {
	s := &r.spec
	if r.resumed {
		if err := otherInstance(*s, r.in.ID); err != nil {
			return err
		}
	} else {
		s.Profile, s.Host, s.Instance = r.session.Profile.Name, r.session.API.Host(), strings.ToLower(r.in.ID)
	}
	keyCheck := job.KeyCheck(r.in)
	if s.File != nil {
		in, err := openInput(ctx, r.k, r.jobs, s)
		if err != nil {
			return err
		}
		r.inputFile, s.File.Format = in, in.file.Format()
	}
	if !r.resumed {
		if err := r.name(keyCheck); err != nil {
			return err
		}
	}
	if s.File == nil && len(s.Quantity.Templates) > 0 {
		in, err := openTemplates(ctx, r.k, r.jobs, s)
		if err != nil {
			return err
		}
		r.inputFile = in
	}
	if !r.resumed {
		return nil
	}
	if s.KeyCheck != keyCheck {
		return failure.Newf(failure.Invalid, "the InstanceKey is not the one that job %s was begun with: its rows would get other DeviceTokens, and be made twice", s.ID).
			WithHint("use the old key; or, if no row of the job is to be gone on with, --restart")
	}
	return nil
}

// name gives a new job its ID, or takes up the job that has it already.
func (r *bulkRun) name(keyCheck string) (err error) {
	s := &r.spec
	s.Begun, s.KeyCheck, s.Seed = r.k.Now().UTC(), keyCheck, randomHex(32)
	if s.File == nil && !s.Quantity.Named {
		s.ID, s.Quantity.Run = randomHex(6), strings.Split(uuid.NewString(), "-")[0]
		return nil
	}
	if s.ID, err = job.Identity(*s); err != nil {
		return err
	}
	if s.File == nil {
		s.Seed = job.RunSeed(r.in, s.Quantity.Run)
	} else {
		seed, err := r.jobs.Seed(*s)
		if err != nil {
			return err
		}
		s.Seed = cmp.Or(seed, s.Seed)
	}
	old, err := r.jobs.Find(s.ID)
	switch {
	case failure.Is(err, failure.NotFound), r.restart:
		return nil
	case err != nil:
		return err
	}
	r.resumed = true
	given := *s
	*s = old
	s.Outputs = given.Outputs
	if s.File != nil && !given.File.Stdin {
		s.File.Path, s.File.Stdin = given.File.Path, false // where the content is now
	}
	return nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// prepare makes the source of the rows and, for a job that is new, holds every row to the rules.
func (r *bulkRun) prepare(ctx context.Context) error {
	if r.spec.ServerTokens {
		r.k.Streams.Warn("the service chooses the DeviceTokens: a registration whose answer is lost cannot be repeated, and it is not known then whether the user exists")
	}
	given, err := byField(r.spec.Given)
	if err != nil {
		return err
	}
	reader := field.Reader{Use: field.Create, Now: r.k.Now(), Loose: true}
	if !r.spec.NoValidate {
		reader.Loose = false
	}
	readInto(&reader, given)
	if err := failure.InvalidFields("the run is not valid, and nothing was sent", reader.Mistakes); err != nil {
		return err
	}
	r.custom = reader.Set
	if r.inputFile != nil {
		return r.prepareInput(ctx)
	}
	r.source = job.NumberedRows{Quantity: r.spec.Rows, Custom: r.custom, Tokens: job.NewTokens(r.in, r.spec.Seed), Theirs: r.spec.ServerTokens}
	return nil
}

// checkPairs makes sure that there is a place for the users' tokens, before anybody is registered.
func (r *bulkRun) checkPairs(ctx context.Context) error {
	if !r.spec.CreateAccessToken || r.spec.Outputs.TokensOut != "" {
		return nil
	}
	kept := r.session.Stored() != "" && r.session.Stored() != tokenstore.KindMemory
	switch {
	case !kept && r.k.Flags.ShowTokens:
		return nil
	case !kept:
		return failure.InvalidFields("the run is not valid, and nothing was sent", []failure.Field{{Key: "--create-access-token",
			Message: "no token store outlives this run, so the users' tokens would be lost: name a file for them with --tokens-out, or print them with --show-tokens"}})
	case r.spec.Requested > largestStored:
		return failure.InvalidFields("the run is not valid, and nothing was sent", []failure.Field{{Key: "--create-access-token", Message: tooManyPairs(r.spec.Requested)}})
	case r.dryRun:
		return nil
	}
	return r.session.Store.Check(ctx)
}

func (r *bulkRun) prepareInput(ctx context.Context) error {
	choice, err := job.NewChoice(r.spec.Choice())
	if err != nil {
		return err
	}
	src := job.FileRows{File: r.inputFile.file, Choice: choice, Given: r.custom, Tokens: job.NewTokens(r.in, r.spec.Seed), OwnSeed: r.ownSeed(), Theirs: r.spec.ServerTokens}
	r.source = src
	if r.resumed && r.spec.Invalid == 0 {
		return nil // every row was found valid when the job was begun, and the file is the same
	}
	total, bad, err := r.inputFile.check(ctx, r.k, r.skipInvalid || r.resumed, r.report)
	if err != nil || r.resumed {
		return err
	}
	r.spec.Rows, r.spec.Requested, r.spec.Invalid = total, total, bad
	if choice.All() {
		return nil
	}
	r.spec.Requested = 0
	nameless := 0
	err = src.Rows(ctx, func(row job.Row) error {
		r.spec.Requested++
		if row.Nameless {
			nameless++
		}
		return nil
	})
	if err != nil {
		return err
	}
	shards := r.spec.Choice().Shards
	if nameless > 0 && shards > 1 && r.spec.File != nil {
		r.k.Streams.Warn(cmdutil.Count(nameless, "row of this shard has", "rows of this shard have") + " neither a ClientId nor a CustomToken: keep the state folder until it is done, as only there stands which users they are")
	}
	if r.spec.Requested == 0 && shards == 0 {
		return failure.Newf(failure.Invalid, "--match, --offset and --limit leave none of %s", cmdutil.Count(total, "row", "rows"))
	}
	return nil
}

// ownSeed tells whether the seed of the rows is this job's alone: it is of a quantity run, unless that has a name and was begun with the name's seed.
func (r *bulkRun) ownSeed() bool {
	q := r.spec.Quantity
	return q != nil && (!q.Named || r.spec.Seed != job.RunSeed(r.in, q.Run))
}

// open asks what is to be asked, and takes hold of the job. Nothing was written for it before.
func (r *bulkRun) open(ctx context.Context) (err error) {
	if err := r.session.BeforeChange(ctx); err != nil {
		return err
	}
	if r.resumed {
		r.job, err = r.jobs.Open(r.spec.ID)
	} else {
		r.job, err = r.create()
	}
	if err != nil {
		return err
	}
	if err := r.job.Update(r.spec); err != nil {
		return errors.Join(err, r.job.Close())
	}
	r.table = r.job.Table
	if err := r.takeStock(); err != nil {
		return errors.Join(err, r.job.Close())
	}
	switch {
	case r.done:
		r.k.Streams.Note("Job " + r.spec.ID + " is finished: every row has its outcome, and nothing is sent (--restart begins it anew)")
	case r.resumed:
		r.k.Streams.Note("Going on with job " + r.spec.ID)
	}
	return nil
}

// takeStock finds out whether anything of the job is left to be done.
func (r *bulkRun) takeStock() error {
	count, err := r.table.Count()
	r.trusted = count.States[journal.Created]+count.States[journal.Existing] > 0
	r.done = err == nil && r.resumed && count.Settled() >= r.spec.Requested
	return err
}

// plan is a dry run. What a job that has begun knows already is reported as its next run would.
func (r *bulkRun) plan(ctx context.Context) (err error) {
	if !r.resumed {
		return r.send(ctx)
	}
	if r.table, err = r.jobs.Read(r.spec); err != nil {
		return err
	}
	defer func() { _ = r.table.Close() }()
	if err := r.takeStock(); err != nil {
		return err
	}
	if r.done {
		r.k.Streams.Note("Job " + r.spec.ID + " is finished: every row has its outcome (--restart would begin it anew)")
	} else {
		r.k.Streams.Note("Job " + r.spec.ID + " has begun, and would be gone on with")
	}
	return r.send(ctx)
}

func (r *bulkRun) create() (*journal.Job, error) {
	if err := r.keepSeed(); err != nil {
		return nil, err
	}
	if r.restart {
		if err := r.jobs.Remove(r.spec.ID); err != nil && !failure.Is(err, failure.NotFound) {
			return nil, err
		}
	}
	if r.inputFile != nil && r.inputFile.copy != "" {
		path, err := r.jobs.KeepInput(r.spec.ID, r.inputFile.copy)
		if err != nil {
			return nil, err
		}
		r.inputFile.copy, r.spec.File.Path = "", path
	}
	return r.jobs.Create(r.spec)
}

// keepSeed writes down what the DeviceTokens of a file's nameless rows are made of, before there is a job of them. Where another process was first at
// it, its seed is taken.
func (r *bulkRun) keepSeed() (err error) {
	src, ok := r.source.(job.FileRows)
	if !ok || r.spec.File == nil || src.Theirs {
		return nil
	}
	if r.spec.Seed, err = r.jobs.KeepSeed(r.spec); err != nil {
		return err
	}
	src.Tokens = job.NewTokens(r.in, r.spec.Seed)
	r.source = src
	return nil
}
