package apply

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// Ledger remembers, for one file and instance, which users applies have created or found in the
// file, since when absent ones are deactivated, and what the service made of values. It is for one
// goroutine at a time.
type Ledger struct {
	Path string
	state
	users     []owned    // by their DeviceTokens
	directory *directory // of the users; nil until somebody is looked for
	written   map[writtenKey]written
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
	user     uuid.UUID
	inactive uint32 // since when the user is deactivated, in seconds since 1970; 0 for not known
	adopted  bool   // created by an apply, or in its file; else only seen
	ours     bool   // an apply has deactivated the user
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

// ledgerHead is the first line of a ledger on disk; a line a user and a line a value follow.
type ledgerHead struct {
	Ledger int // the version
	Users  int
	state
}

// ledgerLine is a line of a ledger: of a user, or of a value that was written.
type ledgerLine struct {
	DeviceToken   uuid.UUID
	InactiveSince uint32 `json:",omitempty"`
	Deactivated   bool   `json:",omitempty"` // by an apply
	Seen          bool   `json:",omitempty"` // absent and in scope only

	Field string `json:",omitempty"`
	To    string `json:",omitempty"`
	From  string `json:",omitempty"`
	Times int    `json:",omitempty"`
	At    int64  `json:",omitempty"`
}

const (
	ledgerVersion = 1
	ledgerWait    = 10 * time.Second
	writtenKept   = 90 * 24 * time.Hour
)

// OpenLedger reads a ledger; one that does not exist is empty. It must be of the same instance.
func OpenLedger(path, host, instance string) (*Ledger, error) {
	l := &Ledger{Path: path, written: map[writtenKey]written{}}
	l.state = state{Instance: strings.ToLower(instance), Host: host}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = l.read(bufio.NewReaderSize(f, 1<<16))
		_ = f.Close() // it was only read
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	if l.Instance != strings.ToLower(instance) || l.Host != host {
		return nil, failure.Newf(failure.Invalid, "the ledger %s is of instance %s of %s, not of %s of %s", path, l.Instance,
			l.Host, instance, host).Because(ReasonLedger, path)
	}
	return l, nil
}

// read reads the lines of a ledger. The last one is the checksum of those before.
func (l *Ledger) read(in *bufio.Reader) error {
	var h ledgerHead
	sum, line := sha256.New(), []byte(nil)
	for first := true; ; first = false {
		next, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || len(next) == 0 {
			return atomicfile.ErrDamaged
		}
		line = append(line[:0], next...)
		if text, ok := bytes.CutPrefix(line, []byte(sumPrefix)); ok && !first {
			if _, err := in.ReadByte(); string(text) != hex.EncodeToString(sum.Sum(nil))+"\n" || !errors.Is(err, io.EOF) {
				return atomicfile.ErrDamaged
			}
			return nil
		}
		_, _ = sum.Write(line)
		switch {
		case !first:
			err = l.take(line)
		case json.Unmarshal(line, &h) != nil || h.Ledger == 0:
			return errors.New("not a ledger")
		case h.Ledger > ledgerVersion:
			return atomicfile.ErrNewer
		default:
			l.state = h.state
			l.users = make([]owned, 0, min(max(h.Users, 0), 1<<22))
		}
		if err != nil {
			return atomicfile.ErrDamaged
		}
	}
}

const sumPrefix = "sha256 "

// plainHead begins the line of a user of whom nothing is known but that an apply has adopted it.
const plainHead = `{"DeviceToken":"`

func (l *Ledger) take(line []byte) error {
	if token, ok := bytes.CutPrefix(line, []byte(plainHead)); ok && len(token) == len(uuid.Nil.String())+len("\"}\n") {
		user, err := uuid.ParseBytes(token[:len(token)-len("\"}\n")]) // nearly all lines are so
		l.users = append(l.users, owned{user: user, adopted: true})
		return err
	}
	var v ledgerLine
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	if v.Field != "" {
		l.written[writtenKey{v.DeviceToken, v.Field}] = written{v.To, v.From, v.Times, v.At}
		return nil
	}
	l.users = append(l.users, owned{v.DeviceToken, v.InactiveSince, !v.Seen, v.Deactivated})
	return nil
}

func unreadable(path string, err error) error {
	return (&failure.Error{
		Code: failure.Invalid, Message: "the ledger " + path + " cannot be read: " + err.Error(), Cause: err,
	}).Because(ReasonLedger, path)
}

// Known reports whether the file was applied before.
func (l *Ledger) Known() bool { return !l.Applied.IsZero() }

func seconds(t time.Time) uint32 { return uint32(t.Unix()) } //nolint:gosec // until 2106

// Has reports whether a user was adopted.
func (l *Ledger) Has(user uuid.UUID) bool { return l.of(user).adopted }

// of returns what is known of a user; nothing where the ledger does not have it.
func (l *Ledger) of(user uuid.UUID) owned {
	if i, ok := l.find(user); ok {
		return l.users[i]
	}
	return owned{user: user}
}

// find returns the place of a user.
func (l *Ledger) find(user uuid.UUID) (place int, ok bool) {
	if l.directory == nil {
		d := newDirectory(len(l.users), func(i int) uint64 { return binary.BigEndian.Uint64(l.users[i].user[:]) })
		l.directory = &d
	}
	low, high := l.directory.around(binary.BigEndian.Uint64(user[:]))
	place, ok = slices.BinarySearchFunc(l.users[low:high], user, func(u owned, user uuid.UUID) int {
		return bytes.Compare(u.user[:], user[:])
	})
	return low + place, ok
}

// put changes what is known of users, all at once.
func (l *Ledger) put(changed map[uuid.UUID]owned) {
	for i := range l.users {
		if u, ok := changed[l.users[i].user]; ok {
			l.users[i] = u
			delete(changed, u.user)
		}
	}
	l.users = slices.Grow(l.users, len(changed))
	for _, u := range changed {
		l.users = append(l.users, u)
	}
	slices.SortFunc(l.users, func(a, b owned) int { return bytes.Compare(a.user[:], b.user[:]) })
	l.users = slices.DeleteFunc(l.users, func(u owned) bool { return u == owned{user: u.user} })
	l.directory = nil
}

// Owned returns how many users were adopted.
func (l *Ledger) Owned() (n int) {
	for _, u := range l.users {
		if u.adopted {
			n++
		}
	}
	return n
}

// Owns reports whether the file owns a user.
func (l *Ledger) Owns(user uuid.UUID) bool { return l.Has(user) }

// Deactivated reports whether an apply has deactivated a user.
func (l *Ledger) Deactivated(user uuid.UUID) bool { return l.of(user).ours }

// InactiveSince returns since when a user is known to be deactivated; zero where it is not known.
func (l *Ledger) InactiveSince(user uuid.UUID) time.Time {
	if at := l.of(user).inactive; at != 0 {
		return time.Unix(int64(at), 0).UTC()
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
	path, host, instance := l.Path, l.Host, l.Instance
	*l = Ledger{} // it is read again, and two need not be in memory
	now, err := UpdateLedger(ctx, path, host, instance, change)
	if err == nil {
		*l = *now
	}
	return err
}

// UpdateLedger changes a ledger on disk, and returns it.
func UpdateLedger(ctx context.Context, path, host, instance string, change func(*Ledger)) (*Ledger, error) {
	release, err := filelock.Acquire(ctx, path+".lock", ledgerWait)
	if err != nil {
		return nil, atomicfile.Failure(failure.Failed, "the ledger "+path+" cannot be locked", path, err)
	}
	defer release()
	l, err := OpenLedger(path, host, instance)
	if err != nil {
		return nil, err
	}
	change(l)
	return l, l.save()
}

func (l *Ledger) save() error {
	err := atomicfile.Write(l.Path, 0o600, func(w io.Writer) error {
		out, sum := bufio.NewWriterSize(w, 1<<16), sha256.New()
		e := json.NewEncoder(io.MultiWriter(out, sum))
		if err := e.Encode(ledgerHead{ledgerVersion, len(l.users), l.state}); err != nil {
			return err
		}
		for _, u := range l.users {
			line := ledgerLine{DeviceToken: u.user, InactiveSince: u.inactive, Deactivated: u.ours, Seen: !u.adopted}
			if err := e.Encode(line); err != nil {
				return err
			}
		}
		for k, v := range l.written {
			line := ledgerLine{DeviceToken: k.user, Field: k.field, To: v.To, From: v.From, Times: v.Times, At: v.At}
			if err := e.Encode(line); err != nil {
				return err
			}
		}
		_, _ = out.WriteString(sumPrefix + hex.EncodeToString(sum.Sum(nil)) + "\n") // Flush has the error
		return out.Flush()
	})
	if err != nil {
		return atomicfile.Failure(failure.Failed, "the ledger cannot be written", l.Path, err)
	}
	return nil
}
