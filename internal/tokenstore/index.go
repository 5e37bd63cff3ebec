package tokenstore

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/durable"
)

// index says which pairs are in the keyring, so that they can be listed without reading each. It holds no secrets,
// and it is a help, not the truth: what is missing in it is entered when the record is read, what is stale is dropped then.
type index struct {
	path string
	all  table // what the file held when it was last read or written, without secrets; nil before
}

func newIndex(dir string) index { return index{path: filepath.Join(dir, "keyring.json")} }

// indexed is an entry as it is written.
type indexed struct {
	IssuedAt   time.Time `json:"issued_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	Host       string    `json:"host,omitempty"`
	InstanceID string    `json:"instance_id,omitempty"`
}

func toIndexed(r Record) indexed {
	return indexed{IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt, Host: r.Host, InstanceID: r.InstanceID}
}

func (e indexed) record() Record {
	return Record{IssuedAt: utc(e.IssuedAt), ExpiresAt: utc(e.ExpiresAt), Host: e.Host, InstanceID: e.InstanceID}
}

// shown is the record without its secrets.
func shown(r Record) Record { return toIndexed(r).record() }

// load reads the file. A file that is not there or is damaged is not whole, and gives an empty index; one that cannot be read
// is an error.
func (x *index) load() (whole bool, err error) {
	data, err := os.ReadFile(x.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var profiles map[string]map[string]indexed
	if whole = json.Unmarshal(data, &profiles) == nil && profiles != nil; !whole {
		profiles = nil
	}
	x.all = flat(profiles, indexed.record)
	return whole, nil
}

// agrees tells whether the index, as this process last saw it, says of a key what the keyring says; r is nil for
// what is not there. An index that cannot be read agrees with everything: there is nothing to mend it with.
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
	return noted == shown(*r)
}

// update enters records into what was last loaded, drops those that are nil, and writes the file. The caller holds the lock,
// and has loaded under it.
func (x *index) update(changed map[Key]*Record) error {
	for key, r := range changed {
		switch {
		case !key.isPair():
		case r == nil:
			delete(x.all, key)
		default:
			x.all[key] = shown(*r)
		}
	}
	return x.write()
}

// write replaces the file: profile → subject → entry, as JSON. The caller holds the lock.
func (x *index) write() error {
	data, err := json.Marshal(nested(x.all, toIndexed))
	if err != nil {
		return err
	}
	return durable.WriteFile(x.path, data, 0o600)
}
