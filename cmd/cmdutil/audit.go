package cmdutil

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// AuditOf returns the audit record that holds the changes by a profile.
func (k *App) AuditOf(cfg *config.Config, p config.Profile) *audit.Log {
	dir := cfg.StateDir
	if p.Sandbox {
		dir = SandboxDir(cfg)
	}
	return &audit.Log{Dir: dir, Now: k.Now, Keep: time.Duration(p.KeepDays) * 24 * time.Hour}
}

// A Recorder records changes of users in the audit record, and warns once where it cannot. A nil
// Recorder records nothing: the profile has no audit record.
type Recorder struct {
	session *Session
	log     *audit.Log
	warn    sync.Once
	earlier []uint64 // sorted: the users whom earlier runs of a job have recorded
}

// Recorder returns what records the changes that the session makes.
func (s *Session) Recorder() *Recorder {
	cfg, err := s.app.Config()
	if err != nil || !s.Profile.Audit {
		return nil
	}
	return &Recorder{session: s, log: s.app.AuditOf(cfg, s.Profile)}
}

// recorded are the outcomes that are changes, or may be.
var recorded = map[job.Outcome]bool{
	job.Created: true, job.Updated: true, job.Deleted: true, job.Moved: true, job.Confirmed: true, job.Unknown: true,
}

// Row records what became of one user, if that is a change or may be one. jobID is "" outside of
// jobs. What was recorded lasts when Flush has returned.
func (r *Recorder) Row(ctx context.Context, command, operation, jobID string, row job.Row) {
	if r == nil || !recorded[row.Outcome] {
		return
	}
	e := audit.Entry{
		Time: r.session.app.Now(), Profile: r.session.Profile.Name, InstanceID: r.session.InstanceID(), Command: command,
		Operation: operation, DeviceToken: row.DeviceToken.String(), ClientID: row.ClientID,
		Outcome: string(row.Outcome), Job: jobID,
	}
	if row.Action != "" {
		e.Operation = row.Action
	}
	for _, c := range row.Changes {
		e.Changes = append(e.Changes, audit.Change{Field: c.Field, From: c.From, To: c.To})
	}
	r.warnOf(r.log.Add(ctx, e))
}

// Resume reads which users earlier runs of a job, begun at a time, have recorded: a run that was
// killed may not have come to it for all that it changed.
func (r *Recorder) Resume(ctx context.Context, jobID string, begun time.Time) {
	if r == nil {
		return
	}
	r.warnOf(r.log.OfJob(ctx, jobID, begun, func(id uuid.UUID) { r.earlier = append(r.earlier, shortened(id)) }))
	slices.Sort(r.earlier)
}

// Earlier is Row of a row that an earlier run has settled: it is recorded unless it was.
func (r *Recorder) Earlier(ctx context.Context, command, operation, jobID string, row job.Row) {
	if r == nil {
		return
	}
	if _, ok := slices.BinarySearch(r.earlier, shortened(row.DeviceToken)); !ok {
		r.Row(ctx, command, operation, jobID, row)
	}
}

// shortened makes eight bytes of a DeviceToken: there may be a million.
func shortened(id uuid.UUID) uint64 {
	return binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])
}

// Flush writes what was recorded.
func (r *Recorder) Flush(ctx context.Context) {
	if r != nil {
		r.warnOf(r.log.Flush(ctx))
	}
}

func (r *Recorder) warnOf(err error) {
	if err != nil {
		r.warn.Do(func() {
			r.session.app.Streams.Warn("the change was made, but it is not recorded: " +
				failure.From(err).Error())
		})
	}
}
