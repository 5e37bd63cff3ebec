package apply

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Ledger remembers, for one file and instance, which users applies have created or found in the
// file, since when absent ones are deactivated, and what the service made of values. It is for one
// goroutine at a time.
type Ledger struct {
	Path string
	state
	users   map[uuid.UUID]owned
	written map[writtenKey]written
}

// state is the head of a ledger.
type state struct {
	Instance string
	Host     string
	Rows     int // of the file when it was last applied
	Ended    bool
	Applied  time.Time
}

type owned struct {
	adopted  bool  // created by an apply, or in its file; else only seen
	ours     bool  // an apply has deactivated the user
	inactive int64 // since when, in seconds since 1970; 0 for not known
}

type writtenKey struct {
	user  uuid.UUID
	field string
}

// written is a value that an update has written, and what it replaced.
type written struct {
	To, From string // in the form that is compared
	Times    int    // how often in a row To has replaced From
	At       int64
}

// ledgerFile is a ledger on disk.
type ledgerFile struct {
	state
	Users   []ledgerUser
	Written []ledgerValue `json:",omitempty"`
}

type ledgerUser struct {
	DeviceToken   uuid.UUID
	InactiveSince int64 `json:",omitempty"`
	Deactivated   bool  `json:",omitempty"` // by an apply
	Seen          bool  `json:",omitempty"` // absent and in scope only
}

type ledgerValue struct {
	DeviceToken uuid.UUID
	Field       string
	written
}

const (
	ledgerKind    = "ledger"
	ledgerVersion = 1
	ledgerWait    = 10 * time.Second
	writtenKept   = 90 * 24 * time.Hour
)

