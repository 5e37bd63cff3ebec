package job

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// Job is a job that this process holds, from Begin or Resume to Close.
type Job struct {
	Spec Spec

	store    *Store
	folder   string
	journal  *journal.Journal // nil before Commit
	releases []func()
	fresh    bool   // it does not exist yet
	finished bool   // nothing is left to be done
	repeat   bool   // it was finished, and its command was given again
	dryRun   bool   // nothing of it is written
	replaces string // the job that this one takes the place of
	retry    *retrying
	given    string // the folder with the copy of the input that was given again
}

// Fresh reports whether the job is new: it must be committed before it is run.
func (j *Job) Fresh() bool { return j.fresh }

// Finished reports whether nothing was left to be done when the job was taken up.
func (j *Job) Finished() bool { return j.finished }

// InputPath is the job's copy of its input; "" for a job without one, or whose
// copy was removed.
func (j *Job) InputPath() string {
	if j.Spec.Input == nil {
		return ""
	}
	for _, folder := range []string{j.folder, j.given} {
		path := filepath.Join(folder, inputFile)
		if _, err := os.Stat(path); folder != "" && err == nil {
			return path
		}
	}
	return ""
}

func (j *Job) inputPath() string { return filepath.Join(j.folder, inputFile) }

// Plan is what is known of a new job once its input was read.
type Plan struct {
	Rows      int // rows of the input
	Requested int // how many of them were selected
	Invalid   int // how many of these cannot be sent
	// Settings and Seed, if not empty, take the place of those of the Request, and
	// of the one that was drawn.
	Settings []byte
	Seed     string
}

