package job

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// Info is how a job stands.
type Info struct {
	Spec
	State   State
	Updated time.Time
	Tally   Tally
	Err     error // why the job is Damaged
}

// info counts the rows of a job. The state of a job that is not held, and what its
// rows are, is what the journal says.
func (s *Store) info(spec Spec) (Info, error) {
	folder := s.path(spec.ID)
	info := Info{Spec: spec, Updated: spec.Begun}
	last, err := readStatus(folder)
	if err != nil {
		return info, unusable(spec.ID, err)
	}
	if !last.Updated.IsZero() {
		info.Updated = last.Updated
	}
	held := s.isHeld(folder)
	j, err := journal.OpenToRead(s.fs(), folder, spec.ID, spec.Rows)
	if err != nil {
		return info, unusable(spec.ID, err)
	}
	info.Tally, err = tallyOf(j, spec.Requested)
	if err = errors.Join(err, j.Close()); err != nil {
		return info, unusable(spec.ID, err)
	}
	switch {
	case last.State == Replaced:
		info.State = Replaced
	case held:
		info.State = Running
	case info.Tally.Finished():
		info.State = Finished
	default:
		info.State = Stopped
	}
	return info, nil
}

// List returns all jobs, the newest first, damaged ones among them.
func (s *Store) List(ctx context.Context) ([]Info, error) {
	if err := s.Sweep(ctx); err != nil && ctx.Err() != nil {
		return nil, err // jobs can be listed although nothing can be swept
	}
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	var out []Info
	for _, id := range ids {
		info, err := s.show(id)
		if failure.Is(err, failure.NotFound) {
			continue
		}
		if err != nil {
			info.State, info.Err = Damaged, err
		}
		out = append(out, info)
	}
	slices.SortStableFunc(out, func(a, b Info) int { return b.Begun.Compare(a.Begun) })
	return out, nil
}

// ids lists the folders of jobs.
func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, atomicfile.Failure(failure.Failed, "jobs cannot be listed", s.Dir, err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && idShape.MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

func (s *Store) show(id string) (Info, error) {
	spec, err := readSpec(s.path(id), id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Info{}, noJob(id)
	case err != nil:
		return Info{Spec: Spec{ID: id}}, unusable(id, err)
	}
	return s.info(spec)
}

func noJob(id string) error {
	return failure.Newf(failure.NotFound, "no job %q", id).Because(ReasonNoJob, id)
}

// Find returns the job whose ID is, or begins with, id. One that is damaged is
// returned as such.
func (s *Store) Find(_ context.Context, id string) (Info, error) {
	ids, err := s.ids()
	if err != nil {
		return Info{}, err
	}
	var found []string
	for _, other := range ids {
		if id != "" && strings.HasPrefix(other, strings.ToLower(id)) {
			found = append(found, other)
		}
	}
	switch len(found) {
	case 0:
		return Info{}, noJob(id)
	case 1:
	default:
		return Info{}, failure.Newf(failure.Invalid, "several jobs begin with %q: %s", id, strings.Join(found, ", ")).
			Because(ReasonAmbiguous, id)
	}
	info, err := s.show(found[0])
	if err != nil && !failure.Is(err, failure.NotFound) {
		info.State, info.Err, err = Damaged, err, nil
	}
	return info, err
}

// Rows gives the rows of a job that were sent or settled, in the order of the
// input, by its journal alone.
func (s *Store) Rows(ctx context.Context, id string, yield func(Row) error) error {
	info, err := s.Find(ctx, id)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return err
	}
	j, err := journal.OpenToRead(s.fs(), s.path(info.ID), info.ID, info.Rows)
	if err != nil {
		return unusable(info.ID, err)
	}
	defer func() { _ = j.Close() }() // it was only read
	known := j.Read()
	for n := 1; n <= info.Rows; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := known.Entry(n)
		if err != nil {
			return unusable(info.ID, err)
		}
		if e.State == journal.Untouched {
			continue
		}
		if err := yield(rowOf(n, e)); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes all files of a job. One that a process runs is not removed.
func (s *Store) Remove(ctx context.Context, id string) error {
	info, err := s.Find(ctx, id)
	if err != nil {
		return err
	}
	folder := s.path(info.ID)
	release, err := s.hold(ctx, filepath.Join(folder, lockFile), info.ID)
	if err != nil {
		return err
	}
	defer release()
	return s.locked(ctx, func() error {
		// The spec goes first: a removal that is cut short has removed the job, and
		// the rest is swept.
		err := os.Remove(filepath.Join(folder, specFile))
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.RemoveAll(folder)
		}
		if err != nil {
			return atomicfile.Failure(failure.Failed, "job "+info.ID+" cannot be removed", folder, err)
		}
		return nil
	})
}

// Old returns the jobs whose last run is longer ago than keep, except those that a process runs and
// damaged ones.
func (s *Store) Old(ctx context.Context, keep time.Duration) (old []Info, err error) {
	jobs, err := s.List(ctx)
	for _, info := range jobs {
		if info.State != Running && info.State != Damaged && s.now().Sub(info.Updated) > keep {
			old = append(old, info)
		}
	}
	return old, err
}

// Prune removes the jobs whose last run is longer ago than keep, and returns
// their IDs. Jobs that a process runs stay.
func (s *Store) Prune(ctx context.Context, keep time.Duration) (removed []string, err error) {
	jobs, err := s.Old(ctx, keep)
	if err != nil {
		return nil, err
	}
	for _, info := range jobs {
		if err := s.Remove(ctx, info.ID); err != nil {
			if failure.HasReason(err, ReasonRunning) {
				continue
			}
			return removed, err
		}
		removed = append(removed, info.ID)
	}
	return removed, nil
}