// OpenLedger reads a ledger; one that does not exist is empty. It must be of the same instance.
func OpenLedger(path, host, instance string) (*Ledger, error) {
	l := &Ledger{Path: path, state: state{Instance: strings.ToLower(instance), Host: host}, users: map[uuid.UUID]owned{},
		written: map[writtenKey]written{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	content, err := atomicfile.Unframe(ledgerKind, ledgerVersion, data)
	var f ledgerFile
	if err == nil && json.Unmarshal(content, &f) != nil {
		err = atomicfile.ErrDamaged
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	if f.Instance != l.Instance || f.Host != host {
		return nil, failure.Newf(failure.Invalid, "the ledger %s is of instance %s of %s, not of %s of %s", path, f.Instance, f.Host,
			instance, host).
			Because(ReasonLedger, path)
	}
	l.state = f.state
	for _, u := range f.Users {
		l.users[u.DeviceToken] = owned{adopted: !u.Seen, ours: u.Deactivated, inactive: u.InactiveSince}
	}
	for _, v := range f.Written {
		l.written[writtenKey{v.DeviceToken, v.Field}] = v.written
	}
	return l, nil
}

func unreadable(path string, err error) error {
	return (&failure.Error{Code: failure.Invalid, Message: "the ledger " + path + " cannot be read: " + err.Error(), Cause: err}).
		Because(ReasonLedger, path)
}

// Known reports whether the file was applied before.
func (l *Ledger) Known() bool { return !l.Applied.IsZero() }

// Has reports whether a user was adopted.
func (l *Ledger) Has(user uuid.UUID) bool { return l.users[user].adopted }

// Owns reports whether the file owns a user.
func (l *Ledger) Owns(user uuid.UUID) bool { return l.Has(user) }

// Deactivated reports whether an apply has deactivated a user.
func (l *Ledger) Deactivated(user uuid.UUID) bool { return l.users[user].ours }

// InactiveSince returns since when a user is known to be deactivated; zero where it is not known.
func (l *Ledger) InactiveSince(user uuid.UUID) time.Time {
	if at := l.users[user].inactive; at != 0 {
		return time.Unix(at, 0).UTC()
	}
	return time.Time{}
}

// mostWrites is how often a value is written that the service changes back each time.
const mostWrites = 2

// normalized reports whether the service has twice made from of the value to.
func (l *Ledger) normalized(user uuid.UUID, f *field.Field, to, from any) bool {
	w, ok := l.written[writtenKey{user, f.Name}]
	return ok && w.Times >= mostWrites && w.To == form(f, to) && w.From == form(f, from)
}

// Update changes the ledger on disk, whoever else has changed it meanwhile.
func (l *Ledger) Update(ctx context.Context, change func(*Ledger)) error {
	release, err := filelock.Acquire(ctx, l.Path+".lock", ledgerWait)
	if err != nil {
		return atomicfile.Failure(failure.Failed, "the ledger cannot be locked", l.Path, err)
	}
	defer release()
	now, err := OpenLedger(l.Path, l.Host, l.Instance)
	if err != nil {
		return err
	}
	change(now)
	*l = *now
	return l.save()
}

func (l *Ledger) save() error {
	f := ledgerFile{state: l.state, Users: make([]ledgerUser, 0, len(l.users))}
	for token, u := range l.users {
		f.Users = append(f.Users, ledgerUser{token, u.inactive, u.ours, !u.adopted})
	}
	slices.SortFunc(f.Users, func(a, b ledgerUser) int { return strings.Compare(string(a.DeviceToken[:]), string(b.DeviceToken[:])) })
	for _, k := range slices.SortedFunc(maps.Keys(l.written), func(a, b writtenKey) int {
		return strings.Compare(string(a.user[:])+a.field, string(b.user[:])+b.field)
	}) {
		f.Written = append(f.Written, ledgerValue{k.user, k.field, l.written[k]})
	}
	content, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(l.Path, atomicfile.Frame(ledgerKind, ledgerVersion, content), 0o600); err != nil {
		return atomicfile.Failure(failure.Failed, "the ledger cannot be written", l.Path, err)
	}
	return nil
}

// Begin records that a plan is carried out.
func (l *Ledger) Begin(p *Plan, now time.Time) {
	if p.Head.Input != nil {
		l.Rows, l.Ended, l.Applied = p.Head.Input.Rows, p.Head.Input.Ended, now.UTC()
	}
	for _, user := range p.Adopt {
		l.adopt(user)
	}
	for _, user := range p.Inactive {
		if u := l.users[user]; u.inactive == 0 {
			u.inactive = now.Unix()
			l.users[user] = u
		}
	}
	for k, w := range l.written {
		if now.Sub(time.Unix(w.At, 0)) > writtenKept {
			delete(l.written, k)
		}
	}
}

func (l *Ledger) adopt(user uuid.UUID) {
	u := l.users[user]
	u.adopted = true
	l.users[user] = u
}

// Settled records what became of an action.
func (l *Ledger) Settled(row job.Row, now time.Time) {
	switch row.Outcome {
	case job.Created, job.Existing, job.Confirmed:
		l.adopt(row.DeviceToken)
	case job.Moved:
		l.adopt(row.DeviceToken)
	case job.Deleted:
		delete(l.users, row.DeviceToken)
	case job.Updated, job.Unchanged:
		l.changed(row, now)
	}
}

func (l *Ledger) changed(row job.Row, now time.Time) {
	u := l.users[row.DeviceToken]
	switch Kind(row.Action) {
	case Deactivate:
		u.ours = u.ours || row.Outcome == job.Updated
		if u.inactive == 0 {
			u.inactive = now.Unix()
		}
		l.users[row.DeviceToken] = u
	case Update:
		if row.Outcome != job.Updated {
			return
		}
		for _, c := range row.Changes {
			l.wrote(row.DeviceToken, c, now)
			if c.Field == "Status" && c.To == "Active" && (u.ours || u.inactive != 0) {
				u.ours, u.inactive = false, 0
				l.users[row.DeviceToken] = u
			}
		}
	}
}

func (l *Ledger) wrote(user uuid.UUID, c job.Change, now time.Time) {
	f, ok := field.Lookup(c.Field)
	if !ok {
		return
	}
	k, w := writtenKey{user, f.Name}, written{To: form(f, value(f, c.To)), From: form(f, value(f, c.From)), Times: 1, At: now.Unix()}
	if before := l.written[k]; before.To == w.To && before.From == w.From {
		w.Times = before.Times + 1
	}
	l.written[k] = w
}
