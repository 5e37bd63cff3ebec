// Package journal keeps the account of bulk runs: what was asked, and what became of each row, so that a run goes on where it
// stood however it ended. A job is a folder with these files:
//
//	job.json   what was asked (Spec); written once, by rename
//	run.json   how the last run ended (Status); written by rename
//	rows       a slot for each row: its state, its DeviceToken (see Table)
//	texts      why rows failed
//	mark       up to which row rows may have been sent, synced before they are
//	deaf       whether the service makes DeviceTokens of its own in spite of CustomToken: a byte that is 1 where it does
//	input      what came on standard input, where that is the job's file
//	lock       held by the process that runs the job
//
// Beside the jobs is the folder seeds (see KeepSeed).
//
// Nothing secret is in them: neither the InstanceKey nor any AccessToken or RefreshToken.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Spec is what a job was asked to do. What Update may change aside, it stays as it is while the job lives.
type Spec struct {
	ID       string
	Begun    time.Time
	Profile  string
	Host     string // the base URL of the service
	Instance string // InstanceId
	KeyCheck string // tells whether the InstanceKey is still the one that DeviceTokens were derived by; not the key

	File     *File     `json:",omitempty"` // a run of a file
	Quantity *Quantity `json:",omitempty"` // a run of a number of users

	Given             map[string]string // fields that are the same for every row, by the service's names
	NoValidate        bool
	CreateAccessToken bool
	ServerTokens      bool   // --device-token server: the service chooses
	Seed              string // what DeviceTokens that are neither given nor derived from a ClientId are made of; drawn at random for this job, or for all of the same content (KeepSeed); or derived for all of a named run (job.RunSeed)

	Rows      int // rows of the journal: those of the file, or the quantity
	Invalid   int `json:",omitempty"` // rows that are not valid and were passed over by --skip-invalid
	Requested int // how many of them the options chose
	Outputs   Outputs
}

// File is the input of a job.
type File struct {
	Path          string // absolute; for standard input the copy in the job's folder
	Stdin         bool
	Digest        string // of the content
	Format        string // as --format said it; from then on, the one that was found
	Map           map[string]string
	IgnoreUnknown bool
	Choice
}

// Choice says which rows of its input a job is about.
type Choice struct {
	Match         string
	Offset, Limit int
	Shard, Shards int // 3 of 16; 0 of 0 for all rows
}

// Choice is the choice of the job's rows.
func (s Spec) Choice() Choice {
	switch {
	case s.File != nil:
		return s.File.Choice
	case s.Quantity != nil:
		return s.Quantity.Choice
	default:
		return Choice{}
	}
}

// Quantity is what a job without a file makes.
type Quantity struct {
	BatchSize int               // users in one call of «register many»; 0: they are registered one by one
	Templates map[string]string // by the service's names
	Run       string            // what {{.Run}} gives
	Named     bool              `json:",omitempty"` // by --run: the job is known by it
	Choice                      // of the rows that templates make
}

// Outputs are the files that a run writes, as absolute paths; "" for none.
type Outputs struct{ Results, FailedOut, TokensOut string }

// Status is how a job stands, as of the end of its last run.
type Status struct {
	State                              string // one of the constants below
	Updated                            time.Time
	Created, Existing, Failed, Unknown int
}

// The states of a job.
const (
	Running  = "running"
	Stopped  = "stopped"  // it can be gone on with
	Finished = "finished" // nothing is left to be done
	Damaged  = "damaged"  // its files cannot be read: it can be removed, and nothing else
)

// Jobs is the folder of all jobs.
type Jobs struct {
	Dir  string
	Disk Disk // nil is the machine's own
}

var idShape = regexp.MustCompile(`^[0-9a-f]{12}$`)

const (
	specFile   = "job.json"
	statusFile = "run.json"
	slotsFile  = "rows"
	textsFile  = "texts"
	markFile   = "mark"
	deafFile   = "deaf"
	lockFile   = "lock"
	inputFile  = "input"
)

