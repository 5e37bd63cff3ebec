package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job/journal"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
)

// Spec is what a job was asked to do. It is written before the first row is sent
// and stays, Outputs excepted.
type Spec struct {
	ID        string
	Identity  string // what the job is found by when its command is given again; "" for one that never is
	Operation string
	Begun     time.Time
	Profile   string
	Host      string
	Instance  string
	KeyCheck  string `json:",omitempty"`

	Input     *Input          `json:",omitempty"` // nil for a job without one
	Options   json.RawMessage `json:",omitempty"`
	Settings  json.RawMessage `json:",omitempty"`
	Selection Selection
	Once      bool `json:",omitempty"`
	// Seed is drawn for the job, in hexadecimal, or was given to Commit.
	Seed string

	Rows      int // rows of the input
	Requested int // how many of them the job is about
	Invalid   int `json:",omitempty"` // how many of these cannot be sent
	Outputs   Outputs
}

// Input is the input of a job.
type Input struct {
	Name   string // for people
	Digest string // SHA-256 of the content
	Size   int64
}

// State is how far a job has come.
type State string

// The states of a job.
const (
	Running  State = "running"  // by a process
	Stopped  State = "stopped"  // it can be resumed
	Finished State = "finished" // nothing is left to be done
	Replaced State = "replaced" // it was not finished when it was restarted: a newer job took its place
	Damaged  State = "damaged"  // its files cannot be used: it can be removed
)

// status is what the journal does not say of a job.
type status struct {
	State   State
	Updated time.Time
}

// The files of a job, besides those of its journal.
const (
	specFile    = "job.json"
	commandFile = "command" // Spec.Identity, for when the spec is damaged
	statusFile  = "run.json"
	lockFile    = "lock"
	inputFile   = "input"
)

// The kinds of records.
const (
	specKind    = "job"
	commandKind = "command"
	statusKind  = "run"
	keyKind     = "identity-key"
)

var idShape = lazyregexp.New(`^[0-9a-f]{12}$`)

// readSpec reads the spec of the job in a folder. Anything that was not written
// so is refused.
func readSpec(folder, id string) (Spec, error) {
	var s Spec
	if err := journal.ReadRecord(filepath.Join(folder, specFile), specKind, &s); err != nil {
		return Spec{}, err
	}
	if s.ID != id || s.Operation == "" || s.Begun.IsZero() || s.Rows < 0 || s.Requested < 0 || s.Requested > s.Rows ||
		s.Selection.valid() != nil {
		return Spec{}, fmt.Errorf("%s: %w", specFile, journal.ErrDamaged)
	}
	if _, err := readStatus(folder); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// readStatus reads how the last run ended. The rows say that as well: a status that is missing or
// damaged is the zero one, and only a newer version's, which may mean something else, is an error.
func readStatus(folder string) (last status, err error) {
	err = journal.ReadRecord(filepath.Join(folder, statusFile), statusKind, &last)
	if errors.Is(err, journal.ErrNewer) {
		return status{}, err
	}
	return last, nil
}

// DamagedFiles is the error of a job whose files have something that no job has.
func DamagedFiles(id string, err error) error {
	return (&failure.Error{Code: failure.Failed, Message: "the files of job " + id + " are damaged: nothing was sent",
		Cause: err}).
		Because(ReasonDamaged, id)
}

// unusable is the error of a job whose files cannot be used.
func unusable(id string, err error) error {
	switch {
	case errors.Is(err, journal.ErrNewer):
		return (&failure.Error{Code: failure.Failed, Message: "job " + id + " was written by a newer version of this program",
			Cause: err}).
			Because(ReasonNewer, id)
	case errors.Is(err, journal.ErrDamaged):
		return DamagedFiles(id, err)
	default:
		return atomicfile.Failure(failure.Failed, "job "+id+" cannot be read", id, err)
	}
}

// journalFailure is the error for files of jobs that cannot be written.
func journalFailure(dir string, err error) error {
	return atomicfile.Failure(failure.Failed, "the journal of the job cannot be written", dir, err)
}
