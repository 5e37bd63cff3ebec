package job

import (
	"context"
	"errors"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// ResumeRequest is a command that names a job.
type ResumeRequest struct {
	ID       string // or the beginning of one
	Host     string
	Instance string
	KeyCheck string // as in Request
	Outputs  Outputs
	DryRun   bool
}

// Resume holds a job that exists, to run it again: what is done is not done again.
// Outputs that the request names take the place of the job's own.
func (s *Store) Resume(ctx context.Context, req ResumeRequest) (job *Job, err error) {
	info, err := s.Find(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case info.State == Damaged:
		return nil, info.Err
	case info.State == Replaced:
		return nil, failure.Newf(failure.Invalid, "job %s was restarted: a newer job took its place", info.ID).
			Because(ReasonReplaced, info.ID)
	case !strings.EqualFold(info.Instance, req.Instance):
		return nil, failure.Newf(failure.Invalid, "job %s is about instance %s, not %s",
			info.ID, info.Instance, req.Instance).
			Because(ReasonOtherJob, info.Profile)
	case info.Host != req.Host:
		return nil, failure.Newf(failure.Invalid, "job %s is about the service at %s, not %s",
			info.ID, info.Host, req.Host).
			Because(ReasonOtherJob, info.Profile)
	}
	check := req.KeyCheck
	if info.KeyCheck == "" {
		check = ""
	}
	if check != info.KeyCheck && info.Tally.madeNobody() {
		return nil, failure.Newf(failure.Invalid,
			"job %s was begun with another identity key, and registered nobody: it cannot be resumed with this one", info.ID).
			Because(ReasonOtherKey, info.ID)
	}
	if check != info.KeyCheck {
		return nil, failure.Newf(failure.Invalid,
			"the identity key differs from the one of job %s: users would be registered twice; nothing was sent", info.ID).
			Because(ReasonIdentityKey, info.Instance)
	}
	if err := s.CheckKey(info.Host, info.Instance, check); err != nil {
		return nil, err
	}
	j := &Job{store: s, dryRun: req.DryRun}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.Close())
		}
	}()
	if err := j.adopt(ctx, info.ID, req.DryRun); err != nil {
		return nil, err
	}
	outputs := j.Spec.Outputs.or(req.Outputs)
	if j.Spec.Input != nil && j.InputPath() == "" {
		switch {
		case !j.finished:
			return nil, inputGone(info.ID)
		case outputs.Results != j.Spec.Outputs.Results, outputs.FailedOut != j.Spec.Outputs.FailedOut:
			return nil, failure.Newf(failure.Failed,
				"job %s is finished, and the copy of its input was removed: no other files can be written", info.ID).
				Because(ReasonInputGone, info.ID)
		}
	}
	return j, j.setOutputs(outputs)
}

func inputGone(id string) error {
	return failure.Newf(failure.Failed, "the copy of the input of job %s was removed: its rows cannot be sent", id).
		Because(ReasonInputGone, id)
}

// or returns the outputs with those of given that are named.
func (o Outputs) or(given Outputs) Outputs {
	for _, p := range []struct {
		to    *string
		given string
	}{{&o.Results, given.Results}, {&o.FailedOut, given.FailedOut}, {&o.TokensOut, given.TokensOut}} {
		if p.given != "" {
			*p.to = p.given
		}
	}
	return o
}

// retrying is which rows the next run sends again.
type retrying struct {
	unknown bool // those too whose outcome is unknown
	rows    int
}

// Retry is Resume with the rows that failed sent again, and with includeUnknown
// those whose outcome is unknown, even where that could do them twice: the caller
// has warned. It returns how many rows these are; the job is as it was until Run.
func (s *Store) Retry(ctx context.Context, req ResumeRequest, includeUnknown bool) (*Job, int, error) {
	j, err := s.Resume(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	j.retry = &retrying{unknown: includeUnknown}
	err = j.eachToRetry(func(int, journal.Entry) error {
		j.retry.rows++
		return nil
	})
	n := j.retry.rows
	if err == nil && n > 0 && j.Spec.Input != nil && j.InputPath() == "" {
		err = inputGone(j.Spec.ID)
	}
	if err != nil {
		return nil, 0, errors.Join(err, j.Close())
	}
	if n > 0 {
		j.finished = false
	}
	return j, n, nil
}

// Left returns how many rows the next run sends.
func (j *Job) Left() (int, error) {
	t, err := tallyOf(j.journal, j.Spec.Requested)
	if err != nil {
		return 0, unusable(j.Spec.ID, err)
	}
	if j.retry != nil {
		return t.NotSent() + j.retry.rows, nil
	}
	return t.NotSent() + t.Retryable, nil
}

// eachToRetry gives the rows that are sent again, as the journal is to have them. A row
// that is known to be unknown is sent as one that never was.
func (j *Job) eachToRetry(do func(row int, e journal.Entry) error) error {
	known := j.journal.Read()
	for row := 1; row <= j.Spec.Rows; row++ {
		e, err := known.Entry(row)
		if err != nil {
			return unusable(j.Spec.ID, err)
		}
		switch {
		case e.State == journal.Failed && e.Code != string(failure.Invalid), e.State == journal.Unknown && e.Retryable:
			e.Retryable = true
		case (e.State == journal.Unknown || e.State == journal.Sent) && j.retry.unknown:
			e = journal.Entry{ClientID: e.ClientID}
		default:
			continue
		}
		if err := do(row, e); err != nil {
			return err
		}
	}
	return nil
}

// markForRetry has a run send again what has failed.
func (j *Job) markForRetry() error {
	if j.retry == nil || j.retry.rows == 0 || j.dryRun {
		return nil
	}
	err := j.eachToRetry(func(row int, e journal.Entry) error {
		return unwritable(j.journal.Put(row, e), j.store.Dir)
	})
	if err != nil {
		return err
	}
	return unwritable(j.journal.Sync(), j.store.Dir)
}
