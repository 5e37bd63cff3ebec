// Package lease keeps temporary changes of users: what a flag was before, and when it
// goes back. A lease is written before its change is sent, so that whatever ends the
// program, the change ends too: the next sweep puts back what is due.
package lease

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// The reasons of errors. The subject of ReasonUnreadable is the file.
const (
	ReasonUnreadable failure.Reason = "leases-unreadable"
	ReasonNoLease    failure.Reason = "lease-not-found" // the subject is what was given as its ID
	ReasonSweeping   failure.Reason = "lease-sweep-running"
)

// Lease is a temporary change of one flag of one user.
type Lease struct {
	ID          string `json:"Lease"`
	Profile     string
	InstanceID  string `json:"InstanceId"`
	DeviceToken string
	Field       string
	Value       bool // what the lease set
	Before      bool // what is put back
	Since       time.Time
	Until       time.Time
}

// Overdue reports whether the lease should have been put back by now.
func (l Lease) Overdue(now time.Time) bool { return !now.Before(l.Until) }

func (l Lease) sameFlag(other Lease) bool {
	return strings.EqualFold(l.InstanceID, other.InstanceID) && strings.EqualFold(l.DeviceToken, other.DeviceToken) &&
		l.Field == other.Field
}

// Store is the leases of one state folder. Many processes may use one folder.
type Store struct {
	Dir string
	Now func() time.Time

	// SweepWait is how long a sweep waits for another to end; 0 is ten seconds.
	SweepWait time.Duration
}

const (
	file      = "leases.json"
	kind      = "leases"
	version   = 1
	lockLimit = 10 * time.Second
)

func (s *Store) path() string { return filepath.Join(s.Dir, file) }

// Add records leases and returns them with their IDs; they last when it returns. A lease
// of a flag that is under a lease already takes its place, and puts back what the first
// one would have.
func (s *Store) Add(ctx context.Context, leases ...Lease) ([]Lease, error) {
	added := slices.Clone(leases)
	err := s.change(ctx, func(open []Lease) []Lease {
		for i := range added {
			l := &added[i]
			l.ID, l.Since, l.Until = newID(), l.Since.UTC().Truncate(time.Second), l.Until.UTC().Truncate(time.Second)
			if at := slices.IndexFunc(open, l.sameFlag); at >= 0 {
				l.Before = open[at].Before
				open = slices.Delete(open, at, at+1)
			}
			open = append(open, *l)
		}
		return open
	})
	return added, err
}

func newID() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// Remove ends leases without putting anything back. Those that are not there are not missed.
func (s *Store) Remove(ctx context.Context, ids ...string) error {
	return s.change(ctx, func(open []Lease) []Lease {
		return slices.DeleteFunc(open, func(l Lease) bool { return slices.Contains(ids, l.ID) })
	})
}

// List returns the open leases, those that end first before the others.
func (s *Store) List() ([]Lease, error) {
	open, err := s.load()
	slices.SortStableFunc(open, func(a, b Lease) int { return a.Until.Compare(b.Until) })
	return open, err
}

// Find returns the open lease whose ID begins with a prefix; failure.NotFound for none,
// failure.Invalid for several.
func (s *Store) Find(prefix string) (Lease, error) {
	open, err := s.load()
	if err != nil {
		return Lease{}, err
	}
	var found []Lease
	for _, l := range open {
		if prefix != "" && strings.HasPrefix(l.ID, prefix) {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return Lease{}, failure.Newf(failure.NotFound, "no lease %q", prefix).Because(ReasonNoLease, prefix)
	case 1:
		return found[0], nil
	}
	return Lease{}, failure.Newf(failure.Invalid, "%d leases begin with %q", len(found), prefix).
		Because(ReasonNoLease, prefix)
}

func (s *Store) load() ([]Lease, error) {
	data, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, atomicfile.Failure(failure.Failed, "cannot read the leases", s.path(), err)
	}
	content, err := atomicfile.Unframe(kind, version, data)
	var open []Lease
	if err == nil {
		err = json.Unmarshal(content, &open)
	}
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "cannot read the leases in "+s.path(), err).
			Because(ReasonUnreadable, s.path())
	}
	return open, nil
}

func (s *Store) change(ctx context.Context, change func([]Lease) []Lease) error {
	release, err := filelock.Acquire(ctx, s.path()+".lock", lockLimit)
	if err != nil {
		return err
	}
	defer release()
	open, err := s.load()
	if err != nil {
		return err
	}
	content, err := json.MarshalIndent(change(open), "", " ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(s.path(), atomicfile.Frame(kind, version, append(content, '\n')), 0o600); err != nil {
		return atomicfile.Failure(failure.Failed, "cannot write the leases", s.path(), err)
	}
	return nil
}