// Commit creates a fresh job: with its journal, whose room is taken, so that a
// disk that is full is found out before anything is sent.
func (j *Job) Commit(ctx context.Context, p Plan) error {
	s := j.store
	j.Spec.Rows, j.Spec.Requested, j.Spec.Invalid = p.Rows, p.Requested, p.Invalid
	if p.Settings != nil {
		j.Spec.Settings = p.Settings
	}
	if p.Seed != "" {
		j.Spec.Seed = p.Seed
	}
	if j.dryRun {
		return nil
	}
	if err := j.create(); err != nil {
		return journalFailure(s.Dir, err)
	}
	err := s.locked(ctx, func() error {
		if err := s.replace(j.replaces); err != nil {
			return err
		}
		folder := s.path(j.Spec.ID)
		err := os.Rename(j.folder, folder)
		if err == nil {
			j.folder, j.fresh = folder, false
			err = errors.Join(atomicfile.SyncDir(s.Dir), atomicfile.SyncDir(filepath.Dir(s.Dir)))
		}
		if err != nil {
			return journalFailure(s.Dir, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return j.open(false)
}

// create writes the files of a new job.
func (j *Job) create() error {
	if err := journal.Create(j.folder, j.Spec.ID, j.Spec.Rows); err != nil {
		return err
	}
	for _, r := range []struct {
		file, kind string
		content    any
	}{
		{statusFile, statusKind, status{State: Stopped, Updated: j.store.now().UTC()}},
		{commandFile, commandKind, j.Spec.Identity},
		{specFile, specKind, j.Spec},
	} {
		if err := journal.CreateRecord(filepath.Join(j.folder, r.file), r.kind, r.content); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(j.folder)
}

func (j *Job) writeStatus(state State) error {
	return journal.WriteRecord(filepath.Join(j.folder, statusFile), statusKind, status{State: state,
		Updated: j.store.now().UTC()})
}

// replace marks an unfinished job that is restarted, so that it is not resumed.
func (s *Store) replace(id string) error {
	if id == "" {
		return nil
	}
	old := &Job{store: s, folder: s.path(id)}
	spec, err := readSpec(old.folder, id)
	if err != nil {
		return unusable(id, err)
	}
	info, err := s.info(spec)
	if err != nil || info.State == Finished {
		return err
	}
	if err := old.writeStatus(Replaced); err != nil {
		return journalFailure(s.Dir, err)
	}
	if err := os.Remove(old.inputPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return journalFailure(s.Dir, err)
	}
	return nil
}

// open opens the journal.
func (j *Job) open(read bool) (err error) {
	open := journal.Open
	if read {
		open = journal.OpenToRead
	}
	if j.journal, err = open(j.store.fs(), j.folder, j.Spec.ID, j.Spec.Rows); err != nil {
		return unusable(j.Spec.ID, err)
	}
	return nil
}

// adopt makes j the job that exists already. The copy of the input that was given
// again stays until Close: that of the job may have been removed.
func (j *Job) adopt(ctx context.Context, id string, dryRun bool) error {
	folder := j.store.path(id)
	if !dryRun {
		release, err := j.store.hold(ctx, filepath.Join(folder, lockFile), id)
		if err != nil {
			return err
		}
		j.releases = append(j.releases, release)
	}
	spec, err := readSpec(folder, id)
	if errors.Is(err, os.ErrNotExist) {
		return noJob(id)
	}
	if err != nil {
		return unusable(id, err)
	}
	j.given, j.folder, j.Spec, j.fresh = j.folder, folder, spec, false
	if err := j.open(dryRun); err != nil {
		return err
	}
	tally, err := tallyOf(j.journal, spec.Requested)
	if err != nil {
		return unusable(id, err)
	}
	j.finished = tally.Finished()
	return nil
}

func (j *Job) setOutputs(o Outputs) error {
	if j.dryRun || o == j.Spec.Outputs {
		return nil
	}
	j.Spec.Outputs = o
	if err := journal.WriteRecord(filepath.Join(j.folder, specFile), specKind, j.Spec); err != nil {
		return journalFailure(j.store.Dir, err)
	}
	return nil
}

// Close lets go of the job. What was not committed is removed.
func (j *Job) Close() error {
	var err error
	if j.journal != nil {
		err = unwritable(j.journal.Close(), j.store.Dir)
	}
	var folders []string
	if j.fresh && j.folder != "" {
		folders = append(folders, j.folder)
	}
	if j.given != "" {
		folders = append(folders, j.given)
	}
	for _, folder := range folders {
		if removeErr := os.RemoveAll(folder); removeErr != nil {
			err = errors.Join(err, journalFailure(j.store.Dir, removeErr))
		}
	}
	for _, release := range j.releases {
		release()
	}
	j.journal, j.releases, j.given, j.fresh = nil, nil, "", false
	return err
}

// Run sends the records that are not settled, and reports those that are. The
// summary counts the rows of the whole job; its Err says what is wrong with rows.
// The error is what ended the run early.
func (j *Job) Run(ctx context.Context, o RunOptions) (Summary, error) {
	if j.fresh && !j.dryRun {
		return Summary{}, failure.New(failure.Failed, "the job was not committed")
	}
	if !j.dryRun {
		if err := j.store.locked(ctx, func() error { return j.store.keepKey(j.Spec) }); err != nil {
			return Summary{Job: j.Spec.ID}, err
		}
		if err := j.writeStatus(Running); err != nil {
			return Summary{Job: j.Spec.ID}, journalFailure(j.store.Dir, err)
		}
	}
	o.DryRun = o.DryRun || j.dryRun
	if o.Emit == nil {
		o.Emit = func(Row) error { return nil }
	}
	if err := j.markForRetry(); err != nil {
		return Summary{Job: j.Spec.ID}, err
	}
	r := &run{RunOptions: o, journal: j.journal, dir: j.store.Dir, begun: j.Spec.Begun, repeat: j.repeat}
	r.tally = Tally{Requested: j.Spec.Requested, Outcomes: map[Outcome]int{}}
	err := r.execute(ctx)
	if o.DryRun {
		return Summary{Job: j.Spec.ID, Tally: r.tally, Single: r.single}, j.explain(ctx, err, r.tally)
	}
	syncErr := j.journal.Sync()
	summary, countErr := j.summary(r)
	if err == nil {
		err = unwritable(errors.Join(syncErr, countErr), j.store.Dir)
	}
	if err == nil && summary.NotSent() > 0 {
		err = failure.Newf(failure.Failed, "the run ended, and %d of %d rows have no outcome",
			summary.NotSent(), summary.Requested).
			Because(ReasonUnfinished, j.Spec.ID)
	}
	end := j.end(summary)
	if countErr == nil && summary.madeNobody() {
		end = errors.Join(end, j.store.dropKey(context.WithoutCancel(ctx), j.Spec))
	}
	return summary, j.explain(ctx, errors.Join(err, end), summary.Tally)
}

// summary counts the rows of the whole job.
func (j *Job) summary(r *run) (Summary, error) {
	tally, err := tallyOf(j.journal, j.Spec.Requested)
	if r.repeat {
		tally.Outcomes[Existing] += tally.Outcomes[Created]
		delete(tally.Outcomes, Created)
	}
	tally.Settled = r.tally.Settled
	return Summary{Job: j.Spec.ID, Tally: tally, Single: r.single}, err
}

// tallyOf counts the rows of a journal. One that was sent and has no answer is
// unknown, and the next run deals with it.
func tallyOf(j *journal.Journal, requested int) (Tally, error) {
	t := Tally{Requested: requested, Outcomes: map[Outcome]int{}}
	count, err := j.Count()
	if err != nil {
		return t, err
	}
	for state, outcome := range outcomes {
		if n := count.States[state]; n > 0 {
			t.Outcomes[outcome] += n
		}
		t.Retryable += count.Retryable[state]
	}
	if n := count.States[journal.Sent]; n > 0 {
		t.Outcomes[Unknown] += n
		t.Retryable += n
	}
	return t, nil
}

// end records how the run ended. A job whose rows are all well needs its input no
// more; rows that failed may be retried.
func (j *Job) end(s Summary) error {
	state := Stopped
	if s.Finished() {
		state = Finished
	}
	err := j.writeStatus(state)
	if err == nil && state == Finished && s.Count(Failed, Unknown, Stale) == 0 && j.Spec.Input != nil {
		if removeErr := os.Remove(j.inputPath()); !errors.Is(removeErr, fs.ErrNotExist) {
			err = removeErr
		}
	}
	if err != nil {
		return journalFailure(j.store.Dir, err)
	}
	return nil
}

// explain completes the error that ended a run by the job's ID.
func (j *Job) explain(ctx context.Context, err error, t Tally) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		message := "interrupted"
		if n := t.NotSent() + t.Retryable; n > 0 && !j.dryRun {
			return &failure.Error{Code: failure.Interrupted, Message: message, Cause: context.Cause(ctx),
				Reason: ReasonUnfinished, Subject: j.Spec.ID}
		}
		return &failure.Error{Code: failure.Interrupted, Message: message, Cause: context.Cause(ctx)}
	}
	f := failure.Copy(err)
	if f.Subject == "" && (f.Reason == ReasonFailures || f.Reason == ReasonDown) {
		f.Subject = j.Spec.ID
	}
	return f
}
