package user

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// backup is a file of users as they were before they were deleted or deactivated: JSON Lines with
// the service's own names, as `user list -o jsonl` writes them.
type backup struct {
	path string

	mu   sync.Mutex
	file *os.File
	has  map[uuid.UUID]bool
}

// openBackup opens a backup, that of a job to add to it, and says where it is. Backups that are
// older than the profile keeps them are removed.
func openBackup(s *cmdutil.Session, op, jobID string) (*backup, error) {
	dir, err := s.StateDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "backups")
	name := jobID
	if name == "" {
		name = s.Now().UTC().Format("20060102T150405.000")
	}
	path := filepath.Join(dir, op+"-"+name+".jsonl")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, atomicfile.Failure(failure.Failed, "cannot write the backup of the users", dir, err)
	}
	pruneBackups(dir, s.Now().AddDate(0, 0, -s.Profile.KeepDays))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, atomicfile.Failure(failure.Failed, "cannot write the backup of the users", path, err)
	}
	s.Note("Backup of the users: " + path)
	return &backup{path: path, file: f, has: map[uuid.UUID]bool{}}, nil
}

func pruneBackups(dir string, oldest time.Time) {
	old, _ := filepath.Glob(filepath.Join(dir, "*.jsonl")) // the pattern is well formed
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && info.ModTime().Before(oldest) {
			_ = os.Remove(path) // the next command tries again
		}
	}
}

// add writes a user, once.
func (b *backup) add(s fleet.State) error {
	if s.User == nil || s.Place != fleet.Member {
		return nil
	}
	text, err := json.Marshal(*s.User)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.has[s.DeviceToken] {
		return nil
	}
	if _, err := b.file.Write(append(text, '\n')); err != nil {
		return atomicfile.Failure(failure.Failed, "cannot write the backup of the users", b.path, err)
	}
	b.has[s.DeviceToken] = true
	return nil
}

// close syncs the file. An empty one is removed.
func (b *backup) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := errors.Join(b.file.Sync(), b.file.Close())
	if info, statErr := os.Stat(b.path); statErr == nil && info.Size() == 0 {
		_ = os.Remove(b.path) // it says nothing
	}
	if err != nil {
		return atomicfile.Failure(failure.Failed, "cannot write the backup of the users", b.path, err)
	}
	return nil
}

// backedUp are users each of whom is written to the backup when it is read to be changed.
type backedUp struct {
	operation.Users
	backup *backup
}

// State reads the user: a list does not have all that a backup holds.
func (u backedUp) State(ctx context.Context, id uuid.UUID) (fleet.State, error) {
	return u.Read(ctx, id)
}

func (u backedUp) Read(ctx context.Context, id uuid.UUID) (fleet.State, error) {
	s, err := u.Users.Read(ctx, id)
	if err != nil {
		return s, err
	}
	return s, u.backup.add(s)
}

func (u backedUp) Lookup(ctx context.Context, t fleet.Token) (fleet.State, error) {
	s, err := u.Users.Lookup(ctx, t)
	if err != nil {
		return s, err
	}
	return s, u.backup.add(s)
}
