package user

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/apply"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// runningWait is how long the lock of a file's apply is waited for.
const runningWait = 300 * time.Millisecond

// fromFile plans and applies a file: what an earlier apply of it has not finished is resumed first.
func (x *applying) fromFile(ctx context.Context) error {
	path, host, instance, err := x.place()
	if err != nil {
		return err
	}
	release, err := filelock.Acquire(ctx, path+".running", runningWait)
	var held *filelock.HeldError
	if errors.As(err, &held) {
		return failure.New(failure.Failed, "another process applies this file").Because(job.ReasonRunning, "")
	}
	if err != nil {
		return atomicfile.Failure(failure.Failed, "the ledger "+path+" cannot be locked", path, err)
	}
	defer release()
	if err := x.resume(ctx, path, host, instance); err != nil {
		return err
	}
	plan, ledger, err := x.make(ctx)
	if err != nil {
		return err
	}
	if err := x.o.checked.limits.Check(plan); err != nil {
		return err
	}
	x.notes(plan)
	if len(plan.Actions) == 0 {
		if err := ledger.Update(ctx, func(l *apply.Ledger) { l.Begin(plan, x.app.Now()) }); err != nil {
			return err
		}
		return x.nothing(plan)
	}
	if err := x.confirm(ctx, plan); err != nil {
		return err
	}
	return x.run(ctx, plan, x.o.File, true)
}

// place returns the path of the ledger, and the host and the instance that the file is applied to.
func (x *applying) place() (path, host, instance string, err error) {
	s, err := x.app.Session(cmdutil.SessionOptions{WaitsAlone: true})
	if err != nil {
		return "", "", "", err
	}
	defer func() { _ = s.Close() }()
	if instance, err = profileInstance(s); err != nil {
		return "", "", "", err
	}
	cfg, err := x.app.Config()
	if err != nil {
		return "", "", "", err
	}
	host = s.API.Host()
	path, err = x.o.ledgerPath(cfg.StateDir, host, instance)
	return path, host, instance, err
}

func (x *applying) make(ctx context.Context) (*apply.Plan, *apply.Ledger, error) {
	s, err := x.app.Session(cmdutil.SessionOptions{InFlight: planInFlight, WaitsAlone: true})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = s.Close() }()
	return makePlan(ctx, x.app, s, &x.o.planOptions)
}

// resumeWithin is how old an unfinished apply may be that is resumed.
const resumeWithin = 24 * time.Hour

// resume finishes what an earlier apply of the same file has begun.
func (x *applying) resume(ctx context.Context, ledger, host, instance string) error {
	jobs, err := x.app.Jobs()
	if err != nil {
		return err
	}
	all, err := jobs.List(ctx)
	if err != nil {
		return err
	}
	for _, info := range all {
		if info.Operation != apply.Name || info.Err != nil || info.Host != host ||
			!strings.EqualFold(info.Instance, instance) || info.State != job.Stopped ||
			x.app.Now().Sub(info.Updated) > resumeWithin || ledgerOf(info.Spec) != ledger {
			continue
		}
		x.app.Streams.Note("An earlier apply of this file was not finished")
		if x.app.Flags.Agent && x.confirmed { // begun, perhaps, with another number
			x.app.Flags.Confirm = &x.o.confirm
		}
		err := x.app.ResumeJob(ctx, []cmdutil.JobKind{newApplyKind(&applyRun{silent: true})}, info.ID, &x.o.JobFlags, nil)
		switch failure.CodeOf(err) {
		case failure.Partial, failure.Rejected, failure.NotFound: // of rows, which are planned again
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ledgerOf returns the ledger of a job.
func ledgerOf(spec job.Spec) string {
	var kept struct{ Kind applyOptions }
	if json.Unmarshal(spec.Options, &kept) != nil {
		return ""
	}
	return kept.Kind.Ledger
}
