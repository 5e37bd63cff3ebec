package tokenstore

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
)

// The kind and version of the index's frame.
const (
	indexKind    = "keyring-index"
	indexVersion = 1
)

// index says which pairs are in the keyring, so that they can be listed without reading each. It
// holds no secrets, and it is a cache, not the truth: each List and each read compares it with the
// keyring, and repairs it.
//
// Before a record is written or removed its entry is marked unsure, and afterwards it is made what
// was written: what a crash leaves in between is an entry that the next List looks up.
type index struct {
	path      string
	stampPath string
	all       map[Key]indexed // what the file held when it was last read or written; nil before
}

func newIndex(dir string) index {
	return index{path: filepath.Join(dir, "keyring.index"), stampPath: filepath.Join(dir, "keyring.stamp")}
}

// indexed is an entry as it is written.
type indexed struct {
	IssuedAt   time.Time `json:"issued_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	Host       string    `json:"host,omitempty"`
	InstanceID string    `json:"instance_id,omitempty"`
	Email      string    `json:"email,omitempty"`
	Unsure     bool      `json:"unsure,omitempty"` // a write was begun, and is not known to have ended
}

func toIndexed(r Record) indexed {
	return indexed{IssuedAt: utc(r.IssuedAt), ExpiresAt: utc(r.ExpiresAt), Host: r.Host, InstanceID: r.InstanceID,
		Email: r.Email}
}

// asWritten is what an entry is in the file: itself, its times in UTC.
func asWritten(e indexed) indexed {
	e.IssuedAt, e.ExpiresAt = utc(e.IssuedAt), utc(e.ExpiresAt)
	return e
}

// load reads the file. One that is not there, is damaged or is of another version is not whole, and
// gives an empty index, which is rebuilt from the keyring; one that cannot be read is an error.
func (x *index) load() (whole bool, err error) {
	data, err := os.ReadFile(x.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var profiles map[string]map[string]indexed
	content, err := atomicfile.Unframe(indexKind, indexVersion, data)
	if whole = err == nil && json.Unmarshal(content, &profiles) == nil && profiles != nil; !whole {
		profiles = nil
	}
	x.all = flat(profiles, asWritten)
	return whole, nil
}

// agrees reports whether the index, as this process last saw it, says of a key what the keyring
// says; r is nil for what is not there. An entry that is unsure agrees with everything, as List
// will look it up, and so does an index that cannot be read: there is nothing to repair it with.
func (x *index) agrees(key Key, r *Record) bool {
	if !key.isPair() {
		return true
	}
	if x.all == nil {
		if _, err := x.load(); err != nil {
			return true
		}
	}
	noted, there := x.all[key]
	if r == nil || !there {
		return (r != nil) == there
	}
	return noted.Unsure || noted == toIndexed(*r)
}

// isUnsure reports whether an entry waits to be looked up.
func (x *index) isUnsure() bool {
	for _, e := range x.all {
		if e.Unsure {
			return true
		}
	}
	return false
}

// mark makes the entries of the pairs among the keys unsure, and writes the file. The caller holds
// the lock, and has loaded under it.
func (x *index) mark(keys []Key) error {
	marked := false
	for _, key := range keys {
		if key.isPair() {
			e := x.all[key]
			e.Unsure, marked = true, true
			x.all[key] = e
		}
	}
	if !marked {
		return nil
	}
	return x.write()
}

// update enters records into what was last loaded, drops those that are nil, and writes the file.
// The caller holds the lock, and has loaded under it.
func (x *index) update(changed map[Key]*Record) error {
	pairs := maps.Clone(changed)
	maps.DeleteFunc(pairs, func(key Key, _ *Record) bool { return !key.isPair() })
	if len(pairs) == 0 {
		return nil
	}
	for key, r := range pairs {
		if r == nil {
			delete(x.all, key)
		} else {
			x.all[key] = toIndexed(*r)
		}
	}
	return x.write()
}

// write replaces the file: profile → subject → entry, as JSON in a frame. The caller holds the
// lock.
func (x *index) write() error {
	data, err := json.Marshal(nested(x.all, asWritten))
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(x.path, atomicfile.Frame(indexKind, indexVersion, data), 0o600)
}

// makeRoom fails where the file could not be written with one entry more.
func (x *index) makeRoom() error {
	size := int64(recordOverhead)
	if info, err := os.Stat(x.path); err == nil {
		size += info.Size()
	}
	out, err := atomicfile.Create(x.path, 0o600)
	if err != nil {
		return err
	}
	defer out.Discard()
	return out.Reserve(size)
}

// list gives the entries of a profile, or of all for "", in the order that Store.List promises.
func (x *index) list(profile string) []Entry {
	entries := []Entry{}
	for key, e := range x.all {
		if profile == "" || key.Profile == profile {
			entries = append(entries, Entry{Key: key, IssuedAt: e.IssuedAt, ExpiresAt: e.ExpiresAt, Host: e.Host,
				InstanceID: e.InstanceID, Email: e.Email})
		}
	}
	sortEntries(entries)
	return entries
}
