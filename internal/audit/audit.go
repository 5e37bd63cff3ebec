// Package audit keeps the record of the changes that this program made: one line a
// change, in a file of the state folder. It answers what was changed here, when, and from
// what to what; undo rests on it. It holds personal data and no secrets.
package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// Change is one field of a user with its value before and after: a string, a number, a
// bool, or nil for none.
type Change struct {
	Field    string
	From, To any
}

// Entry is one change of one user, or one user that was registered or deleted.
type Entry struct {
	Time        time.Time
	Profile     string
	InstanceID  string `json:"InstanceId"`
	Command     string // as it was called: "user set-logging"
	Operation   string // what was done: "register", "update", "delete", "move", "undo"
	DeviceToken string
	ClientID    string   `json:"ClientId,omitempty"` // where it was known without a request
	Changes     []Change `json:",omitempty"`
	Outcome     string
	RequestID   string `json:"RequestId,omitempty"`
	Job         string `json:",omitempty"`
}

// Log is the record in one state folder. Its methods may be called by many goroutines,
// and by many processes on one folder.
type Log struct {
	Dir  string
	Now  func() time.Time
	Keep time.Duration // how long lines are kept

	mu      sync.Mutex
	pending []byte    // lines that are not written yet
	since   time.Time // when the first of them came
	pruned  bool
}

const (
	current     = "audit.jsonl"
	rotatedGlob = "audit-*.jsonl"
	rotateAt    = 8 << 20 // bytes of a file before the next one is begun
	flushAt     = 1 << 20 // bytes of lines that are written together
	flushAfter  = time.Second
	lockLimit   = 10 * time.Second
	version     = 1
)

// castagnoli is made when it is first needed: every command would pay for it.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// line is an entry as it is written: with the version of the format and a checksum of the
// entry's JSON.
type line struct {
	V     int
	Sum   string
	Entry json.RawMessage
}

// Add records changes. Many lines are written together: what Add was given lasts when
// Flush has returned.
func (l *Log) Add(ctx context.Context, entries ...Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		l.since = l.Now()
	}
	for _, e := range entries {
		lines, err := appendLine(l.pending, e)
		if err != nil {
			return err
		}
		l.pending = lines
	}
	if len(l.pending) < flushAt && l.Now().Sub(l.since) < flushAfter {
		return nil
	}
	return l.flush(ctx, false)
}

// Flush writes what was added, and syncs it.
func (l *Log) Flush(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flush(ctx, true)
}

func sum(entry []byte) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], crc32.Checksum(entry, castagnoli()))
	return hex.EncodeToString(b[:])
}

// flush is called with the lock held. Lines that cannot be written are dropped: the
// caller warns of them.
func (l *Log) flush(ctx context.Context, sync bool) error {
	if len(l.pending) == 0 {
		return nil
	}
	lines := l.pending
	l.pending = l.pending[:0]
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return l.failure(err)
	}
	release, err := filelock.Acquire(context.WithoutCancel(ctx), l.path(current)+".lock", lockLimit)
	if err != nil {
		return err
	}
	defer release()
	if err := l.rotate(); err != nil {
		return l.failure(err)
	}
	f, err := os.OpenFile(l.path(current), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return l.failure(err)
	}
	err = endLine(f)
	if err == nil {
		_, err = f.Write(lines)
	}
	if sync {
		err = errors.Join(err, f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return l.failure(err)
	}
	return nil
}

// endLine ends a last line that a crash cut off, so that the next one stands by itself.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.Write([]byte("\n"))
	return err
}

// rotate begins another file when the current one is large, and removes, once a process,
// those that are older than they are kept.
func (l *Log) rotate() error {
	now := l.Now()
	if info, err := os.Stat(l.path(current)); err == nil && info.Size() >= rotateAt {
		name := "audit-" + now.UTC().Format("20060102T150405.000000000") + ".jsonl"
		if err := os.Rename(l.path(current), l.path(name)); err != nil {
			return err
		}
	}
	if l.pruned || l.Keep <= 0 {
		return nil
	}
	l.pruned = true
	old, err := filepath.Glob(l.path(rotatedGlob))
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > l.Keep {
			_ = os.Remove(path) // the next process tries again
		}
	}
	return err
}

func (l *Log) path(name string) string { return filepath.Join(l.Dir, name) }

func (l *Log) failure(err error) error {
	return atomicfile.Failure(failure.Failed, "cannot write the audit record", l.path(current), err)
}

// Filter says which entries are wanted; a zero member matches everything.
type Filter struct {
	Since       time.Time
	DeviceToken string
	InstanceID  string
}

func (f Filter) takes(e Entry) bool {
	return !e.Time.Before(f.Since) && (f.DeviceToken == "" || strings.EqualFold(e.DeviceToken, f.DeviceToken)) &&
		(f.InstanceID == "" || strings.EqualFold(e.InstanceID, f.InstanceID))
}

// Each gives the entries that the filter takes to do, the oldest first; lines older than
// Keep are no longer given. It returns how many lines could not be read: damaged ones, or
// of a newer version. They are skipped.
func (l *Log) Each(ctx context.Context, f Filter, do func(Entry) error) (unreadable int, err error) {
	if l.Keep > 0 {
		if oldest := l.Now().Add(-l.Keep); f.Since.Before(oldest) {
			f.Since = oldest
		}
	}
	files, err := filepath.Glob(l.path(rotatedGlob))
	if err != nil {
		return 0, err
	}
	slices.Sort(files) // their names begin with their times
	for _, path := range append(files, l.path(current)) {
		bad, err := eachLine(ctx, path, func(e Entry) error {
			if f.takes(e) {
				return do(e)
			}
			return nil
		})
		unreadable += bad
		if err != nil {
			return unreadable, err
		}
	}
	return unreadable, nil
}

func eachLine(ctx context.Context, path string, do func(Entry) error) (unreadable int, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, atomicfile.Failure(failure.Failed, "cannot read the audit record", path, err)
	}
	defer func() { _ = file.Close() }()
	for r := bufio.NewReader(file); ; {
		text, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			if e, ok := decode(text); !ok {
				unreadable++
			} else if err := errors.Join(ctx.Err(), do(e)); err != nil {
				return unreadable, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return unreadable, nil
		case err != nil:
			return unreadable, atomicfile.Failure(failure.Failed, "cannot read the audit record", path, err)
		}
	}
}

func decode(text []byte) (Entry, bool) {
	var l line
	var e Entry
	if json.Unmarshal(text, &l) != nil || l.V != version || l.Sum != sum(l.Entry) {
		return e, false
	}
	d := json.NewDecoder(bytes.NewReader(l.Entry))
	d.UseNumber()
	return e, d.Decode(&e) == nil
}

// Last returns the last change of a user in an instance that can be undone: one that was
// made ("updated") and whose values before are known. It is nil where there is none.
func (l *Log) Last(ctx context.Context, instanceID, deviceToken string) (*Entry, error) {
	var last *Entry
	_, err := l.Each(ctx, Filter{DeviceToken: deviceToken, InstanceID: instanceID}, func(e Entry) error {
		if e.Outcome == "updated" && len(e.Changes) > 0 {
			last = &e
		}
		return nil
	})
	return last, err
}
