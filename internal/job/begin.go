package job

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// Begin finds the job that a command is, or creates it, and holds it: no other
// process can run it until Close. The input is copied first. A job that is new
// (Fresh) does not exist before Commit; Close without it leaves nothing behind.
func (s *Store) Begin(ctx context.Context, req Request) (job *Job, err error) {
	j := &Job{store: s, fresh: true, dryRun: req.DryRun}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.Close())
		}
	}()
	if err := s.CheckKey(req.Host, req.Instance, req.KeyCheck); err != nil {
		return nil, err
	}
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	j.Spec = Spec{
		ID: newID(), Operation: req.Operation, Begun: s.now().UTC(), Profile: req.Profile, Host: req.Host,
		Instance: strings.ToLower(req.Instance), KeyCheck: req.KeyCheck, Options: req.Options, Settings: req.Settings,
		Selection: req.Selection, Once: req.Once, Seed: hex.EncodeToString(seed), Outputs: req.Outputs,
	}
	if err := req.Selection.valid(); err != nil {
		return nil, err
	}
	if err := s.createFolder(ctx, j); err != nil {
		return nil, err
	}
	digest := ""
	if req.Input != nil {
		if j.Spec.Input, err = j.receive(ctx, req); err != nil {
			return nil, err
		}
		digest = j.Spec.Input.Digest
	}
	if req.Anonymous {
		return j, nil
	}
	if j.Spec.Identity, err = req.identity(digest); err != nil {
		return nil, err
	}
	return j, s.find(ctx, j, req)
}

// createFolder makes the folder in which a job is prepared, and holds it.
func (s *Store) createFolder(ctx context.Context, j *Job) error {
	return s.locked(ctx, func() error {
		if err := s.sweep(); err != nil {
			return journalFailure(s.Dir, err)
		}
		j.folder = s.path(incomingFolder, j.Spec.ID)
		release, err := filelock.Acquire(ctx, filepath.Join(j.folder, lockFile), lockWait)
		if err != nil {
			return s.lockFailure(ctx, err)
		}
		j.releases = append(j.releases, release)
		return nil
	})
}

// receive copies the input into the job's folder.
func (j *Job) receive(ctx context.Context, req Request) (*Input, error) {
	f, err := os.OpenFile(j.inputPath(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, inputFailure(j.store.Dir, err)
	}
	limit := req.MaxInput
	if limit <= 0 {
		limit = DefaultMaxInput
	}
	in := &inputReader{r: req.Input}
	hash := sha256.New()
	type copied struct {
		n   int64
		err error
	}
	done := make(chan copied, 1)
	go func() { // a read of a pipe cannot be interrupted
		n, err := io.Copy(f, io.TeeReader(io.LimitReader(in, limit+1), hash))
		if err == nil {
			err = f.Sync()
		}
		done <- copied{n, errors.Join(err, f.Close())}
	}()
	var c copied
	select {
	case c = <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case in.err != nil:
		var known *failure.Error
		if errors.As(in.err, &known) {
			return nil, known
		}
		return nil, failure.Wrap(failure.Invalid, req.InputName+" cannot be read", in.err)
	case c.err != nil:
		return nil, inputFailure(j.store.Dir, c.err)
	case c.n > limit:
		return nil, failure.Newf(failure.Invalid, "%s is larger than %d bytes", req.InputName, limit).
			Because(ReasonInputLarge, req.InputName)
	}
	return &Input{Name: req.InputName, Digest: hex.EncodeToString(hash.Sum(nil)), Size: c.n}, nil
}

func inputFailure(dir string, err error) error {
	return atomicfile.Failure(failure.Failed, "the copy of the input cannot be written", dir, err)
}

// inputReader remembers why reading failed.
type inputReader struct {
	r   io.Reader
	err error
}

func (r *inputReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// find looks for the job that the command began before.
func (s *Store) find(ctx context.Context, j *Job, req Request) error {
	if !req.DryRun {
		release, err := s.hold(ctx, s.path(commandsFolder, j.Spec.Identity[:32]), "")
		if err != nil {
			return s.whoRuns(j.Spec.Identity, err)
		}
		j.releases = append(j.releases, release)
	}
	old, err := s.newest(j.Spec.Identity)
	if err != nil || old == nil {
		return err
	}
	if old.State == Running && !req.DryRun {
		return (&failure.Error{Code: failure.Failed, Message: "another process runs job " + old.ID}).
			Because(ReasonRunning, old.ID)
	}
	switch {
	case req.Restart, old.KeyCheck != req.KeyCheck && old.Tally.madeNobody():
		j.replaces = old.ID
		return nil
	case old.State == Finished && !req.Once:
		return nil
	case old.State != Finished && !req.Once && s.now().Sub(old.Updated) > resumeWithin:
		return failure.Newf(failure.Invalid,
			"job %s of the same input was not finished, and is older than a day: nothing was sent",
			old.ID).
			Because(ReasonAbandoned, old.ID)
	}
	outputs := j.Spec.Outputs
	if err := j.adopt(ctx, old.ID, req.DryRun); err != nil {
		return err
	}
	if !j.finished && j.Spec.Input != nil && j.InputPath() == "" {
		return inputGone(old.ID)
	}
	j.repeat = j.finished
	return j.setOutputs(outputs)
}

// whoRuns completes the error of a command whose job is run by another process.
func (s *Store) whoRuns(identity string, err error) error {
	f := failure.From(err)
	if old, _ := s.newest(identity); old != nil && f.Reason == ReasonRunning {
		f.Message, f.Subject = "another process runs job "+old.ID, old.ID
	}
	return err
}

// newest finds the latest job of a command; nil for none. One that is damaged
// is an error: it may have sent rows.
func (s *Store) newest(identity string) (*Info, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, journalFailure(s.Dir, err)
	}
	var newest Spec
	for _, e := range entries {
		if !e.IsDir() || !idShape.MatchString(e.Name()) {
			continue
		}
		spec, err := readSpec(s.path(e.Name()), e.Name())
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil && s.isOther(e.Name(), identity):
			continue
		case err != nil:
			return nil, unusable(e.Name(), err)
		}
		if spec.Identity == identity && (newest.ID == "" || spec.Begun.After(newest.Begun)) {
			newest = spec
		}
	}
	if newest.ID == "" {
		return nil, nil //nolint:nilnil // no job, and no error
	}
	info, err := s.info(newest)
	if err != nil || info.State == Replaced {
		return nil, err
	}
	return &info, nil
}

// isOther reports whether a job whose spec cannot be read is certainly not the job
// of a command.
func (s *Store) isOther(id, identity string) bool {
	var other string
	err := journal.ReadRecord(s.path(id, commandFile), commandKind, &other)
	return err == nil && other != identity
}

// valid reports what is impossible about a selection.
func (s Selection) valid() error {
	if s.Offset < 0 || s.Limit < 0 || s.Shards < 0 || s.Shard < 0 || s.Shard > s.Shards || (s.Shards > 0 && s.Shard == 0) {
		return failure.New(failure.Invalid, fmt.Sprintf("invalid selection of rows: %+v", s))
	}
	return nil
}
