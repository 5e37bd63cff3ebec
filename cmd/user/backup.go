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
	session *cmdutil.Session
	path    string

	mu   sync.Mutex
	file *os.File // nil before open: nothing is kept
	has  map[uuid.UUID]bool
}

// newBackup returns the backup of a job, or, where jobID is "", of a command. Nothing is written
// before it is opened.
func newBackup(s *cmdutil.Session, op, jobID string) (*backup, error) {
	dir, err := s.StateDir()
	if err != nil {
		return nil, err
	}
	if jobID == "" {
		jobID = s.Now().UTC().Format("20060102T150405.000")
	}
	path := filepath.Join(dir, "backups", op+"-"+jobID+".jsonl")
	return &backup{session: s, path: path, has: map[uuid.UUID]bool{}}, nil
}

// open creates the file, or opens that of a job to add to it, and says where it is. Backups that
// are older than the profile keeps them are removed.
func (b *backup) open() error {
	dir := filepath.Dir(b.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return b.failure(err)
	}
	pruneBackups(dir, b.session.Now().AddDate(0, 0, -b.session.Profile.KeepDays))
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return b.failure(err)
	}
	b.session.Note("Backup of the users: " + b.path)
	b.file = f
	return nil
}

func (b *backup) failure(err error) error {
	return atomicfile.Failure(failure.Failed, "cannot write the backup of the users", b.path, err)
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
	if b.file == nil || s.User == nil || s.Place != fleet.Member {
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
		return b.failure(err)
	}
	b.has[s.DeviceToken] = true
	return nil
}

// close syncs the file.
func (b *backup) close() error {
	if b.file == nil {
		return nil
	}
	if err := errors.Join(b.file.Sync(), b.file.Close()); err != nil {
		return b.failure(err)
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