func (j Jobs) path(id, name string) string { return filepath.Join(j.Dir, id, name) }

func (j Jobs) table(id string) tablePaths {
	return tablePaths{slots: j.path(id, slotsFile), texts: j.path(id, textsFile), mark: j.path(id, markFile), deaf: j.path(id, deafFile)}
}

// KeepInput moves a copy of standard input into the folder of a job that is about to be created, and tells where it is then. It outlives a power
// cut as soon as the job does.
func (j Jobs) KeepInput(id, from string) (path string, err error) {
	path = j.path(id, inputFile)
	err = os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = syncFile(from)
	}
	if err == nil {
		err = os.Rename(from, path)
	}
	if err != nil {
		return "", failure.Wrap(failure.Failed, "standard input cannot be kept", err).WithHint("make room on the disk of the state folder")
	}
	return path, nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Job is a job that this process holds: no other can run it meanwhile.
type Job struct {
	Spec  Spec
	Table *Table

	jobs Jobs
	lock *flock.Flock
}

// Find reads a job's spec; failure.NotFound where there is no such job.
func (j Jobs) Find(id string) (Spec, error) {
	var s Spec
	if !idShape.MatchString(id) {
		return s, noJob(id)
	}
	data, err := os.ReadFile(j.path(id, specFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, noJob(id)
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, failure.Wrap(failure.Failed, "job "+id+" cannot be read", err)
	}
	return s, nil
}

func noJob(id string) error {
	return failure.Newf(failure.NotFound, "there is no job %q", id).WithHint("see `telematicsctl job list`")
}

// Create makes a job and holds it. One of the same ID must not exist. Until it returns without an error, there is no job.
func (j Jobs) Create(s Spec) (*Job, error) {
	lock, err := j.hold(s.ID)
	if err != nil {
		return nil, err
	}
	err = createTable(j.table(s.ID), s.Rows)
	if err == nil {
		err = j.writeJSON(s.ID, specFile, s) // last: a job without it does not exist
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return j.open(s, lock)
}

// Open holds a job that exists, to go on with it or to read it.
func (j Jobs) Open(id string) (*Job, error) {
	s, err := j.Find(id)
	if err != nil {
		return nil, err
	}
	lock, err := j.hold(id)
	if err != nil {
		return nil, err
	}
	return j.open(s, lock)
}

func (j Jobs) open(s Spec, lock *flock.Flock) (*Job, error) {
	t, err := openTable(j.Disk, j.table(s.ID), s.Rows)
	if err != nil {
		err = failure.Wrap(failure.Failed, "the journal of job "+s.ID+" cannot be used", err).
			WithHint("begin anew with --restart, or with `telematicsctl job remove " + s.ID + "`")
		return nil, errors.Join(err, lock.Close())
	}
	return &Job{Spec: s, Table: t, jobs: j, lock: lock}, nil
}

// hold takes the lock of a job, whose folder is made where it is not there. It does not wait.
func (j Jobs) hold(id string) (*flock.Flock, error) {
	if err := os.MkdirAll(filepath.Join(j.Dir, id), 0o700); err != nil {
		return nil, unwritable(err)
	}
	// The job's folder is to be there after a power cut too, before any row of it is sent.
	if err := errors.Join(atomicfile.SyncDir(j.Dir), atomicfile.SyncDir(filepath.Dir(j.Dir))); err != nil {
		return nil, unwritable(err)
	}
	lock := flock.New(j.path(id, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, unwritable(err)
	}
	if !ok {
		return nil, failure.Newf(failure.Failed, "job %s is being run by another process", id).
			WithHint("wait for it to end; `telematicsctl job show " + id + "` tells how it stands")
	}
	return lock, nil
}

// SetStatus writes how the job stands.
func (j *Job) SetStatus(s Status) error { return j.jobs.writeJSON(j.Spec.ID, statusFile, s) }

// Update changes what may change of a job's spec: which files its runs write, and where its input is now.
func (j *Job) Update(s Spec) error {
	old, err := json.Marshal(j.Spec)
	if err != nil {
		return err
	}
	now, err := json.Marshal(s)
	if err != nil || bytes.Equal(old, now) {
		return err
	}
	j.Spec = s
	return j.jobs.writeJSON(s.ID, specFile, s)
}

// Read opens the account of a job to read it, without holding the job: a process may be running it.
func (j Jobs) Read(s Spec) (*Table, error) {
	t, err := openTable(j.Disk, j.table(s.ID), s.Rows)
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the journal of job "+s.ID+" cannot be used", err)
	}
	return t, nil
}

// Close lets go of the job.
func (j *Job) Close() error { return errors.Join(j.Table.Close(), j.lock.Close()) }

func (j Jobs) writeJSON(id, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return failure.Wrap(failure.Failed, "job "+id, err)
	}
	if err := atomicfile.WriteFile(j.path(id, name), append(data, '\n'), 0o600); err != nil {
		return unwritable(err)
	}
	return nil
}

// Summary is a job as it stands.
type Summary struct {
	Spec
	Status Status
}

// Show tells how a job stands. What a process that was killed, or that ended early, has left behind is counted: a row that it sent, and that has no
// answer, is unknown.
func (j Jobs) Show(id string) (Summary, error) {
	s, err := j.Find(id)
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{Spec: s, Status: Status{State: Running, Updated: s.Begun}}
	if data, err := os.ReadFile(j.path(id, statusFile)); err == nil {
		_ = json.Unmarshal(data, &sum.Status) // a status that cannot be read is counted anew
	}
	if sum.Status.State == Finished {
		return sum, nil
	}
	t, err := j.Read(s)
	if err != nil {
		return sum, err
	}
	count, err := t.Count()
	err = errors.Join(err, t.Close())
	sum.Status.Created, sum.Status.Existing = count.States[Created], count.States[Existing]
	sum.Status.Failed, sum.Status.Unknown = count.States[Failed], count.States[Unknown]
	if j.held(id) {
		sum.Status.State = Running
	} else {
		sum.Status.State = Stopped
		sum.Status.Unknown += count.States[Sent]
		if count.Settled() >= s.Requested {
			sum.Status.State = Finished
		}
	}
	return sum, err
}

// held tells whether a process runs the job now.
func (j Jobs) held(id string) bool {
	lock := flock.New(j.path(id, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryRLock()
	_ = lock.Close()
	return err == nil && !ok
}

// List tells how all jobs stand, the newest first.
func (j Jobs) List() ([]Summary, error) {
	entries, err := os.ReadDir(j.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure.Wrap(failure.Failed, "the jobs cannot be listed", err)
	}
	var out []Summary
	for _, e := range entries {
		sum, err := j.Show(e.Name())
		if failure.Is(err, failure.NotFound) {
			continue // what a creation that was killed has left, or a file of somebody else
		}
		if err != nil {
			sum.ID, sum.Status.State = e.Name(), Damaged // the others are to be seen all the same
		}
		out = append(out, sum)
	}
	slices.SortFunc(out, func(a, b Summary) int { return b.Begun.Compare(a.Begun) })
	return out, nil
}

// Remove takes a job away, with its copy of standard input. One that is being run is not removed.
func (j Jobs) Remove(id string) error {
	if _, err := j.Find(id); failure.Is(err, failure.NotFound) {
		return err
	}
	lock, err := j.hold(id)
	if err != nil {
		return err
	}
	// The spec goes first: a removal that is cut short has removed the job all the same.
	err = os.Remove(j.path(id, specFile))
	err = errors.Join(err, lock.Close())
	if err == nil {
		err = os.RemoveAll(filepath.Join(j.Dir, id))
	}
	if err != nil {
		return failure.Wrap(failure.Failed, "job "+id+" cannot be removed", err)
	}
	return nil
}
