package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
)

// Store is the folder of all jobs and their lifecycle:
//
//	ID/          a job: job.json (Spec), run.json, lock, input, and its journal
//	incoming/    jobs that are being created; one whose process was killed is swept
//	commands/    locks of commands, so that two processes do not begin one job twice
//	instances/   the identity key last used for each instance, as a check
//	lock         held while jobs are created, swept or removed
type Store struct {
	Dir string
	FS  journal.FS       // nil is the machine's own
	Now func() time.Time // nil is time.Now
}

const (
	incomingFolder  = "incoming"
	commandsFolder  = "commands"
	instancesFolder = "instances"

	// lockWait is how long a lock is waited for that nobody holds for longer.
	lockWait = 10 * time.Second
	// heldWait is how long the lock of a job is waited for: whoever lists jobs
	// takes it for a moment.
	heldWait = 300 * time.Millisecond
	// keepInput is how long the copy of an input is kept at most.
	keepInput = 30 * 24 * time.Hour
	// resumeWithin is how old an unfinished job may be that its command resumes,
	// where it does not register users.
	resumeWithin = 24 * time.Hour
)

func (s *Store) fs() journal.FS {
	if s.FS == nil {
		return journal.OS{}
	}
	return s.FS
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.Dir}, parts...)...)
}

func newID() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// locked calls do while no other process creates, sweeps or removes jobs.
func (s *Store) locked(ctx context.Context, do func() error) error {
	release, err := filelock.Acquire(ctx, s.path(lockFile), lockWait)
	if err != nil {
		return s.lockFailure(ctx, err)
	}
	defer release()
	return do()
}

func (s *Store) lockFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return atomicfile.Failure(failure.Failed, "the folder of jobs cannot be locked", s.Dir, err)
}

// hold takes the lock of a job, or of a command, by the path of its file.
func (s *Store) hold(ctx context.Context, path, id string) (release func(), err error) {
	release, err = filelock.Acquire(ctx, path, heldWait)
	var held *filelock.HeldError
	if errors.As(err, &held) {
		message := "another process runs this job"
		if id != "" {
			message = "another process runs job " + id
		}
		return nil, (&failure.Error{Code: failure.Failed, Message: message, Cause: err}).Because(ReasonRunning, id)
	}
	if err != nil {
		return nil, s.lockFailure(ctx, err)
	}
	return release, nil
}

// isHeld reports whether a process runs a job now.
func (s *Store) isHeld(folder string) bool {
	l := flock.New(filepath.Join(folder, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryRLock()
	_ = l.Close()
	return err == nil && !ok
}

// sweep removes what killed processes have left, and inputs that are too old. The
// caller holds the lock of the store.
func (s *Store) sweep() error {
	if err := s.sweepIncoming(); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !idShape.MatchString(e.Name()) {
			continue
		}
		folder := s.path(e.Name())
		info, err := os.Stat(filepath.Join(folder, inputFile))
		if err == nil && s.now().Sub(info.ModTime()) > keepInput && !s.isHeld(folder) {
			err = os.Remove(filepath.Join(folder, inputFile))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := os.Lstat(filepath.Join(folder, specFile)); errors.Is(err, fs.ErrNotExist) && !s.isHeld(folder) {
			if err := os.RemoveAll(folder); err != nil { // a removal that was cut short
				return err
			}
		}
	}
	return nil
}

func (s *Store) sweepIncoming() error {
	entries, err := os.ReadDir(s.path(incomingFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		folder := s.path(incomingFolder, e.Name())
		if s.isHeld(folder) {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes what killed processes have left behind, and inputs that are
// older than 30 days.
func (s *Store) Sweep(ctx context.Context) error {
	if _, err := os.Stat(s.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.locked(ctx, func() error {
		if err := s.sweep(); err != nil {
			return journalFailure(s.Dir, err)
		}
		return nil
	})
}
